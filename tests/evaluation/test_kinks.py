"""Errors near kinks and elsewhere, against a search for the kinks sample by sample."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqfit.evaluation.kinks import RunningKinkErrors


def near_kinks(y, low, high, within):
    """Whether each output is near a kink, and how many there are, written straight down."""
    near, count = np.zeros(y.shape, bool), 0
    for stream in range(y.shape[1]):
        for channel in range(y.shape[2]):
            path = y[:, stream, channel]
            for t in range(1, len(path)):
                if (path[t] >= high, path[t] <= low) != (path[t - 1] >= high, path[t - 1] <= low):
                    count += 1
                    near[max(t - within, 0) : t + within + 1, stream, channel] = True
    return near, count


def run(seed, length):
    rng = np.random.default_rng(seed)
    y = np.clip(np.cumsum(rng.normal(size=(length, 2, 2)), axis=0) * 0.4, -0.3, 0.7)
    return y + 0.1 * rng.normal(size=y.shape), y


@given(
    st.integers(0, 1000),
    st.lists(st.integers(1, 40), min_size=1, max_size=6),
    st.integers(0, 12),
    st.sampled_from([(-0.3, 0.7), (-math.inf, 0.7), (-0.3, math.inf)]),
)
def test_errors_are_those_of_a_search_sample_by_sample(seed, chunks, within, bounds):
    prediction, y = run(seed, sum(chunks))
    running, first = RunningKinkErrors(bounds, 2, 2, within), 0
    for chunk in chunks:
        running.add(prediction[first : first + chunk], y[first : first + chunk])
        first += chunk
        near, count = near_kinks(y[:first], *bounds, within)
        errors, found = np.abs(prediction - y)[:first], running.errors()
        assert (found.kinks, found.within) == (count, within)
        for group, where in ((found.near, near), (found.elsewhere, ~near)):
            if not where.any():
                assert group is None
                continue
            assert group.count == where.sum()
            assert group.mae == pytest.approx(errors[where].mean())
            assert group.rmse == pytest.approx(np.sqrt((errors[where] ** 2).mean()))
            assert group.max == errors[where].max()


def test_bounds_are_met_in_the_precision_of_the_outputs():
    y = np.array([0.0, 0.1, 0.3, 0.3, 0.1], dtype=np.float32)[:, None, None]
    running = RunningKinkErrors((-math.inf, 0.3), 1, 1, within=0)
    running.add(y, y)
    assert running.errors().kinks == 2
