"""Solvers in the fitter: one update that finds all weights."""

import math
import re

import attrs
import numpy as np
import pytest
import torch

from seqfit import Fitter, Target, recipes
from seqfit.fitting import Callback, LevenbergMarquardt, StopFitting, from_toml, to_toml
from seqfit.models import GRU, OutputFeedback, StateSpace
from seqfit.schedules import EveryWindow
from seqfit.search import auto
from seqfit.signals import RandomHold, UniformNoise
from seqfit.targets import Delay, LeakyIntegral, SaturatedIntegral


@pytest.mark.parametrize("name", ["exact", "exact_hidden"])
def test_the_2017_problem_is_solved_to_the_last_digit(name):
    fitter = Fitter.of(recipes.recipe(name)(samples=5000, seed=11)).fit()
    scores = fitter.evaluate(80_000)
    assert scores.mae < 2e-7
    assert scores.max < 3e-6
    assert fitter.verdict.startswith("exact")
    assert fitter.describe().count("max(0, ") == 2


def test_a_solved_model_is_saved_stepped_and_written(tmp_path):
    experiment = recipes.exact(samples=1000)
    assert from_toml(to_toml(experiment)) == experiment
    fitter = Fitter.of(experiment).fit()
    fitter.save(tmp_path / "fit")
    loaded = Fitter.load(tmp_path / "fit")
    assert loaded.describe() == fitter.describe()
    assert loaded.verdict == fitter.verdict
    x, y = fitter.held_out_samples(200, streams=1)
    np.testing.assert_array_equal(loaded.predict(x), fitter.predict(x))
    step = fitter.predictor()
    np.testing.assert_allclose([step(float(v)) for v in x[:, 0, 0]], y[:, 0, 0], atol=1e-5)


def test_nothing_is_solved_before_the_update_is_full():
    fitter = Fitter.of(recipes.exact(samples=1000)).fit(999)
    assert fitter.verdict == "nothing was fitted yet"
    assert fitter.fit(1).evaluate(1000).mae < 1e-6


def test_later_updates_record_the_loss_alone():
    fitter = Fitter.of(recipes.exact(samples=500)).fit(500)
    before = [p.clone() for p in fitter.module.parameters()]
    fitter.fit(500)
    assert fitter.report.updates == 2
    assert fitter.loss_curve[1][1] < 1e-6
    assert all(map(torch.equal, before, fitter.module.parameters()))


def test_lags_are_used():
    fitter = Fitter(
        UniformNoise(channels=2),
        Delay(2) >> LeakyIntegral(),
        OutputFeedback(units=2, input_lags=2, output_lags=1),
        EveryWindow(window=500),
        optimizer=LevenbergMarquardt(),
    ).fit(500)
    assert fitter.evaluate(8000).mae < 1e-6


def test_a_solution_in_float64_and_with_several_streams():
    fitter = Fitter(
        RandomHold(),
        SaturatedIntegral(),
        StateSpace(size=1),
        EveryWindow(window=500, streams=4),
        optimizer=LevenbergMarquardt(),
        dtype="float64",
    ).fit(2000)
    assert fitter.evaluate(8000).mae < 1e-6


def test_a_solver_for_outliers_is_used_and_round_trips():
    rng = np.random.default_rng(0)
    signal, target = RandomHold(), SaturatedIntegral()
    x, _ = signal.generate(signal.start(1, 0), 5000)
    y, _ = target.transform(x, target.start(1))
    far = y + np.where(rng.random(y.shape) < 0.05, 2.0, 0.01) * rng.normal(size=y.shape)
    errors = {}
    for loss in ("squares", "huber"):
        fitter = Fitter(
            signal, target, OutputFeedback(), EveryWindow(5000), optimizer=LevenbergMarquardt(
                loss=loss
            ),
        )  # fmt: skip
        assert from_toml(to_toml(fitter.experiment)).optimizer == LevenbergMarquardt(loss=loss)
        errors[loss] = fitter.partial_fit(x, far).evaluate(8000).mae
    assert errors["huber"] < 0.1 * errors["squares"]


