"""Logic against its definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqfit.targets import Counter, Debounce, DelayedParity, RunningParity, Threshold
from seqfit.testing import samples

thresholds = st.integers(-16, 16).map(lambda n: n / 4)  # some inputs lie on them
inputs = samples(2, dtype="float64")
few = settings(max_examples=60, derandomize=True, database=None, deadline=None)


@few
@given(x=inputs, threshold=thresholds)
def test_a_threshold_itself_counts_as_0(outputs, x, threshold):
    expected = np.heaviside(x - threshold, 0.0)
    np.testing.assert_array_equal(outputs(Threshold(threshold), x), expected)


@pytest.mark.parametrize(
    "target", [Threshold(0.1), RunningParity(0.1), DelayedParity(1, 0, 0.1), Debounce(1, 0.1)]
)
def test_an_input_of_float32_is_compared_in_float64(outputs, target):
    just_above = np.full((1, 1, 1), np.float32(0.1))  # 0.1 rounds upwards
    np.testing.assert_array_equal(outputs(target, just_above), 1.0)


@few
@given(x=inputs, length=st.integers(1, 8), threshold=thresholds)
def test_debounce_waits_for_equal_bits_in_a_row(outputs, x, length, threshold):
    expected = np.empty_like(x)
    for line in np.ndindex(x.shape[1:]):
        bits, y = x[(slice(None), *line)] > threshold, False
        for t in range(len(x)):
            last = bits[max(0, t - length + 1) : t + 1]
            if len(last) == length and (last != y).all():
                y = not y
            expected[(t, *line)] = y
    np.testing.assert_array_equal(outputs(Debounce(length, threshold), x), expected)


def test_debounce_ignores_short_pulses(outputs):
    x = np.float64([1, 1, 0, 1, 1, 1, 0, 0, 1, 0, 0, 0]).reshape(-1, 1, 1)
    expected = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0]
    np.testing.assert_array_equal(outputs(Debounce(3), x).ravel(), expected)


@few
@given(x=inputs, threshold=thresholds)
def test_running_parity_is_the_parity_of_the_count(outputs, x, threshold):
    expected = np.cumsum(x > threshold, axis=0) % 2
    np.testing.assert_array_equal(outputs(RunningParity(threshold), x), expected)


@few
@given(x=inputs, bits=st.integers(1, 8), delay=st.integers(0, 20), threshold=thresholds)
def test_delayed_parity_is_that_of_earlier_bits(outputs, x, bits, delay, threshold):
    target, expected = DelayedParity(bits, delay, threshold), np.empty_like(x)
    for t in range(len(x)):
        end = max(0, t - delay + 1)
        expected[t] = np.logical_xor.reduce(x[max(0, end - bits) : end] > threshold, axis=0)
    for t in range(min(delay, len(x))):
        assert (expected[t] == 0).all()
    np.testing.assert_array_equal(outputs(target, x), expected)


@few
@given(x=inputs, threshold=thresholds)
def test_counter_counts_from_the_last_reset(outputs, x, threshold):
    expected = np.empty((*x.shape[:2], 1))
    counts, resets = x[..., 0] > threshold, x[..., 1] > threshold
    for t, stream in np.ndindex(x.shape[:2]):
        places = np.flatnonzero(resets[: t + 1, stream])
        since = places[-1] + 1 if len(places) else 0
        expected[t, stream] = counts[since : t + 1, stream].sum()
    np.testing.assert_array_equal(outputs(Counter(threshold), x), expected)


def test_a_counter_needs_a_channel_that_resets_it():
    with pytest.raises(ValueError, match="Counter takes 2 input channels, got 1"):
        Counter().outputs(1)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Debounce(0), "samples must be a positive int, got 0"),
        (lambda: DelayedParity(bits=0), "bits must be a positive int, got 0"),
        (lambda: DelayedParity(delay=-1), "delay must be a non-negative int, got -1"),
        (lambda: Counter(np.nan), "threshold must be a finite number, got nan"),
    ],
)
def test_a_bad_argument_is_named_with_its_value(build, message):
    with pytest.raises(ValueError, match=message):
        build()
