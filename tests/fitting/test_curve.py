"""The loss curve keeps its memory bounded and its means right."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqfit.fitting.curve import CAPACITY, LossCurve


@given(st.integers(1, 10 * CAPACITY))
def test_stretches_are_equal_and_their_means_right(updates):
    curve = LossCurve()
    losses = np.arange(updates, dtype=float)
    for i, loss in enumerate(losses):
        curve.add(3 * (i + 1), loss)
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
    for i in range(20):
        curve.add(i, float(i))
    assert curve.recent(2) == pytest.approx(18.5)
