"""Hysteresis against its definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqfit.targets import Play, Relay, Stop
from seqfit.testing import samples

numbers = st.floats(-5, 5)
widths = st.floats(0.1, 6)
inputs = samples(2, dtype="float64")
few = settings(max_examples=60, derandomize=True, database=None, deadline=None)


@few
@given(x=inputs, width=widths, initial=numbers)
def test_play_moves_only_at_either_end(outputs, x, width, initial):
    y, expected = np.full(x.shape[1:], initial), np.empty_like(x)
    for t, x_t in enumerate(x):
        ahead = x_t - y
        pushed = np.abs(ahead) > width / 2
        y = np.where(pushed, x_t - np.sign(ahead) * width / 2, y)
        expected[t] = y
    np.testing.assert_allclose(outputs(Play(width, initial), x), expected, rtol=0, atol=1e-13)


def test_play_of_a_triangle(outputs):
    x = np.array([0.0, 1, 2, 1, 0, -1]).reshape(-1, 1, 1)
    np.testing.assert_array_equal(outputs(Play(width=2), x).ravel(), [0, 0, 1, 1, 1, 0])


@few
@given(x=inputs, width=widths)
def test_stop_and_play_add_up_to_the_input(outputs, x, width):
    both = outputs(Stop(width), x) + outputs(Play(width), x)
    np.testing.assert_allclose(both, x, rtol=0, atol=1e-11)


def test_stop_yields_at_its_bounds(outputs):
    x = np.array([0.0, 1, 2, 1, 0, -1]).reshape(-1, 1, 1)
    np.testing.assert_array_equal(outputs(Stop(2, initial=0.5), x).ravel(), [0.5, 1, 1, 0, -1, -1])


@few
@given(
    x=inputs,
    low=st.floats(-4, 0),
    span=widths,
    values=st.lists(numbers, min_size=2, max_size=2, unique=True),
    starts_on=st.booleans(),
)
def test_relay_stands_as_the_last_threshold_that_was_passed_says(
    outputs, x, low, span, values, starts_on
):
    high, (off, on) = low + span, values
    expected = np.empty_like(x)
    for place in np.ndindex(x.shape):
        past = x[: place[0] + 1, place[1], place[2]]
        passed = past[(past > high) | (past < low)]
        is_on = passed[-1] > high if len(passed) else starts_on
        expected[place] = on if is_on else off
    np.testing.assert_array_equal(outputs(Relay(low, high, off, on, starts_on), x), expected)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Play(width=0), "width must be a positive, finite number, got 0"),
        (lambda: Stop(1, initial=0.6), "initial must lie within half of width=1 around 0, got 0.6"),
        (lambda: Relay(high=0.1), "high must be above low=0.25, got 0.1"),
        (lambda: Relay(on=0), "on must differ from off=0.0, got 0"),
    ],
)
def test_a_bad_argument_is_named_with_its_value(build, message):
    with pytest.raises(ValueError, match=message):
        build()