def test_a_solver_for_outliers_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="loss must be one of squares, huber, got 'l1'"):
        LevenbergMarquardt(loss="l1")
    fitter = Fitter(
        RandomHold(),
        SaturatedIntegral(),
        OutputFeedback(output_lags=2),
        EveryWindow(100),
        optimizer=LevenbergMarquardt(loss="huber"),
    )
    with pytest.raises(ValueError, match="but output_lags is 2; use a StateSpace model"):
        fitter.fit(100)


@pytest.mark.parametrize("seed", [1001, 1003])
def test_a_start_that_one_stream_does_not_tell_is_not_made_up(seed):
    """These streams begin in saturation: any start below the bound explains them."""
    scores = Fitter.of(recipes.exact_hidden(seed=seed)).fit().evaluate()
    assert scores.mae < 2e-7
    assert scores.max < 3e-6


def test_a_model_too_large_to_be_solved_is_named_with_its_size():
    with pytest.raises(ValueError, match="at most 2,000 parameters, GRU has 10,551"):
        Fitter(
            RandomHold(),
            SaturatedIntegral(),
            GRU(),
            EveryWindow(50),
            optimizer=LevenbergMarquardt(),
        )
    with pytest.raises(ValueError, match="GRU has no formula"):
        Fitter(RandomHold(), SaturatedIntegral(), GRU(), EveryWindow(50)).describe()


@attrs.frozen
class Parity(Target):
    """1,100 where an even number of the last 3 inputs is above 0.5, else 900."""

    def start(self, streams):
        return np.zeros((2, streams, 1), bool)

    def transform(self, x, state):
        bits = np.concatenate([state, x > 0.5])
        odd = bits[2:] ^ bits[1:-1] ^ bits[:-2]
        return np.where(odd, 900, 1100).astype(x.dtype), bits[len(x) :]


def attempts_on(target, **parts):
    told = []

    def end(attempt):
        told.append(attempt)
        return False

    best = auto(2000, 0, {"target": target, **parts}, lambda name, what: (), end)
    return best, told


def test_auto_stops_at_the_first_recipe_that_explains_the_target():
    best, told = attempts_on(LeakyIntegral())
    assert [attempt.recipe for attempt in told] == ["exact"]
    assert best.explains
    assert "exact explains the target" in str(best)


def test_auto_goes_on_where_the_outputs_do_not_tell_the_state():
    best, told = attempts_on(LeakyIntegral() >> LeakyIntegral(leak=0.2))
    assert [attempt.recipe for attempt in told] == ["exact", "exact_hidden"]
    assert "not a function of what the model sees" in str(told[0])
    assert best.recipe == "exact_hidden"


def substituted(law, x):
    """The outputs of a formula, by nothing but its text: `max`, `exp`, x, y and s."""
    lines = [line.split(" = ") for line in law.splitlines()]
    past = {name: float(value) for name, value in lines if "[-" in name}
    values = {name: [] for name in ("y", "s", "s1", "s2")}
    for t in range(len(x)):

        def at(name, back, t=t):
            if back == 0:
                return values[name][t] if name != "x" else x[t]
            if t - back >= 0:
                return x[t - back] if name == "x" else values[name][t - back]
            return 0.0 if name == "x" else past.get(f"{name}[{t - back}]", 0.0)

        for left, right in lines:
            if "[-" in left:
                continue
            spaced = re.sub(r"(\d) (?=[a-z])", r"\1 * ", right)
            code = re.sub(r"\b([xys]\d?)\[t-(\d+)\]", r"at('\1', \2)", spaced)
            code = re.sub(r"\b([xys]\d?)\[t\]", r"at('\1', 0)", code)
            values[left.split("[")[0]].append(eval(code, {"at": at, "max": max, "exp": math.exp}))
    return np.array(values["y"])


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("exact", SaturatedIntegral()),
        ("exact", LeakyIntegral(leak=0.1)),
        ("exact", SaturatedIntegral(low=0.2, initial=0.6)),
        ("exact_hidden", LeakyIntegral() >> LeakyIntegral(leak=0.2)),
        ("exact_hidden", LeakyIntegral(leak=0.1, initial=0.7)),
    ],
)
def test_the_printed_formula_gives_the_outputs_when_it_is_substituted(name, target):
    fitter = Fitter.of(recipes.recipe(name)(samples=3000, target=target)).fit()
    x, y = fitter.held_out_samples(400, streams=1)
    found = substituted(fitter.describe(), x[:, 0, 0].astype(float))
    np.testing.assert_allclose(found, y[:, 0, 0], atol=1e-5)


