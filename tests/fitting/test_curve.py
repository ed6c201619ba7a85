"""The loss curve keeps its memory bounded and its means right."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqfit.fitting.curve import CAPACITY, LossCurve


@given(st.integers(1, 10 * CAPACITY), st.integers(1, 5000))
def test_stretches_are_equal_and_their_means_right(updates, at_once):
    curve = LossCurve()
    losses = np.arange(updates, dtype=float)
    for first in range(0, updates, at_once):
        curve.extend(3 * first, 3, losses[first : first + at_once].tolist())
    stretches = len(curve.losses)
    assert stretches <= CAPACITY
    whole = stretches * curve.stride
    assert updates - whole == curve.pending[1] < curve.stride
    np.testing.assert_allclose(curve.losses, losses[:whole].reshape(stretches, -1).mean(axis=1))
    assert curve.samples == [3 * curve.stride * (i + 1) for i in range(stretches)]


def test_before_the_first_update_there_is_no_loss():
    assert np.isnan(LossCurve().recent())


def test_the_recent_loss_is_that_of_the_newest_stretches():
    curve = LossCurve()
    curve.extend(0, 1, [*map(float, range(20))])
    assert curve.recent(2) == pytest.approx(18.5)


@given(st.lists(st.floats(0, 1e3) | st.just(np.nan), max_size=3 * CAPACITY), st.integers(1, 999))
def test_pieces_make_no_difference_and_what_is_no_number_is_left_out(losses, piece):
    whole, pieced = LossCurve(), LossCurve()
    whole.extend(0, 2, losses)
    for first in range(0, len(losses), piece):
        pieced.extend(2 * first, 2, losses[first : first + piece])
    assert pieced == whole
    assert not np.isnan(whole.losses).any()
