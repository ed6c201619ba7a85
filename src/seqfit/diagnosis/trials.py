"""Suggestions that are tried before they are made."""

from __future__ import annotations

import json
import time
from typing import TypeAlias, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.diagnosis.changes import follow
from seqfit.diagnosis.findings import Finding, Suggestion
from seqfit.diagnosis.judging import Suspect
from seqfit.diagnosis.remedies import state_space
from seqfit.diagnosis.specimen import (
    CannotTellError,
    Specimen,
    error_of_streams,
)
from seqfit.evaluation.free_run import free_run
from seqfit.fitting import (
    Callback,
    DivergedError,
    Experiment,
    Fitter,
    LevenbergMarquardt,
    StopFitting,
)
from seqfit.plugins import PluginError
from seqfit.schedules import EveryWindow

Errors: TypeAlias = npt.NDArray[np.float64]

WORTH_IT = 1.1
"""A suggestion is made where the error falls by this factor at least."""

ENOUGH = 2.0
"""Where nothing that was tried does better by this factor, a solver is tried too."""

LEARNED = 0.95
"""Error over that of the best constant from which on nothing was learned."""

FITS_AT_LEAST = 10
"""So many fits are to find the time; where the whole fit is too long for that, shorter ones."""


@final
class Deadline(Callback):
    """Ends a fit that has no more time."""

    every_update = False

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self.has_passed = False

    def while_solving(self, fitter: Fitter) -> None:
        self.after_update(fitter)

    def after_update(self, fitter: Fitter) -> None:
        if time.perf_counter() > self._deadline:
            self.has_passed = True
            raise StopFitting


