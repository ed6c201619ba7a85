"""Scores and their intervals, against the formulas and against what is true."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from seqfit.evaluation import Interval, RunningScores, score
from seqfit.evaluation.intervals import mean_interval


def run(seed, length=200, streams=3, outputs=2, dtype=np.float64):
    """A prediction and what should have come out, channels with means far from 0."""
    rng = np.random.default_rng(seed)
    y = 100 + 3 * rng.normal(size=(length, streams, outputs)) * [1.0, 5.0][:outputs]
    return (y + rng.standard_t(3, size=y.shape)).astype(dtype), y.astype(dtype)


@given(st.integers(0, 1000), st.integers(1, 300), st.integers(1, 4), st.integers(1, 2))
def test_scores_are_their_formulas(seed, length, streams, outputs):
    prediction, y = run(seed, length, streams, outputs)
    error, centred = prediction - y, y - y.mean(axis=(0, 1))
    scores = score(prediction, y)
    assert scores.mae == pytest.approx(np.abs(error).mean())
    assert scores.rmse == pytest.approx(np.sqrt((error**2).mean()))
    assert scores.max == np.abs(error).max()
    assert scores.p99 == pytest.approx(np.quantile(np.abs(error), 0.99), rel=1e-12)
    assert (scores.samples, scores.streams) == (length * streams, streams)
    if length * streams > 1:
        share = (error**2).sum() / (centred**2).sum()
        assert scores.r2 == pytest.approx(1 - share, rel=1e-9, abs=1e-9)
        assert scores.nrmse == pytest.approx(np.sqrt(share), rel=1e-9)
        assert scores.fit_percent == pytest.approx(100 * (1 - np.sqrt(share)), rel=1e-9, abs=1e-9)


@given(
    st.integers(0, 1000),
    st.lists(st.integers(1, 120), min_size=1, max_size=8),
    st.sampled_from([np.float32, np.float64]),
)
def test_scores_do_not_depend_on_the_chunks(seed, chunks, dtype):
    prediction, y = run(seed, sum(chunks), dtype=dtype)
    running, first = RunningScores(2 * len(y), 3, 2), 0
    for chunk in chunks:
        running.add(prediction[first : first + chunk], y[first : first + chunk])
        first += chunk
        so_far, whole = running.scores(), score(prediction[:first], y[:first])
        assert so_far.as_dict() == {
            name: value if value is None or isinstance(value, dict) else pytest.approx(value)
            for name, value in (whole.as_dict() | intervals(so_far)).items()
        }
        assert (so_far.max, so_far.p99) == (whole.max, whole.p99)
        assert so_far.mae_interval.low == pytest.approx(whole.mae_interval.low)
        assert so_far.rmse_interval.high == pytest.approx(whole.rmse_interval.high)


def intervals(scores):
    return {name: scores.as_dict()[name] for name in ("mae_interval", "rmse_interval")}


def test_memory_holds_one_percent_of_the_errors():
    running = RunningScores(1_000_000, 8, 1)
    rng = np.random.default_rng(0)
    for _ in range(40):
        y = rng.normal(size=(25_000, 8, 1)).astype(np.float32)
        running.add(np.zeros_like(y), y)
        assert running._largest.nbytes <= 8 * 80_001
    assert running.scores().p99 == pytest.approx(stats.norm.ppf(0.995), abs=2e-3)


def test_more_than_was_announced_is_refused():
    running = RunningScores(3, 1, 1)
    with pytest.raises(ValueError, match="3 errors were announced, 4 have come"):
        running.add(np.zeros((4, 1, 1)), np.zeros((4, 1, 1)))


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9])
def test_a_constant_target_has_no_spread_to_measure_by(value):
    y = np.full((1000, 7, 1), value)
    scores = score(y + 0.25, y)
    assert scores.rmse == pytest.approx(0.25, rel=1e-6)
    assert (scores.nrmse, scores.r2, scores.fit_percent) == (None, None, None)
    assert "NRMSE" not in str(scores)


def test_outputs_that_are_no_numbers_are_infinitely_far_off():
    prediction, y = run(0)
    prediction[-1, 0, 0], prediction[-2, 1, 0] = np.nan, np.inf
    scores = score(prediction, y)
    assert scores.mae == scores.rmse == scores.max == scores.nrmse == math.inf
    assert math.isfinite(scores.p99)
    assert (scores.mae_interval, scores.rmse_interval) == (None, None)
    data = json.loads(json.dumps(scores.as_dict(), allow_nan=False))
    assert data["mae"] is None
    assert score(np.full_like(y, 1e300), y).rmse == math.inf


def test_scores_of_equal_runs_are_equal():
    assert score(*run(1)) == score(*run(1))
    assert score(*run(1)) != score(*run(2))


def test_the_interval_of_a_mean_is_students():
    values = np.random.default_rng(0).normal(size=9)
    expected = stats.t.interval(0.95, 8, values.mean(), stats.sem(values))
    interval = mean_interval(values)
    assert (interval.low, interval.high) == pytest.approx(expected)


def test_one_stream_gives_no_interval():
    scores = score(*run(0, streams=1))
    assert (scores.mae_interval, scores.rmse_interval) == (None, None)


@pytest.mark.parametrize("streams", [2, 8, 30])
def test_intervals_hold_the_truth_as_often_as_they_say(streams):
    rng = np.random.default_rng(streams)
    runs, length = 2000, 400
    held = {"mae": 0, "rmse": 0}
    # Each stream has a scale of its own; the truth is what infinitely many streams would give.
    scales = 1 + 0.05 * rng.normal(size=(runs, streams))
    truth = {"mae": math.sqrt(2 / math.pi), "rmse": math.sqrt(1 + 0.05**2)}
    for scale in scales:
        error = scale[None, :, None] * rng.normal(size=(length, streams, 1))
        scores = score(error, np.zeros_like(error))
        held["mae"] += truth["mae"] in scores.mae_interval
        held["rmse"] += truth["rmse"] in scores.rmse_interval
    # A share of 2000 has a standard error of 0.5%.
    assert held["mae"] / runs == pytest.approx(0.95, abs=0.02)
    assert held["rmse"] / runs == pytest.approx(0.95, abs=0.02)


def test_lower_ends_are_not_below_zero():
    error = np.zeros((10, 2, 1))
    error[:, 0] = 1.0
    scores = score(error, np.zeros_like(error))
    assert scores.mae_interval == Interval(0.0, scores.mae_interval.high)
    assert scores.rmse_interval.low == 0.0
