"""Suggestions that are followed, one after the other, until nothing helps any more."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, final

import attrs

from seqfit.diagnosis.changes import follow
from seqfit.diagnosis.diagnose import LEAST_SECONDS, diagnose
from seqfit.diagnosis.findings import Diagnosis, Suggestion
from seqfit.diagnosis.specimen import WASHOUT, fresh_samples, validation_source
from seqfit.diagnosis.trials import Deadline
from seqfit.evaluation.scores import finite_or_none, score
from seqfit.fitting import Callback, DivergedError, Experiment, Fitter
from seqfit.plugins import PluginError

BETTER = 1.05
"""By which factor the error has to fall for a change to be kept."""

EXACT = 1e-5
"""Error of a free run over the outputs' spread at which nothing is left to mend."""

Begin = Callable[[Suggestion, Experiment], tuple[Callback, ...]]


@final
@attrs.frozen
class Step:
    """A suggestion that was followed.

    Attributes:
        found: kinds of what was found in the best fit so far, the greatest expected gain first.
        suggestion: what was changed.
        before: mean absolute error of free runs before.
        after: and afterwards; None where the fit came to nothing.
        is_kept: whether the changed fit is the best so far.
        remark: what came in between, if something did.
        seconds: what the diagnosis, if there was a new one, and the fit took.
    """

    found: tuple[str, ...]
    suggestion: Suggestion
    before: float
    after: float | None
    is_kept: bool
    remark: str
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """All of it as data for JSON; what is not finite is None."""
        data = attrs.asdict(self, recurse=False)
        return data | {
            "found": list(self.found),
            "suggestion": self.suggestion.as_dict(),
            "before": finite_or_none(self.before),
            "after": finite_or_none(self.after),
        }


@final
@attrs.define
class Mending:
    """A fit that is diagnosed, changed as is suggested and fitted anew, again and again.

    Errors are of free runs on the streams of a diagnosis, which are neither fitted nor those of
    `Fitter.evaluate`. A change is kept where it makes them smaller; otherwise the next suggestion
    of the same diagnosis is followed. Each fit is whole: the experiment of the best one, fitted
    anew, gives the same numbers.

    Attributes:
        best: the best fit so far.
        error: its mean absolute error.
        left: its error over the outputs' spread.
        steps: the suggestions that were followed.
        ending: why no more were; empty before `run` has ended.
    """

    best: Fitter
    error: float
    left: float
    steps: list[Step] = attrs.field(factory=list)
    ending: str = ""

    @classmethod
    def of(cls, fitter: Fitter) -> Mending:
        """A mending that begins with a fit that has come to its end.

        Raises:
            ValueError: the fit has no signal and no target.
        """
        return cls(fitter, *_errors(fitter))

    def run(
        self,
        seconds: float,
        begin: Begin,
        end: Callable[[Step], bool],
        fit_seconds: float | None = None,
    ) -> None:
        """Follow suggestions as long as they help and there is time.

        Args:
            seconds: how long it may take; a measurement or an update that was begun is ended.
            begin: told of each suggestion and the experiment that it leads to, before that is
                fitted; gives the callbacks of its fitter.
            end: told of each step; whether to stop.
            fit_seconds: what the first fit took; None takes what the fitter tells.
        """
        deadline = time.perf_counter() + seconds
        while not self.ending:
            started = time.perf_counter()
            if self.left <= EXACT:
                self.ending = "the fit is exact but for rounding"
                return
            if started >= deadline:
                self.ending = f"the {seconds:.3g} seconds were over"
                return
            allowed = min(0.5 * (deadline - started), max(fit_seconds or 0.0, LEAST_SECONDS))
            diagnosis = diagnose(self.best, seconds=allowed, fit_seconds=fit_seconds)
            candidates = _to_follow(diagnosis)
            if not candidates:
                over = f"the {seconds:.3g} seconds were over before all was looked at"
                self.ending = over if diagnosis.seconds > allowed else _why_nothing(diagnosis)
                return
            kept = False
            for suggestion in candidates:
                if time.perf_counter() >= deadline:
                    break
                found = tuple(one.kind for one in diagnosis.findings if one.verdict != "in order")
                step, fitter = self._follow(found, suggestion, begin, deadline, started)
                self.steps.append(step)
                if step.is_kept and fitter is not None:
                    self.best, (self.error, self.left) = fitter, _errors(fitter)
                    fit_seconds, kept = fitter.report.seconds, True
                if end(step):
                    self.ending = "it was interrupted"
                    return
                if kept:
                    break
                started = time.perf_counter()
            if not kept and time.perf_counter() < deadline:
                self.ending = "nothing that was suggested made it better"

    def _follow(
        self,
        found: tuple[str, ...],
        suggestion: Suggestion,
        begin: Begin,
        deadline: float,
        started: float,
    ) -> tuple[Step, Fitter | None]:
        fitter, after, remark = None, None, ""
        ends = Deadline(deadline)
        try:
            changed = follow(self.best.experiment, suggestion.changes)
            fitter = Fitter.of(changed, (*begin(suggestion, changed), ends)).fit()
        except DivergedError:
            remark = "the fit diverged"
        except (PluginError, ValueError, TypeError) as error:
            remark = f"it can't be followed: {error}"
        if ends.has_passed:
            remark = "the time was over before its fit was"
        elif fitter is not None and fitter.was_stopped:
            remark = "its fit was stopped"
        elif fitter is not None:
            after = _errors(fitter)[0]
        is_kept = after is not None and after * BETTER < self.error
        seconds = time.perf_counter() - started
        step = Step(found, suggestion, self.error, after, is_kept, remark, seconds)
        return step, fitter

    def as_dict(self) -> dict[str, Any]:
        """The path as data for JSON; what is not finite is None."""
        return {
            "steps": [step.as_dict() for step in self.steps],
            "mae": finite_or_none(self.error),
            "left": finite_or_none(self.left),
            "is_exact": self.left <= EXACT,
            "ending": self.ending,
        }


def _errors(fitter: Fitter) -> tuple[float, float]:
    """Mean absolute error of free runs, and their error over the spread of the outputs.

    Of a recording nobody knows the state before its first sample: the beginning is left out.
    """
    x, y = fresh_samples(validation_source(fitter.experiment))
    washout = min(WASHOUT, len(x) // 5)
    scores = score(fitter.predict(x)[washout:], y[washout:])
    return scores.mae, scores.rmse if scores.nrmse is None else scores.nrmse


def _to_follow(diagnosis: Diagnosis) -> list[Suggestion]:
    """The suggestions that a machine can follow, each once, in their order."""
    found: list[Suggestion] = []
    for finding in diagnosis.findings:
        suggestion = finding.suggestion
        if suggestion is None or not suggestion.changes:
            continue
        if all(suggestion.changes != other.changes for other in found):
            found.append(suggestion)
    return found


def _why_nothing(diagnosis: Diagnosis) -> str:
    advice = diagnosis.first_suggestion
    if advice is not None:
        return f"what is left to change is the data: {advice.words.rstrip('.')}"
    if diagnosis.bad:
        kinds = ", ".join(finding.kind.replace("_", " ") for finding in diagnosis.bad)
        return f"what was tried against it did not help: {kinds}"
    return "nothing bad was found any more"
