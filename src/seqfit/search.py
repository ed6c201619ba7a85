"""The default fit: the simplest recipe that explains the target, and why not a simpler one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import attrs

from seqfit import recipes
from seqfit.evaluation.scores import Scores
from seqfit.fitting.callbacks import Callback
from seqfit.fitting.experiment import Experiment
from seqfit.fitting.fitter import Fitter
from seqfit.models import Scaled
from seqfit.randomness import VALIDATION, derived_seed

EXPLAINED = 1e-4
SCALED_BY = 20_000


@final
@attrs.frozen(eq=False)
class Attempt:
    """One recipe that was tried.

    Attributes:
        recipe: its name.
        fitter: the fit.
        scores: of free runs on validation streams.
        error: their NRMSE; the RMSE where what should come out is constant.
        verdict: what the solver said of it, if one was used.
    """

    recipe: str
    fitter: Fitter
    scores: Scores
    error: float
    verdict: str

    @property
    def explains(self) -> bool:
        """Whether the free run explains the target, so that no other recipe is needed."""
        return self.error <= EXPLAINED

    def __str__(self) -> str:
        outcome = "explains the target" if self.explains else "does not explain the target"
        return f"{self.recipe} {outcome}: {self.error:.2g} of its spread is left ({self.verdict})"


def auto(
    samples: int | None,
    seed: int,
    parts: dict[str, Any],
    begin: Callable[[str, Experiment], tuple[Callback, ...]],
    end: Callable[[Attempt], bool],
) -> Attempt:
    """Try `exact`, `exact_hidden`, `gru` and `gru_replay` until one explains the target.

    The networks of the last two are scaled to the samples that they are fitted on. Each is judged
    by free runs on validation streams, which differ from those of `Fitter.evaluate`.

    Args:
        samples: samples to fit on; None takes each recipe's own number. The solvers need no more
            than the first 20,000.
        seed: of streams, weights and searches.
        parts: parts of the experiment other than the recipes' own: signal, target, engine.
        begin: told of each experiment before it is fitted; gives the callbacks of its fitter.
        end: told of each attempt; whether to stop.

    Returns:
        The first attempt that explains the target, or the best one.
    """
    attempts: list[Attempt] = []
    for name in ("exact", "exact_hidden", "gru", "gru_replay"):
        numbers = {} if samples is None else {"samples": samples}
        experiment = recipes.recipe(name)(seed=seed, **numbers, **parts)
        if name.startswith("gru"):
            experiment = _scaled(experiment)
        fitter = Fitter.of(experiment, begin(name, experiment)).fit()
        x, y = fitter.held_out_samples(seed=derived_seed(seed, VALIDATION))
        scores = fitter.score(x, y)
        error = scores.rmse if scores.nrmse is None else scores.nrmse
        attempts.append(Attempt(name, fitter, scores, error, fitter.verdict))
        if end(attempts[-1]) or attempts[-1].explains:
            break
    return min(attempts, key=lambda attempt: attempt.error)


def _scaled(experiment: Experiment) -> Experiment:
    """The experiment with a model scaled to the first samples of its signal and target."""
    signal, target, streams = experiment.signal, experiment.target, experiment.schedule.streams
    if signal is None or target is None:
        return experiment
    length = min(experiment.samples // streams, signal.length or SCALED_BY, SCALED_BY)
    x, _ = signal.generate(signal.start(streams, experiment.seed), length)
    y, _ = target.transform(x, target.start(streams))
    return attrs.evolve(experiment, model=Scaled.to_data(experiment.model, x, y))
