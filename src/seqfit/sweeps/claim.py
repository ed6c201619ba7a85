"""A trial that one worker has to itself, and what Optuna is told of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal, final

import attrs
from optuna.trial import Trial, TrialState

from seqfit.configuration import ConfigurationError
from seqfit.fitting.experiment import Experiment
from seqfit.plugins import PluginError
from seqfit.sweeps.dimensions import Choice, Dimension, Range
from seqfit.sweeps.drivers import without_warnings
from seqfit.sweeps.space import Space

EXHAUSTED = "exhausted"
"""Name of what is kept with a study whose sampler has tried all there is."""
REASON, OUTCOME = "reason", "outcome"
FIT_SECONDS, OTHER_SECONDS = "fit_seconds", "other_seconds"
"""Names of what is kept with a trial."""

Outcome = Literal["complete", "pruned", "diverged", "failed"]


@final
@attrs.frozen(eq=False)
class Claim:
    """A trial that this process alone works on.

    Attributes:
        trial: as Optuna has it; it is running.
        folder: where it is run.
        experiment: what is fitted; or why its settings don't go together.
    """

    trial: Trial
    folder: Path
    experiment: Experiment | ConfigurationError | PluginError

    @classmethod
    def draw(cls, trial: Trial, folder: Path, space: Space) -> Claim:
        """A trial with settings of a space: those that it has, and others that Optuna chooses."""
        try:
            what = space.draw(lambda path, chosen_from: _suggest(trial, path, chosen_from))
        except (ConfigurationError, PluginError) as error:
            return cls(trial, folder, error)
        return cls(trial, folder, what)

    @property
    def number(self) -> int:
        """Of the trial, from 0."""
        return self.trial.number

    @property
    def parameters(self) -> dict[str, Any]:
        """Optuna's values, by path."""
        return self.trial.params

    def scores(self) -> dict[int, float]:
        """Scores that were reported, by number of the report."""
        return self.trial.storage.get_trial(self.trial._trial_id).intermediate_values

    def report(self, number: int, score: float) -> bool:
        """Report a score, unless it was reported before or is not finite.

        Returns:
            Whether Optuna's pruner gives the trial up.
        """
        if not math.isfinite(score):
            return False
        if number not in self.scores():
            self.trial.report(score, number)
        return self.trial.should_prune()

    def tell(self, outcome: Outcome, score: float | None = None, reason: str = "") -> None:
        """End the trial.

        One that diverged is pruned to Optuna, whose samplers know nothing of failed trials and
        would go on to choose what diverges.
        """
        states = {"complete": TrialState.COMPLETE, "failed": TrialState.FAIL}
        self.trial.set_user_attr(OUTCOME, outcome)
        if reason:
            self.trial.set_user_attr(REASON, reason)
        study = self.trial.study
        # A sampler that has tried all there is says so by this.
        study.stop = lambda: study.set_user_attr(EXHAUSTED, True)  # type: ignore[method-assign]
        with without_warnings():
            study.tell(self.trial, score, states.get(outcome, TrialState.PRUNED))

    def keep_seconds(self, fit: float, other: float) -> None:
        """Keep how long the trial took: in its fit, and beside."""
        self.trial.set_user_attr(FIT_SECONDS, fit)
        self.trial.set_user_attr(OTHER_SECONDS, other)


def _suggest(trial: Trial, path: str, chosen_from: Dimension) -> Any:
    match chosen_from:
        case Choice():
            return trial.suggest_categorical(path, chosen_from.labels)
        case Range(kind="float", low=low, high=high, log=log, step=step):
            return trial.suggest_float(path, low, high, log=log, step=step)
        case Range(low=low, high=high, log=log, step=step):
            whole = int(1 if step is None else step)
            return trial.suggest_int(path, int(low), int(high), log=log, step=whole)
