"""Holds against their definitions."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seqfit.targets import PeakHold, SampleHold, TriggeredHold
from seqfit.testing import samples

inputs = samples(2, dtype="float64")
few = settings(max_examples=60, derandomize=True, database=None, deadline=None)


@few
@given(x=inputs, every=st.integers(1, 40))
def test_sample_hold_gives_the_last_sampled_input(outputs, x, every):
    sampled = np.arange(len(x)) // every * every
    np.testing.assert_array_equal(outputs(SampleHold(every), x), x[sampled])


@few
@given(x=samples(2, dtype="float64"), threshold=st.floats(-2, 2), initial=st.floats(-5, 5))
def test_triggered_hold_gives_the_input_of_the_last_trigger(outputs, x, threshold, initial):
    expected = np.full((*x.shape[:2], 1), initial)
    for stream in range(x.shape[1]):
        for t in range(len(x)):
            triggers = np.flatnonzero(x[: t + 1, stream, 1] > threshold)
            if triggers.size:
                expected[t, stream, 0] = x[triggers[-1], stream, 0]
    np.testing.assert_array_equal(outputs(TriggeredHold(threshold, initial), x), expected)


@few
@given(x=inputs, decay=st.floats(0, 1), initial=st.floats(-5, 5))
def test_peak_hold_is_the_greatest_of_all_decayed_inputs(outputs, x, decay, initial):
    expected = np.empty_like(x)
    for t in range(len(x)):
        left = decay ** np.arange(t + 1, -1, -1)[:, None, None]
        past = np.concatenate([np.full((1, *x.shape[1:]), initial), x[: t + 1]])
        expected[t] = np.max(left * past, axis=0)
    np.testing.assert_allclose(outputs(PeakHold(decay, initial), x), expected, rtol=0, atol=1e-13)


def test_peak_hold_without_decay_is_the_running_maximum(outputs):
    x = np.random.default_rng(0).normal(size=(50, 2, 1))
    np.testing.assert_array_equal(
        outputs(PeakHold(decay=1, initial=-9), x), np.maximum.accumulate(x)
    )
