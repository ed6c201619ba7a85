"""Drift: found where it was planted, and nowhere else."""

import numpy as np
import pytest

from seqfit.evaluation.drift import RunningDrift


def drift_of(error, chunks=None):
    running = RunningDrift(len(error), error.shape[1])
    for chunk in np.array_split(error, chunks or 1):
        running.add(chunk, np.zeros_like(chunk))
    return running.drift()


def noise(seed, length=2000, streams=8, outputs=1):
    return np.random.default_rng(seed).normal(size=(length, streams, outputs))


def test_the_course_is_the_rmse_of_each_tenth():
    error = noise(0, 1237, 3, 2)
    course = drift_of(error, chunks=7).course
    ends = [1237 * tenth // 10 for tenth in range(11)]
    for i, rmse in enumerate(course):
        assert rmse == pytest.approx(np.sqrt((error[ends[i] : ends[i + 1]] ** 2).mean()))


def test_the_ratio_is_the_geometric_mean_over_streams():
    error = noise(0, 1000, 5)
    rms = [np.sqrt((part**2).mean(axis=(0, 2))) for part in (error[:100], error[-100:])]
    drift = drift_of(error)
    assert drift.ratio == pytest.approx(np.exp(np.log(rms[1] / rms[0]).mean()))
    assert drift.ratio in drift.interval


def test_an_error_that_grows_is_found():
    growth = np.linspace(1.0, 1.5, 2000)[:, None, None]
    drift = drift_of(growth * noise(0))
    assert drift.grows
    assert 1.475 / 1.025 in drift.interval  # the middles of the tenths
    assert "it grows" in str(drift)


def test_an_error_that_shrinks_does_not_grow():
    drift = drift_of(np.linspace(1.5, 1.0, 2000)[:, None, None] * noise(0))
    assert not drift.grows
    assert drift.interval.high < 1


def test_a_steady_error_is_rarely_said_to_grow():
    found = sum(drift_of(noise(seed, 200)).grows for seed in range(1000))
    assert 10 <= found <= 40  # 25 are expected of 1000, with a standard deviation of 5


def test_what_can_not_be_said_is_left_out():
    assert drift_of(noise(0, streams=1)).interval is None
    error = noise(0)
    error[:200, 3] = 0
    drift = drift_of(error)
    assert (drift.ratio, drift.interval, drift.grows) == (None, None, False)
    error = noise(0)
    error[-1, 3] = np.inf
    assert drift_of(error).ratio is None
    assert drift_of(error).as_dict()["course"][-1] is None
