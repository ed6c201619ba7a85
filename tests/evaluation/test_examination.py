"""A full account of a fit, on fits that are exact, drift, forget and never forget."""

import json

import attrs
import numpy as np
import pytest
import torch

from seqfit import Fitter, Model, StreamModule, recipes
from seqfit.evaluation import Evaluation, examine
from seqfit.fitting import LevenbergMarquardt
from seqfit.models import RNN, OutputFeedback
from seqfit.recordings import Recording, pair
from seqfit.schedules import EveryWindow
from seqfit.signals import RandomHold, UniformNoise
from seqfit.targets import LeakyIntegral, SaturatedIntegral


class LeakyModule(StreamModule):
    """Leaks as `LeakyIntegral` does, and adds `slope` times the number of the sample."""

    def __init__(self, leak, slope):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.tensor(0.05))
        self.leak, self.slope = leak, slope

    def start(self, streams):
        return torch.zeros(streams, 1), torch.zeros(streams, 1)

    def forward(self, x, state):
        y, time = state
        outputs = []
        for x_t in x:
            y, time = (1 - self.leak) * y + self.gain * x_t, time + 1
            outputs.append(y + self.slope * time)
        return torch.stack(outputs), (y, time)


@attrs.frozen
class Leak(Model):
    leak: float = 0.05
    slope: float = 0.0

    def build(self, inputs, outputs):
        return LeakyModule(self.leak, self.slope)


def leaking(**parts):
    """A fit that nothing moves: its weights are those of the target."""
    fitter = Fitter(
        RandomHold(),
        LeakyIntegral(),
        Leak(**parts),
        EveryWindow(window=10),
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.0),
    )
    return fitter.fit(20)


@pytest.fixture(scope="module")
def exact():
    return Fitter.of(recipes.exact(samples=5000)).fit()


@pytest.fixture(scope="module")
def account(exact):
    return examine(exact, horizons=[3000, 300, 30_000], seed=5)


def test_each_horizon_has_the_scores_of_its_samples_alone(exact, account):
    assert [horizon.length for horizon in account.horizons] == [300, 3000, 30_000]
    x, y = exact.held_out_samples(8 * 30_000, seed=5)
    for horizon in account.horizons:
        expected = exact.score(x[: horizon.length], y[: horizon.length])
        assert horizon.scores.samples == 8 * horizon.length
        assert (horizon.scores.max, horizon.scores.p99) == (expected.max, expected.p99)
        assert horizon.scores.mae == pytest.approx(expected.mae)
        assert horizon.scores.nrmse == pytest.approx(expected.nrmse)


def test_an_exact_fit_is_exact_everywhere_and_does_not_drift(account):
    assert account.horizons[-1].scores.max < 3e-6
    assert not account.drift.grows
    assert account.kinks.kinks > 1000
    assert account.kinks.near.max < 3e-6
    starts = account.starts
    assert (starts.length, starts.washout) == (20_000, 1000)
    for scores in (starts.right, starts.wrong, starts.warmed_up, starts.one_step_ahead):
        assert scores.samples == 8 * 19_000
        assert scores.max < 3e-6
    assert starts.exposure == starts.right.rmse / starts.one_step_ahead.rmse


def test_a_planted_drift_is_found():
    assert examine(leaking(slope=1e-5), horizons=[3000]).drift.grows


def test_the_same_model_without_it_does_not_drift():
    account = examine(leaking(), horizons=[3000])
    assert not account.drift.grows
    assert account.horizons[0].scores.max < 1e-6
    assert account.kinks is None


@pytest.mark.parametrize("washout", [0, 50, 100])
def test_a_wrong_start_is_forgotten_as_fast_as_the_model_forgets(washout):
    starts = examine(leaking(), horizons=[2000], washout=washout).starts
    assert starts.right.max < 1e-6
    # Of a state, which is at most 1, 0.95**n is left after n samples; one of 8 is above 0.3.
    assert 0.3 * 0.95 ** (washout + 1) < starts.wrong.max <= 0.95**washout
    assert (starts.warmed_up, starts.one_step_ahead, starts.exposure) == (None, None, None)


def test_true_outputs_put_a_wrong_start_right(exact):
    starts = examine(exact, horizons=[20], washout=1).starts
    assert starts.wrong.max > 0.1
    assert starts.warmed_up.max < 3e-6
    assert starts.washout == 1


