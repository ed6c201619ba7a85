"""Named, complete experiments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seqfit.fitting.experiment import Experiment
from seqfit.fitting.optimizers import LevenbergMarquardt, TorchLearningRate, TorchOptimizer
from seqfit.models import GRU, Model, OutputFeedback, StateSpace
from seqfit.schedules import Accumulate, EveryWindow, Replay, TruncatedBPTT
from seqfit.signals import RandomHold
from seqfit.targets import SaturatedIntegral
from seqfit.validators import did_you_mean, require_positive_int

Recipe = Callable[..., Experiment]


def question_2017(samples: int = 250_000, seed: int = 0, **parts: Any) -> Experiment:
    """The 2017 question: Adam steps every 2 samples, L1 loss, a GRU of 50 units, one stream."""
    return _with_adam_2017(samples, seed, {"schedule": EveryWindow(window=2, phase=1)} | parts)


def answer_2017(samples: int = 250_000, seed: int = 0, **parts: Any) -> Experiment:
    """The 2017 answer: gradients of 25 windows of 2 samples are summed for each Adam step."""
    schedule = Accumulate(window=2, every=50, phase=1)
    return _with_adam_2017(samples, seed, {"schedule": schedule} | parts)


def gru(samples: int = 250_000, seed: int = 0, **parts: Any) -> Experiment:
    """The same GRU by Adam in one pass: windows of 100 every 25 samples, a one-cycle rate."""
    require_positive_int("samples", samples)
    k1 = min(25, samples)
    optimizer = TorchOptimizer("Adam", {"lr": 2e-3, "fused": True})
    schedule = TruncatedBPTT(k1=k1, k2=4 * k1, loss_on="all")
    return _one_cycle(samples, seed, optimizer, {"schedule": schedule} | parts)


def gru_overlapping(samples: int = 250_000, seed: int = 0, **parts: Any) -> Experiment:
    """The same GRU by SOAP, on windows of 200 samples every 10: each is learned from 20 times."""
    require_positive_int("samples", samples)
    k1 = min(10, samples)
    schedule = TruncatedBPTT(k1=k1, k2=20 * k1, loss_on="all")
    return _one_cycle(samples, seed, _soap(3e-3), {"schedule": schedule} | parts)


def gru_replay(samples: int = 250_000, seed: int = 0, **parts: Any) -> Experiment:
    """The same GRU by SOAP, which beside each newest window learns again from 15 earlier ones."""
    require_positive_int("samples", samples)
    k1 = min(10, samples)
    newest = TruncatedBPTT(k1=k1, k2=5 * k1, loss_on="all")
    schedule = Replay(newest, capacity=max(samples, 5 * k1), passes=15)
    return _one_cycle(samples, seed, _soap(5e-3), {"schedule": schedule} | parts)


def gru_live(samples: int = 250_000, seed: int = 0, **parts: Any) -> Experiment:
    """The same GRU by Adam at a constant rate: for streams of which nobody knows the end."""
    optimizer = TorchOptimizer("Adam", {"lr": 1e-3, "fused": True})
    choices = {
        "optimizer": optimizer,
        "schedule": TruncatedBPTT(k1=25, k2=100, loss_on="all"),
        "clip": 1.0,
    }
    return _on_the_2017_problem(samples, seed, choices | parts)


def exact(samples: int = 20_000, seed: int = 0, **parts: Any) -> Experiment:
    """A network fed with its own outputs, solved by damped least squares to the last digit."""
    return _solved(OutputFeedback(), samples, seed, parts)


def exact_hidden(samples: int = 20_000, seed: int = 0, **parts: Any) -> Experiment:
    """A small state-space network, solved likewise: for outputs that don't tell the state."""
    return _solved(StateSpace(), samples, seed, parts)


RECIPES: dict[str, Recipe] = {
    "exact": exact,
    "exact_hidden": exact_hidden,
    "gru": gru,
    "gru_overlapping": gru_overlapping,
    "gru_replay": gru_replay,
    "gru_live": gru_live,
    "question_2017": question_2017,
    "answer_2017": answer_2017,
}
SOLVED = 20_000
"""Samples from which a solver finds the weights; it only records the loss on those that follow."""

DEFAULT = "gru"
"""For an experiment of which the model or the schedule is chosen otherwise."""

LIVE = "gru_live"
"""For samples that come as they come."""


def recipe(name: str) -> Recipe:
    """The recipe of a name.

    Raises:
        ValueError: there is none.
    """
    if name not in RECIPES:
        raise ValueError(
            f"recipe must be one of auto, {', '.join(RECIPES)}, got {name!r}"
            + did_you_mean(name, RECIPES)
        )
    return RECIPES[name]


def _solved(model: Model, samples: int, seed: int, parts: dict[str, Any]) -> Experiment:
    require_positive_int("samples", samples)
    choices = {
        "model": model,
        "schedule": EveryWindow(window=min(samples, SOLVED)),
        "optimizer": LevenbergMarquardt(seed=seed),
    }
    return _on_the_2017_problem(samples, seed, choices | parts)


def _soap(rate: float) -> TorchOptimizer:
    betas = [0.95, 0.95]
    return TorchOptimizer("SOAP", {"lr": rate, "betas": betas, "weight_decay": 0.0})


def _one_cycle(
    samples: int, seed: int, optimizer: TorchOptimizer, parts: dict[str, Any]
) -> Experiment:
    cycle = {"max_lr": optimizer.options["lr"], "pct_start": 0.1, "cycle_momentum": False}
    choices = {
        "optimizer": optimizer,
        "learning_rate": TorchLearningRate("OneCycleLR", cycle),
        "clip": 1.0,
    }
    return _on_the_2017_problem(samples, seed, choices | parts)


def _with_adam_2017(samples: int, seed: int, parts: dict[str, Any]) -> Experiment:
    optimizer = TorchOptimizer("Adam", {"lr": 2e-4, "fused": True})
    return _on_the_2017_problem(samples, seed, {"optimizer": optimizer} | parts)


def _on_the_2017_problem(samples: int, seed: int, parts: dict[str, Any]) -> Experiment:
    problem = {"signal": RandomHold(), "target": SaturatedIntegral(), "model": GRU()}
    return Experiment(**(problem | parts), loss="l1", samples=samples, seed=seed)
