"""Integrals at their bounds against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqfit.signals import RandomHold
from seqfit.targets import (
    BackCalculatedIntegral,
    ClippedSum,
    DeadZone,
    DeadZoneIntegral,
    Memory,
    ResettableIntegral,
    SaturatedIntegral,
)
from seqfit.testing import samples

inputs = samples(2, dtype="float64")
gains = st.floats(-2, 2)
few = settings(max_examples=60, derandomize=True, database=None, deadline=None)


@few
@given(x=inputs, gain=gains, offset=gains, low=st.floats(-3, 0), span=st.floats(0.1, 5))
def test_clipped_sum_is_the_cumulative_sum_clipped(outputs, x, gain, offset, low, span):
    actual = outputs(ClippedSum(gain, offset, low, low + span, initial=0.3), x)
    expected = np.clip(0.3 + np.cumsum(gain * (x - offset), axis=0), low, low + span)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-11)


def test_clipping_inside_and_after_the_recursion_differ_on_most_samples(outputs):
    signal = RandomHold()
    x, _ = signal.generate(signal.start(8, seed=0), 20_000)
    differ = np.abs(outputs(ClippedSum(), x) - outputs(SaturatedIntegral(), x)) > 1e-3
    assert differ.mean() > 0.5


def test_a_clipped_sum_takes_as_long_back_as_it_went_beyond(outputs):
    x = np.repeat([1.0, 0.0], [20, 20]).reshape(-1, 1, 1)
    wound_up = outputs(ClippedSum(gain=0.5), x).ravel()  # the sum is 5 after 20 samples
    np.testing.assert_allclose(wound_up[19:36], 1.0)
    assert wound_up[36] == pytest.approx(0.75)
    assert outputs(SaturatedIntegral(gain=0.5), x).ravel()[20] == pytest.approx(0.75)


@few
@given(x=inputs, gain=gains, tracking=st.floats(0, 1))
def test_back_calculation_takes_back_a_share_of_the_excess(outputs, x, gain, tracking):
    s, expected = np.zeros(x.shape[1:]), np.empty_like(x)
    for t, x_t in enumerate(x):
        v = s + gain * (x_t - 0.5)
        expected[t] = np.clip(v, -1, 2)
        s = v - tracking * (v - expected[t])
    target = BackCalculatedIntegral(tracking, gain, low=-1, high=2)
    np.testing.assert_allclose(outputs(target, x), expected, rtol=0, atol=1e-12)


@few
@given(x=inputs, gain=gains)
def test_back_calculation_lies_between_the_sum_and_the_saturated_integral(outputs, x, gain):
    wound_up = outputs(BackCalculatedIntegral(0, gain), x)
    np.testing.assert_array_equal(wound_up, outputs(ClippedSum(gain), x))
    at_once = outputs(BackCalculatedIntegral(1, gain), x)
    np.testing.assert_allclose(at_once, outputs(SaturatedIntegral(gain), x), atol=1e-12)


@few
@given(x=inputs, width=st.floats(0.01, 3), gain=gains, offset=gains)
def test_dead_zone_integral_is_a_dead_zone_before_an_integral(outputs, x, width, gain, offset):
    chain = DeadZone(-width, width) >> SaturatedIntegral(gain, 0, -1, 2)
    actual = outputs(DeadZoneIntegral(width, gain, offset, -1, 2), x)
    np.testing.assert_allclose(actual, outputs(chain, x - offset), rtol=0, atol=1e-12)


@few
@given(x=inputs, gain=gains, threshold=gains)
def test_a_reset_starts_the_integral_anew(outputs, x, gain, threshold):
    target = ResettableIntegral(gain, 0.5, -1, 2, initial=0.7, threshold=threshold)
    actual = outputs(target, x)[..., 0]
    for stream in range(x.shape[1]):
        resets = np.flatnonzero(x[:, stream, 1] > threshold)
        np.testing.assert_array_equal(actual[resets, stream], 0.7)
        for stretch in np.split(np.arange(len(x)), resets):
            summed = stretch[1:] if len(stretch) and stretch[0] in resets else stretch
            alone = x[summed, stream, :1].reshape(-1, 1, 1)
            expected = outputs(SaturatedIntegral(gain, 0.5, -1, 2, initial=0.7), alone).ravel()
            np.testing.assert_array_equal(actual[summed, stream], expected)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ClippedSum(low=2), "high must be above low=2, got 1.0"),
        (lambda: BackCalculatedIntegral(2), "tracking must be a number from 0 to 1"),
        (lambda: DeadZoneIntegral(-1), "dead_zone must be a non-negative, finite number, got -1"),
        (
            lambda: ResettableIntegral(initial=3),
            "initial must lie between low=0.0 and high=1.0, got 3",
        ),
    ],
)
def test_a_bad_argument_is_named_with_its_range(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_a_reset_channel_is_needed():
    with pytest.raises(ValueError, match="ResettableIntegral takes 2 input channels, got 1"):
        ResettableIntegral().outputs(1)


@pytest.mark.parametrize(
    ("target", "determines"),
    [
        (ClippedSum(), False),
        (BackCalculatedIntegral(), False),
        (BackCalculatedIntegral(1), True),
        (DeadZoneIntegral(), True),
        (ResettableIntegral(), True),
    ],
    ids=repr,
)
def test_memory_and_whether_an_output_tells_the_state_are_declared(target, determines):
    assert target.memory == Memory.INFINITE
    assert target.output_determines_state is determines
