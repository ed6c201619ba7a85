"""Limiters against their definitions."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seqfit.targets import DeadZone, RateLimiter
from seqfit.testing import samples

numbers = st.floats(-5, 5)
rates = st.floats(0.01, 6)
inputs = samples(2, dtype="float64")
few = settings(max_examples=60, derandomize=True, database=None, deadline=None)


@few
@given(x=inputs, up=rates, down=rates, initial=numbers)
def test_rate_limiter_adds_the_clipped_difference(outputs, x, up, down, initial):
    y, expected = np.full(x.shape[1:], initial), np.empty_like(x)
    for t, x_t in enumerate(x):
        y = y + np.clip(x_t - y, -down, up)
        expected[t] = y
    actual = outputs(RateLimiter(up, down, initial), x)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12)


def test_rate_limiter_rises_and_falls_at_its_rates(outputs):
    x = np.array([3.0, 3, 3, -3, -3]).reshape(-1, 1, 1)
    np.testing.assert_array_equal(outputs(RateLimiter(1, 4), x).ravel(), [1, 2, 3, -1, -3])


@few
@given(x=inputs, low=numbers, span=rates)
def test_dead_zone_gives_what_lies_beyond(outputs, x, low, span):
    high = low + span
    expected = np.where(x > high, x - high, np.where(x < low, x - low, 0.0))
    np.testing.assert_array_equal(outputs(DeadZone(low, high), x), expected)