def test_exposure_tells_errors_that_add_up():
    fitter = Fitter(
        UniformNoise(),
        SaturatedIntegral(),
        OutputFeedback(units=1),
        EveryWindow(window=2000),
        optimizer=LevenbergMarquardt(),
    ).fit(2000)
    starts = examine(fitter, horizons=[2000]).starts
    x, y = fitter.held_out_samples(8 * 2000)
    with torch.no_grad():
        prediction, _ = fitter.module.teacher_forced(
            torch.from_numpy(x), torch.from_numpy(y), fitter.module.start(8)
        )
    error = (prediction.numpy() - y)[starts.washout :]
    assert starts.one_step_ahead.rmse == pytest.approx(np.sqrt((error.astype(float) ** 2).mean()))
    assert starts.exposure > 2


def test_default_horizons_are_multiples_of_what_was_fitted():
    fitter = Fitter(RandomHold(), SaturatedIntegral(), RNN(hidden=2), EveryWindow(window=10))
    account = examine(fitter.fit(50), streams=2)
    assert account.fitted == 50
    assert [horizon.length for horizon in account.horizons] == [50, 500, 5000, 50_000]


def test_a_recording_is_examined_up_to_its_end():
    rng = np.random.default_rng(0)
    data = {"u": rng.uniform(size=200), "y": rng.uniform(size=200)}
    signal, target = pair(Recording(data, stretch="train"), "u", "y")
    fitter = Fitter(signal, target, RNN(hidden=2), EveryWindow(window=10)).fit(140)
    account = examine(fitter)
    assert [horizon.length for horizon in account.horizons] == [30]
    assert account.starts.washout == 3
    assert account.drift.interval is None
    assert "One stream gives no intervals" in str(account)
    with pytest.raises(ValueError, match="ends after 30 samples of each stream, a horizon of 31"):
        examine(fitter, horizons=[31])
    with pytest.raises(ValueError, match="the signal has 1 streams, 2 were asked for"):
        examine(fitter, streams=2)


def test_equal_fits_have_equal_accounts(exact, account):
    again = examine(exact, horizons=(300, 3000, 30_000), seed=5)
    assert again == account
    assert examine(exact, horizons=[300], seed=6) != examine(exact, horizons=[300], seed=5)


def test_an_account_does_not_disturb_the_fit():
    def after(disturb):
        fitter = Fitter(RandomHold(), SaturatedIntegral(), RNN(hidden=3), EveryWindow(window=10))
        fitter.fit(100)
        if disturb:
            examine(fitter, horizons=[100])
        return fitter.fit(100).evaluate(100)

    assert after(True) == after(False)


def test_an_account_is_json(account):
    data = json.loads(json.dumps(account.as_dict(), allow_nan=False))
    assert data["horizons"][2]["scores"]["mae"] == account.horizons[2].scores.mae
    assert data["horizons"][2]["scores"]["mae_interval"]["low"] > 0
    assert data["starts"]["exposure"] == account.starts.exposure
    assert data["drift"]["grows"] is False
    assert set(data) == {field.name for field in attrs.fields(Evaluation)}


def test_an_account_of_a_model_that_explodes_is_json_too():
    data = examine(leaking(leak=-1.0), horizons=[500], streams=2).as_dict()
    scores = json.loads(json.dumps(data, allow_nan=False))["horizons"][0]["scores"]
    assert scores["max"] is None
    assert scores["samples"] == 1000


def test_an_account_reads_as_tables(account):
    text = str(account)
    assert "free run on 8 held-out streams; 5,000 samples of each stream were fitted" in text
    assert "30,000" in text
    assert "it does not grow for certain" in text
    assert "within 5 samples" in text
    assert "one step ahead" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"horizons": []}, "horizons must be one or more positive ints, got \\[\\]"),
        ({"horizons": [5, 0]}, "horizons must be one or more positive ints"),
        ({"horizons": 5}, "horizons must be one or more positive ints, got 5"),
        ({"horizons": [100], "washout": 100}, "washout must be from 0 to 99, got 100"),
        ({"streams": 0}, "streams must be a positive int, got 0"),
        ({"seed": -1}, "seed must be an int from 0"),
    ],
)
def test_bad_arguments_are_refused(exact, arguments, message):
    with pytest.raises(ValueError, match=message):
        examine(exact, **arguments)


def test_a_fit_without_a_signal_is_refused():
    fitter = Fitter(model=RNN(hidden=2), schedule=EveryWindow(window=2))
    with pytest.raises(ValueError, match="no signal and no target"):
        examine(fitter.partial_fit([1.0, 2.0], [1.0, 2.0]))


def test_a_fit_that_has_not_begun_is_refused():
    fitter = Fitter(RandomHold(), SaturatedIntegral(), RNN(hidden=2), EveryWindow(window=10))
    with pytest.raises(ValueError, match="nothing was fitted yet"):
        examine(fitter)
