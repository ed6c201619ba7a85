"""The full account of a fit: horizons, drift, kinks, starts."""

import numpy as np
import pytest
import torch

from seqfit import Fitter, recipes, states
from seqfit.evaluation import examine
from seqfit.evaluation.drift import RunningDrift
from seqfit.evaluation.kinks import RunningKinkErrors
from seqfit.models import GRU, RNN, Wrap
from seqfit.schedules import EveryWindow
from seqfit.signals import RandomHold, UniformNoise
from seqfit.targets import LeakyIntegral, SaturatedIntegral


class Sum(torch.nn.Module):
    """y[t] = y[t-1] + gain x[t]: what LeakyIntegral(leak=0, gain=gain) is."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.tensor(0.05))

    def start(self, streams):
        return torch.zeros(streams, 1)

    def forward(self, x, state):
        y = state + self.gain * x.cumsum(0)
        return y, y[-1]


@pytest.fixture(scope="module")
def exact():
    return Fitter.of(recipes.exact(samples=1000)).fit()


def summing(gain):
    """A sum that is right but for its gain; a window longer than the fit leaves it so."""
    fitter = Fitter(
        UniformNoise(-1, 1), LeakyIntegral(leak=0, gain=0.05), Wrap(Sum), EveryWindow(10)
    )
    fitter.fit(10)
    with torch.no_grad():
        fitter.module.module.gain.fill_(gain)
    return fitter


def test_each_horizon_has_the_scores_of_a_free_run_of_its_length(exact):
    evaluation = examine(exact, horizons=[2_000, 500], streams=4, seed=9)
    assert [horizon.length for horizon in evaluation.horizons] == [500, 2_000]
    for horizon in evaluation.horizons:
        expected = exact.evaluate(4 * horizon.length, streams=4, seed=9)
        assert horizon.scores.max == expected.max
        assert horizon.scores.rmse == pytest.approx(expected.rmse, rel=1e-12)


def test_horizons_are_multiples_of_what_was_fitted(exact):
    evaluation = examine(exact, streams=1)
    assert [h.length for h in evaluation.horizons] == [1_000, 10_000, 100_000, 1_000_000]
    assert evaluation.fitted == 1_000
    assert evaluation.horizons[-1].scores.max < 3e-6


def test_a_drifting_run_is_told_from_an_exact_one(exact):
    drifting = examine(summing(0.0505), horizons=[5_000]).drift
    assert drifting.grows
    # A random walk's deviation grows with the root of time: the mean square of the last tenth is
    # 19 times that of the first, so the ratio is near 4.4.
    assert 2 < drifting.ratio < 9
    assert not examine(exact, horizons=[5_000]).drift.grows


def test_drift_is_seldom_seen_where_there_is_none():
    """The interval has a confidence of 95%, so one run in 40 is said to grow."""
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(400):
        drift = RunningDrift(100, 8)
        y = np.zeros((100, 8, 1))
        drift.add(rng.normal(size=y.shape), y)
        found += drift.drift().grows
    assert found < 25  # 10 expected, with a deviation of 3.1


def test_drift_does_not_depend_on_chunks():
    rng = np.random.default_rng(1)
    y = rng.normal(size=(237, 3, 2))
    prediction = y + rng.normal(size=y.shape)
    whole, parts = RunningDrift(237, 3), RunningDrift(237, 3)
    whole.add(prediction, y)
    for first, last in ((0, 1), (1, 100), (100, 237)):
        parts.add(prediction[first:last], y[first:last])
    np.testing.assert_allclose(parts.drift().course, whole.drift().course, rtol=1e-12)
    tenths = [np.sqrt(np.mean(part**2)) for part in np.split(prediction - y, [23])[:1]]
    assert whole.drift().course[0] == pytest.approx(tenths[0])


@pytest.mark.parametrize("cuts", [[], [1], [3, 4, 50], [20, 21, 22, 23, 24, 25, 26, 99]])
def test_errors_near_kinks_are_those_a_few_samples_from_where_bounds_are_met(cuts):
    rng = np.random.default_rng(2)
    y = np.clip(rng.normal(size=(100, 2, 1)).cumsum(axis=0) * 0.3, 0, 1)
    error = rng.normal(size=y.shape)
    running = RunningKinkErrors((0.0, 1.0), 2, 1, within=3)
    for part_y, part_e in zip(np.split(y, cuts), np.split(error, cuts), strict=True):
        running.add(part_y + part_e, part_y)
    found = running.errors()
    near, kinks = np.zeros(y.shape, bool), 0
    for stream in range(2):
        place = np.where(y[:, stream, 0] >= 1, 1, np.where(y[:, stream, 0] <= 0, -1, 0))
        for t in range(1, 100):
            if place[t] != place[t - 1]:
                kinks += 1
                near[max(t - 3, 0) : t + 4, stream] = True
    assert found.kinks == kinks > 5
    assert found.near.count == near.sum()
    assert found.near.mae == pytest.approx(np.abs(error[near]).mean())
    assert found.elsewhere.rmse == pytest.approx(np.sqrt((error[~near] ** 2).mean()))


def test_a_target_without_bounds_has_no_kinks():
    assert examine(summing(0.05), horizons=[100]).kinks is None
    assert examine(Fitter.of(recipes.exact(samples=500)).fit(), horizons=[100]).kinks is not None


def test_starts_tell_how_a_model_finds_its_state(exact):
    """The integral forgets a wrong start only at its bounds; true outputs tell it at once."""
    starts = examine(exact, horizons=[300], washout=20).starts
    assert starts.right.max < 2e-6
    assert starts.wrong.max > 0.01
    assert starts.warmed_up.max < 2e-6
    assert starts.one_step_ahead.max < 2e-6
    assert starts.exposure is not None


def test_a_network_without_feedback_has_no_prediction_one_step_ahead():
    fitter = Fitter(RandomHold(), SaturatedIntegral(), GRU(hidden=4), EveryWindow(10)).fit(100)
    starts = examine(fitter, horizons=[200]).starts
    assert starts.one_step_ahead is None
    assert starts.warmed_up is None
    assert starts.exposure is None


def test_one_stream_gives_no_interval(exact):
    evaluation = examine(exact, horizons=[100], streams=1)
    assert evaluation.horizons[0].scores.mae_interval is None
    assert "nan" not in str(evaluation).lower()


def test_training_is_not_disturbed():
    def fresh():
        return Fitter(RandomHold(), SaturatedIntegral(), RNN(4, head=()), EveryWindow(10))

    fitter = fresh().fit(100)
    examine(fitter, horizons=[500])
    expected = fresh().fit(200).module.state_dict()
    assert states.same(dict(fitter.fit(100).module.state_dict()), dict(expected))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"horizons": []}, "horizons must be one or more positive ints"),
        ({"horizons": [10, 0]}, "horizons must be one or more positive ints"),
        ({"horizons": [100], "washout": 100}, "washout must be from 0 to 99, got 100"),
        ({"streams": 0}, "streams must be a positive int, got 0"),
        ({"seed": -1}, "seed must be an int from 0"),
    ],
)
def test_bad_settings_are_named(exact, settings, message):
    with pytest.raises(ValueError, match=message):
        examine(exact, **settings)


def test_nothing_fitted_is_nothing_to_evaluate():
    with pytest.raises(ValueError, match="nothing was fitted yet"):
        examine(Fitter(RandomHold(), SaturatedIntegral(), RNN(2), EveryWindow(10)))
