"""What is told while a fit runs: once, of bad fits alone, and without a trace in the weights."""

import re

import attrs
import numpy as np
import pytest
import torch

from seqfit import Fitter, Model, recipes
from seqfit.diagnosis import watch
from seqfit.diagnosis.watch import Watch
from seqfit.fitting import TorchOptimizer
from seqfit.models import GRU, RNN
from seqfit.schedules import EveryWindow, TruncatedBPTT
from seqfit.signals import RandomHold
from seqfit.targets import LeakyIntegral, Missing, Noisy, RateLimiter, SaturatedIntegral

LEAKY = LeakyIntegral(leak=0.1, gain=0.2)
SMALL = GRU(hidden=8, head=(8,))
OFTEN = TruncatedBPTT(k1=5, k2=20, loss_on="all")
EAGER = {"engine": "eager", "schedule": TruncatedBPTT(k1=10, k2=20, loss_on="all")}


def told(experiment):
    """What is told of a fit, and the fit."""
    said = []
    fitter = Fitter.of(experiment, (Watch(experiment.samples, said.append),)).fit()
    return said, fitter


def at_a_rate(rate, samples=6_000, loss="l1", **parts):
    optimizer = TorchOptimizer("Adam", {"lr": rate})
    chosen = {"target": LEAKY, "model": SMALL, "optimizer": optimizer}
    made = recipes.gru(samples, 5, **(chosen | {"learning_rate": None, "clip": None} | parts))
    return attrs.evolve(made, loss=loss)


@pytest.mark.parametrize(
    "experiment",
    [
        at_a_rate(3e-3, schedule=OFTEN, target=LEAKY),
        at_a_rate(3e-3, schedule=OFTEN, target=Noisy(LEAKY, 0.2)),
        at_a_rate(3e-3, schedule=OFTEN, target=Missing(LEAKY, 0.5), missing="mask"),
        at_a_rate(3e-3, schedule=OFTEN, target=RateLimiter(up=0.05, down=0.03), loss="mse"),
        recipes.gru(20_000, 5, target=LEAKY),
        recipes.question_2017(40_000, 5),
        recipes.exact(2_000, 5),
    ],
)
def test_a_healthy_fit_is_left_in_peace(experiment):
    assert told(experiment)[0] == []


@pytest.mark.parametrize("parts", [{}, EAGER], ids=["compiled", "eager"])
def test_a_fit_that_learns_nothing_is_told_once(parts):
    said, _ = told(at_a_rate(1e-7, **{"schedule": OFTEN} | parts))
    (words,) = said
    assert re.search(r"is (hardly|no) better than that of a constant output", words)
    assert words.startswith("after ")


@pytest.mark.parametrize(
    ("loss", "constant", "words"),
    [
        (
            0.0209,
            0.000685,
            "0.0209, is no better than that of a constant output, 0.000685, but 30.5",
        ),
        (0.95, 1.0, "0.95, is hardly better than that of a constant output, 1:"),
        (1.0, 1.0, "1, is no better than that of a constant output, 1:"),
        (0.5, 0.0, "0.5, is no better than that of a constant output, 0:"),
    ],
)
def test_a_loss_is_held_against_that_of_a_constant_in_words(loss, constant, words):
    assert words in watch._against_a_constant(loss, constant)


def test_a_loss_that_rises_is_told_once():
    def fitted(*callbacks):
        rng = np.random.default_rng(0)
        x = rng.uniform(size=20_000)
        y = np.where(np.arange(20_000) < 15_000, x, 1 - x)
        fitter = Fitter(
            model=RNN(hidden=8, head=()),
            schedule=EveryWindow(10),
            optimizer=TorchOptimizer("Adam", {"lr": 3e-3}),
            callbacks=callbacks,
        )
        for begin in range(0, 20_000, 1_000):
            fitter.partial_fit(x[begin : begin + 1_000], y[begin : begin + 1_000])
        return fitter

    said = []
    fitted(Watch(None, said.append))
    (words,) = said
    assert "the loss rises: it is" in words
    assert "the data have changed" in words


@attrs.frozen
class Spoiled(Model):
    dead: int = 0
    inward: float = 1.0

    def build(self, inputs, outputs):
        module = RNN(hidden=16, head=(32,)).build(inputs, outputs)
        with torch.no_grad():
            module.recurrence.weight_ih_l0.mul_(self.inward)
            module.head[0].bias[: self.dead] = -100.0
        return module


@pytest.mark.parametrize(
    ("spoiled", "words"),
    [
        (Spoiled(dead=32), "units give the same for every sample"),
        (Spoiled(inward=1e3), "of the numbers in the state lie beyond 0.99"),
    ],
)
def test_sick_units_are_told_by_a_probe(monkeypatch, spoiled, words):
    monkeypatch.setattr(watch, "SHARE", 1e6)  # these fits are too short for a probe
    said, _ = told(at_a_rate(1e-3, 1_500, model=spoiled, **EAGER))
    assert sum(words in line for line in said) == 1


@attrs.frozen
class Dropping(Model):
    """Draws from torch's generator at each pass."""

    def build(self, inputs, outputs):
        module = RNN(hidden=8, head=(8,)).build(inputs, outputs)
        module.head.append(torch.nn.Dropout(0.2))
        return module


@pytest.mark.parametrize(
    "experiment",
    [
        at_a_rate(1e-3, 400, model=Dropping(), **EAGER),
        at_a_rate(1e-3, 40_000, schedule=OFTEN),
        recipes.gru_replay(400, 5, model=SMALL),
    ],
    ids=["eager", "compiled", "replay"],
)
def test_the_weights_are_the_same_bit_for_bit_with_and_without(monkeypatch, experiment):
    monkeypatch.setattr(watch, "SHARE", 1e6)
    watching = Watch(experiment.samples, lambda _: None)
    fits = [Fitter.of(experiment, callbacks).fit() for callbacks in ((watching,), ())]
    assert watching.seconds > 0
    for one, other in zip(*(fit.module.parameters() for fit in fits), strict=True):
        assert torch.equal(one, other)
    assert fits[0].loss_curve == fits[1].loss_curve


def test_probes_take_no_more_than_their_share(monkeypatch):
    monkeypatch.setattr(watch, "SHARE", 0.2)  # so that a fit of some seconds has one
    watching = Watch(8_000, lambda _: None)
    fitter = Fitter.of(at_a_rate(1e-3, 8_000, model=SMALL, **EAGER), (watching,)).fit()
    assert watching.seconds < 0.25 * fitter.report.seconds


def test_half_a_fit_is_compared_with_the_samples_of_the_whole():
    said = []
    fitter = Fitter.of(at_a_rate(1e-7, schedule=OFTEN), (Watch(6_000, said.append),))
    fitter.fit(1_500)
    assert said == []
    fitter.fit(4_500)
    assert len(said) == 1


def test_the_loss_of_the_best_constant():
    experiment = at_a_rate(1e-3, signal=RandomHold(), target=SaturatedIntegral(), loss="mse")
    fitter = Fitter.of(experiment)
    x, _ = fitter.signal.generate(fitter.signal.start(1, 5), 10_000)
    y, _ = fitter.target.transform(x, fitter.target.start(1))
    assert watch._loss_of_a_constant(fitter) == pytest.approx(float(np.var(y)), rel=1e-4)