@attrs.frozen
class Reset(Target):
    """A sum that starts again from 0 when it reaches 1: not continuous."""

    def start(self, streams):
        return np.zeros((streams, 1))

    def transform(self, x, state):
        y = np.empty_like(x)
        for t in range(len(x)):
            state = state + 0.1 * x[t]
            state = np.where(state >= 1, 0.0, state)
            y[t] = state
        return y, state


def test_exact_is_said_of_the_rounded_model_alone():
    """Steep slopes fit a jump in float64; rounded, the model departs."""
    fitter = Fitter.of(recipes.exact(samples=20_000, target=Reset())).fit()
    x, _ = fitter.signal.generate(fitter.signal.start(1, 0), 20_000)
    y, _ = Reset().transform(x, Reset().start(1))
    assert fitter.verdict.startswith("exact") == (fitter.score(x, y).nrmse < 1e-4)


def test_auto_ends_with_networks_that_are_scaled_to_the_target():
    """A parity of 3 signs: no short formula, and outputs far from 0 to 1."""
    best, told = attempts_on(Parity(), signal=UniformNoise())
    assert [attempt.recipe for attempt in told] == ["exact", "exact_hidden", "gru", "gru_replay"]
    assert best.error == min(attempt.error for attempt in told)
    scaled = told[-1].fitter.model
    assert scaled.output_offset[0] == pytest.approx(1000, abs=20)
    assert scaled.output_scale[0] == pytest.approx(100, abs=2)
    assert not best.explains


def test_a_solver_takes_its_first_samples_and_is_tested_on_the_rest():
    fitter = Fitter.of(recipes.exact(samples=100_000)).fit()
    assert fitter.report.samples == 100_000
    losses = fitter.loss_curve[1]
    assert losses[0] > 1e-2
    assert max(losses[1:]) < 1e-6


class StopAfter(Callback):
    """Stops at a call while something is solved."""

    def __init__(self, calls):
        self.left = calls

    def while_solving(self, fitter):
        self.left -= 1
        if self.left < 0:
            raise StopFitting


@pytest.mark.parametrize("name", ["exact", "exact_hidden"])
def test_a_search_that_is_stopped_leaves_the_fit_as_it_was_and_goes_on_later(name):
    what = attrs.evolve(recipes.recipe(name)(2_000), samples=2_000)
    stopped, whole = Fitter.of(what, (StopAfter(20),)), Fitter.of(what).fit()
    before = {key: value.clone() for key, value in stopped.module.state_dict().items()}
    stopped.fit()
    assert stopped.was_stopped
    assert stopped.report.samples == stopped.report.updates == 0
    assert all(torch.equal(before[k], v) for k, v in stopped.module.state_dict().items())
    going = stopped.copy().fit()
    assert all(
        torch.equal(whole.module.state_dict()[k], v) for k, v in going.module.state_dict().items()
    )


def test_a_module_of_any_kind_is_as_it_was_where_its_search_is_stopped():
    what = attrs.evolve(recipes.exact(500), model=GRU(hidden=2, head=()))
    fitter = Fitter.of(what, (StopAfter(3),))
    before = {key: value.clone() for key, value in fitter.module.state_dict().items()}
    assert fitter.fit().was_stopped
    assert fitter.report.updates == 0
    assert all(torch.equal(before[k], v) for k, v in fitter.module.state_dict().items())
