"""Decision tasks against their definitions, in plain Python."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqfit.targets import ContextIntegration, DelayedMatch, Memory
from seqfit.testing import check_target, samples

thresholds = st.integers(-16, 16).map(lambda n: n / 4)  # some inputs lie on them
few = settings(max_examples=60, derandomize=True, database=None, deadline=None)


@few
@given(
    x=samples(3, dtype="float64"),
    tolerance=st.integers(0, 16).map(lambda n: n / 4),
    threshold=thresholds,
)
def test_delayed_match_compares_every_second_stimulus_with_the_one_before(
    outputs, x, tolerance, threshold
):
    expected = np.zeros((*x.shape[:2], 1))
    for stream in range(x.shape[1]):
        shown = np.flatnonzero(x[:, stream, 2] > threshold).tolist()
        for sample, test in zip(shown[::2], shown[1::2], strict=False):
            apart = np.abs(x[test, stream, :2] - x[sample, stream, :2]).max()
            later = [s for s in shown if s > test]
            expected[test : later[0] if later else None, stream] = -1 if apart > tolerance else 1
    np.testing.assert_array_equal(outputs(DelayedMatch(tolerance, threshold), x), expected)


def test_delayed_match_of_two_trials(outputs):
    stimulus = [0, 0.8, 0, 0.8, 0, 0.3, 0, 0.9, 0]
    cue = [0, 1, 0, 1, 0, 1, 0, 1, 0]
    y = outputs(DelayedMatch(), np.float32([stimulus, cue]).T[:, None, :])
    assert y.ravel().tolist() == [0, 0, 0, 1, 1, 0, 0, -1, -1]


@few
@given(
    x=samples(4, dtype="float64"),
    gain=st.integers(-8, 8).map(lambda n: n / 8),
    bound=st.integers(1, 16).map(lambda n: n / 4),
    threshold=thresholds,
)
def test_context_integration_sums_what_is_relevant(outputs, x, gain, bound, threshold):
    expected = np.zeros((*x.shape[:2], 1))
    for stream in range(x.shape[1]):
        y = 0.0
        for t, (motion, colour, *contexts) in enumerate(x[:, stream].tolist()):
            relevant = [e for e, c in zip((motion, colour), contexts, strict=True) if c > threshold]
            y = min(max(y + gain * sum(relevant), -bound), bound) if relevant else 0.0
            expected[t, stream, 0] = y
    target = ContextIntegration(2, gain, bound, threshold)
    np.testing.assert_allclose(outputs(target, x), expected, rtol=0, atol=1e-12)


def test_irrelevant_evidence_does_not_count(outputs):
    motion, colour = [1.0] * 6, [-1.0] * 6
    motion_counts, colour_counts = [1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1]
    x = np.float64([motion, colour, motion_counts, colour_counts]).T[:, None, :]
    y = outputs(ContextIntegration(gain=0.25), x)
    assert y.ravel().tolist() == [0.25, 0.5, 0.0, -0.25, -0.5, -0.75]


@pytest.mark.parametrize(
    ("targets", "inputs", "bad_arguments"),
    [
        (
            st.builds(DelayedMatch, tolerance=st.floats(0, 4), threshold=thresholds),
            3,
            [{"tolerance": -0.1}, {"threshold": np.inf}],
        ),
        (
            st.builds(
                ContextIntegration,
                modalities=st.just(2),
                gain=st.floats(-2, 2),
                bound=st.floats(0.125, 4),
                threshold=thresholds,
            ),
            4,
            [{"modalities": 0}, {"bound": 0.0}, {"gain": None}, {"threshold": np.nan}],
        ),
    ],
    ids=["delayed_match", "context_integration"],
)
def test_they_obey_the_laws_whatever_their_parameters(targets, inputs, bad_arguments):
    check_target(targets, inputs=inputs, bad_arguments=bad_arguments)


@pytest.mark.parametrize(
    ("target", "determines", "bounds"),
    [(DelayedMatch(), False, (-1, 1)), (ContextIntegration(bound=0.5), True, (-0.5, 0.5))],
    ids=repr,
)
def test_they_say_what_they_remember(target, determines, bounds):
    assert target.memory == Memory.INFINITE
    assert target.output_determines_state is determines
    assert target.bounds == bounds


@pytest.mark.parametrize(
    ("target", "inputs", "message"),
    [
        (DelayedMatch(), 1, "DelayedMatch takes 2 or more input channels, got 1"),
        (ContextIntegration(3), 4, "ContextIntegration takes 6 input channels, got 4"),
    ],
)
def test_a_wrong_number_of_channels_is_refused(target, inputs, message):
    with pytest.raises(ValueError, match=message):
        target.outputs(inputs)
