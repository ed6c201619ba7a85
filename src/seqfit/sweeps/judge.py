"""How a trial is fitted and judged: in stretches, with a score after each."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, final

import attrs

from seqfit.evaluation.scores import score
from seqfit.fitting.experiment import Experiment
from seqfit.fitting.fitter import Fitter
from seqfit.fitting.samples import Samples
from seqfit.fitting.source import SampleSource
from seqfit.randomness import VALIDATION, derived_seed
from seqfit.recordings import Recording
from seqfit.sweeps.sweep import Sweep

Report = Callable[[int, float], bool]
"""Told of the number of a report and of its score; whether to give the fit up."""


@final
class Judge:
    """Scores fits of a sweep by free runs on validation streams, the same for all of them.

    Args:
        sweep: the sweep.
    """

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._samples: tuple[tuple[Any, ...], Samples, Samples] | None = None

    def score(self, fitter: Fitter) -> float:
        """The sweep's metric of a fit; infinite where a free run is.

        Raises:
            ValueError: the recorded data are too short, or the metric means nothing on them.
        """
        x, y = self.samples(fitter)
        washout = self._sweep.washout
        found = getattr(score(fitter.predict(x)[washout:], y[washout:]), self._sweep.metric)
        if found is None:
            raise ValueError("nrmse means nothing where the target is constant; take rmse or mae")
        return float(found) if math.isfinite(found) else math.inf

    def samples(self, experiment: Experiment) -> tuple[Samples, Samples]:
        """Inputs and outputs of the validation streams, (time, streams, channels)."""
        of = (experiment.signal, experiment.target, experiment.dtype, experiment.missing)
        if self._samples is None or self._samples[0] != of:
            self._samples = (of, *self._take(experiment))
        return self._samples[1:]

    def _take(self, experiment: Experiment) -> tuple[Samples, Samples]:
        signal, target = _to_validate(experiment.signal), _to_validate(experiment.target)
        limit = signal.max_streams
        streams = min(self._sweep.streams, limit or self._sweep.streams)
        # The seed of the base experiment: trials that differ in theirs are judged alike.
        seed = derived_seed(self._sweep.experiment.seed, VALIDATION)
        source = SampleSource.start(
            signal, target, streams, seed, experiment.dtype, experiment.missing
        )
        length = min(self._sweep.length, signal.length or self._sweep.length)
        if length <= self._sweep.washout:
            raise ValueError(
                f"washout must be below the {length} samples that are recorded for validation, "
                f"got {self._sweep.washout}"
            )
        return source.take(length)


@final
@attrs.define
class Stretches:
    """Fits what is left of an experiment in stretches, and reports the score after each.

    A fit in stretches is the fit in one go, so that one which goes on from a checkpoint comes to
    the same scores.

    Attributes:
        reports: number of stretches.
        reported: numbers of those that were reported before.
        judge: makes the scores.
        report: is told of them.
        given_up: whether it said so.
        seconds: spent in the fit, scores left out.
    """

    reports: int
    reported: set[int]
    judge: Judge
    report: Report
    given_up: bool = False
    seconds: float = 0.0

    def fit(self, fitter: Fitter, left: int) -> None:
        """Fit the samples that are left, unless it is given up or interrupted.

        Raises:
            DivergedError: as `Fitter.fit`.
        """
        total, newest = fitter.samples, max(self.reported, default=0)
        for number in range(1, self.reports + 1):
            done, end = total - fitter.samples_left, total * number // self.reports
            if end < done:
                continue
            if end > done:
                fitter.fit(end - done)
                self.seconds = fitter.report.seconds
                if fitter.samples_left > total - end:
                    return
            if number < newest:
                continue
            if self.report(number, self.judge.score(fitter)) and number < self.reports:
                self.given_up = True
                return


def _to_validate(part: Any) -> Any:
    """A signal or a target as it validates fits: recorded data on the validation stretch."""
    found = _on_validation(part)
    return part.held_out() if found == part else found


def _on_validation(part: Any) -> Any:
    if isinstance(part, Recording):
        return part.during("validation") if part.stretch == "train" else part.scored()
    if isinstance(part, tuple):
        return tuple(_on_validation(item) for item in part)
    if not attrs.has(type(part)):
        return part
    fields = [field for field in attrs.fields(type(part)) if field.init]
    return attrs.evolve(
        part, **{str(f.alias): _on_validation(getattr(part, f.name)) for f in fields}
    )
