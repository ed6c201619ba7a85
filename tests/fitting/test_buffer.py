"""Samples that wait or are looked back on: kept whole, and in time that does not depend on them."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqfit import Fitter
from seqfit.fitting.tail import Tail
from seqfit.models import RNN
from seqfit.schedules import EveryWindow, Replay


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 40), st.floats(0, 1)), max_size=30))
def test_what_is_added_and_not_dropped_is_held(steps):
    tail, expected, handed_out = Tail.of(np.empty((0, 1, 1))), np.empty((0, 1, 1)), []
    number = 0
    for added, share in steps:
        new = np.arange(number, number + added, dtype=float)[:, None, None]
        number += added
        tail.append(new)
        expected = np.concatenate([expected, new])
        dropped = int(share * len(expected))
        tail.drop(dropped)
        expected = expected[dropped:]
        np.testing.assert_array_equal(tail.samples, expected)
        handed_out.append((tail.samples, tail.samples.copy()))
    for view, then in handed_out:
        np.testing.assert_array_equal(view, then)


def test_memory_is_given_back():
    tail = Tail.of(np.zeros((100_000, 1, 1)))
    tail.drop(99_990)
    assert tail.samples.base.nbytes == 10 * 8


def partial_fits(held):
    """Seconds for samples one by one, with so many held to be replayed."""
    fitter = Fitter(model=RNN(hidden=2, head=()), schedule=Replay(EveryWindow(500), capacity=held))
    fitter.partial_fit(np.zeros(held), np.zeros(held))
    taken = []
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(80):
            fitter.partial_fit([0.0], [0.0])
        taken.append(time.perf_counter() - begin)
    return min(taken)


@pytest.mark.slow
def test_a_sample_takes_no_longer_where_many_are_held():
    """It copied 16 MB a sample when all that is held was moved at each call: 50 times as long."""
    few, many = partial_fits(1000), partial_fits(2_000_000)
    assert many < 3 * few