@final
@attrs.define
class Trials:
    """Fits of changed experiments, each made once.

    Attributes:
        specimen: what is to become better.
        samples: on how many samples a trial is fitted, over all streams.
        own: the errors of the fit as it is, on so many samples, (streams,).
        errors: of the others by their changes, as JSON; None where one failed.
    """

    specimen: Specimen
    samples: int
    own: Errors
    errors: dict[str, Errors | None] = attrs.field(factory=dict)

    @classmethod
    def of(cls, specimen: Specimen, seconds_of_fit: float) -> Trials:
        """Trials that are as long as the fit, or shorter where there is less time.

        They come to the end of a planned learning rate: a fit that is on its way there is held
        against one of as many samples that has.

        Raises:
            CannotTellError: there is no time, or the fit can't be repeated.
        """
        fitted, there = specimen.fitter.report.samples, specimen.samples_to_fit
        share = specimen.seconds_left / max(FITS_AT_LEAST * seconds_of_fit, 1e-9)
        is_whole = there >= fitted and not specimen.is_before_a_lower_rate
        if share >= 1 and is_whole:
            return cls(specimen, fitted, specimen.absolute_error)
        samples = min(max(int(fitted * share), 1000), fitted, there)
        try:
            own = errors_of(specimen, specimen.experiment, samples, specimen.deadline)
        except (DivergedError, ValueError) as error:
            raise CannotTellError(
                f"suggestions: the fit on fewer samples fails, {error}"
            ) from error
        if own is None:
            raise CannotTellError("suggestions: there was no time to try them")
        return cls(specimen, samples, own)

    def errors_with(self, suggestion: Suggestion) -> Errors | None:
        """The errors where a suggestion is followed; None where that can't be told."""
        if not suggestion.changes:
            return None
        key = json.dumps(suggestion.changes, sort_keys=True)
        if key not in self.errors:
            late = self.specimen.seconds_left < 0
            self.errors[key] = None if late else self._try(suggestion)
        return self.errors[key]

    def gain(self, suggestion: Suggestion) -> float | None:
        """By which factor the mean error falls where a suggestion is followed, if that is known.

        What is no better than a constant is no gain.
        """
        errors = self.errors_with(suggestion)
        if errors is None:
            return None
        gain = float(self.own.mean() / max(errors.mean(), 1e-30))
        return gain if self.has_learned(errors) else min(gain, 1.0)

    def has_learned(self, errors: Errors) -> bool:
        """Whether errors are smaller than those of the best constant."""
        return bool(errors.mean() < LEARNED * self.specimen.error_of_a_constant)

    def better(self, remedies: tuple[Suggestion, ...]) -> Finding | None:
        """The first that does better by far, though nothing is known to be bad; None without."""
        for remedy in remedies:
            gain = self.gain(remedy)
            if gain is not None and gain >= ENOUGH:
                return Finding(
                    "could_be_better",
                    is_bad=False,
                    measured=gain,
                    interval=None,
                    threshold=ENOUGH,
                    unit="error of the fit over that of another model or schedule",
                    words="Another model, or another way to fit, does better.",
                    suggestion=Suggestion(self._words(remedy, gain), remedy.changes),
                    gain=gain,
                    tried=self.samples,
                )
        return None

    def conclude(self, suspects: list[Suspect]) -> list[Finding]:
        """The findings, each with the suggestion that did best.

        What may help most, or costs least, comes first among the remedies of each: these are tried
        before the second ones.
        """
        bad = [suspect for suspect in suspects if suspect.finding.is_bad]
        for rank in range(max((len(suspect.remedies) for suspect in bad), default=0)):
            for suspect in bad:
                if rank < len(suspect.remedies):
                    self.errors_with(suspect.remedies[rank])
        return [self._concluded(suspect) for suspect in suspects]

    def _concluded(self, suspect: Suspect) -> Finding:
        finding = suspect.finding
        if not finding.is_bad or not suspect.remedies:
            return finding
        advice = next((one for one in suspect.remedies if not one.changes), None)
        gains = [(self.gain(remedy), remedy) for remedy in suspect.remedies]
        known = [(gain, remedy) for gain, remedy in gains if gain is not None]
        if known and max(gain for gain, _ in known) < ENOUGH and self.specimen.learns_by_gradients:
            last = state_space(self.specimen)
            gain = self.gain(last)
            known += [] if gain is None else [(gain, last)]
        if not known:
            return attrs.evolve(finding, suggestion=suspect.remedies[0])
        gain, remedy = max(known, key=lambda pair: pair[0])
        if gain < WORTH_IT and advice is not None:
            return attrs.evolve(finding, suggestion=advice)
        if gain < WORTH_IT:
            words = f"{finding.words} What was tried against it did not help."
            return attrs.evolve(finding, words=words, tried=self.samples)
        first = "" if advice is None else f"{advice.words} With the samples that there are: "
        return attrs.evolve(
            finding,
            suggestion=Suggestion(f"{first}{self._words(remedy, gain)}", remedy.changes),
            gain=gain,
            tried=self.samples,
        )

    def _samples_of(self, suggestion: Suggestion) -> int:
        """As many as of other trials, or as many times more as is suggested."""
        fitted = self.specimen.fitter.report.samples
        wanted: int = suggestion.changes.get("samples", fitted)
        return round(self.samples * wanted / fitted)

    def _words(self, suggestion: Suggestion, gain: float) -> str:
        fitted = self.specimen.fitter.report.samples
        of_all = "" if self.samples == fitted else f" of the {fitted:,}, for want of time"
        return (
            f"{suggestion.words} Tried on {self._samples_of(suggestion):,} samples{of_all}, the "
            f"error of free runs is {gain:.3g} times smaller."
        )

    def _try(self, suggestion: Suggestion) -> Errors | None:
        try:
            changed = follow(self.specimen.experiment, suggestion.changes)
            # No trial takes more than half of what is left, so that others have their turn.
            deadline = time.perf_counter() + 0.5 * self.specimen.seconds_left
            return errors_of(self.specimen, changed, self._samples_of(suggestion), deadline)
        except (PluginError, DivergedError, ValueError, TypeError):
            return None  # it can't be followed here, or leads nowhere


def errors_of(
    specimen: Specimen, experiment: Experiment, samples: int, deadline: float
) -> Errors | None:
    """The errors of an experiment that is fitted anew, (streams,); None where time was over.

    Args:
        specimen: on whose held-out samples it is judged, and on whose given ones it is fitted where
            it has no signal.
        experiment: what is fitted.
        samples: on how many samples, over all streams.
        deadline: until when there is time, as `time.perf_counter` has it.
    """
    experiment, ends = _on_fewer(experiment, samples), Deadline(deadline)
    fitter = Fitter.of(experiment, (ends,))
    if experiment.signal is None:
        given = slice(0, samples // experiment.schedule.streams)
        fitter.partial_fit(specimen.past_x[given], specimen.past_y[given])
    else:
        fitter.fit()
    if ends.has_passed or not fitter.report.updates:
        return None
    return error_of_streams(free_run(fitter.module, specimen.x), specimen.y, specimen.washout)


def _on_fewer(experiment: Experiment, samples: int) -> Experiment:
    """The experiment on so many samples; a solver, which makes one update, takes all of them."""
    schedule = experiment.schedule
    if isinstance(experiment.optimizer, LevenbergMarquardt) and isinstance(schedule, EveryWindow):
        window = min(schedule.window, samples // schedule.streams)
        schedule = attrs.evolve(schedule, window=window)
    return attrs.evolve(experiment, schedule=schedule, samples=samples)
