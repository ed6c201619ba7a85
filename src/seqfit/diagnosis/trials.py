"""Suggestions that are tried before they are made."""

from __future__ import annotations

import json
from typing import final

import attrs
import numpy as np

from seqfit.configuration import ConfigurationError
from seqfit.diagnosis.changes import follow
from seqfit.diagnosis.findings import Finding, Suggestion
from seqfit.diagnosis.judging import Suspect
from seqfit.diagnosis.specimen import (
    LONGEST_FRESH,
    WASHOUT,
    Specimen,
    error_of_streams,
    validation_source,
)
from seqfit.evaluation.free_run import free_run
from seqfit.fitting import DivergedError, Experiment, Fitter
from seqfit.plugins import PartError, PluginError

WORTH_IT = 1.05
"""A suggestion is made where the error falls by this factor at least."""


@final
@attrs.define
class Trials:
    """Fits of changed experiments, each made once.

    Attributes:
        specimen: what is to become better.
        samples: on how many samples a trial is fitted, over all streams.
        own: the error of the fit as it is, on so many samples.
        gains: by the changes, as JSON; None where the fit failed.
    """

    specimen: Specimen
    samples: int
    own: float
    gains: dict[str, float | None] = attrs.field(factory=dict)

    @classmethod
    def of(cls, specimen: Specimen, seconds_of_fit: float) -> Trials:
        """Trials that are as long as the fit, or shorter where there is less time."""
        fitted = specimen.fitter.report.samples
        share = specimen.seconds_left / max(8 * seconds_of_fit, 1e-9)
        if share >= 1:
            return cls(specimen, fitted, float(specimen.absolute_error.mean()))
        samples = max(int(fitted * share), min(fitted, 1000))
        own = error_of(attrs.evolve(specimen.experiment, samples=samples))
        return cls(specimen, samples, own)

    def gain(self, suggestion: Suggestion) -> float | None:
        """By which factor the error falls where it is followed; None where that can't be told."""
        if not suggestion.changes:
            return None
        key = json.dumps(suggestion.changes, sort_keys=True)
        if key not in self.gains:
            self.gains[key] = None if self.specimen.seconds_left < 0 else self._try(suggestion)
        return self.gains[key]

    def conclude(self, suspect: Suspect) -> Finding:
        """The finding, with the suggestion that did best."""
        finding = suspect.finding
        if not finding.is_bad or not suspect.remedies:
            return finding
        gains = [(self.gain(remedy), remedy) for remedy in suspect.remedies]
        known = [(gain, remedy) for gain, remedy in gains if gain is not None]
        if not known:
            return attrs.evolve(finding, suggestion=suspect.remedies[0])
        gain, remedy = max(known, key=lambda pair: pair[0])
        if gain < WORTH_IT:
            tried = "what was tried" if len(known) > 1 else "what could be changed, when tried"
            words = f"{finding.words} But {tried} did not help."
            return attrs.evolve(finding, words=words, tried=self.samples)
        words = (
            f"{remedy.words} Tried on {self.samples:,} samples, the error of free runs is "
            f"{gain:.3g} times smaller."
        )
        return attrs.evolve(
            finding,
            suggestion=Suggestion(words, remedy.changes),
            gain=float(gain),
            tried=self.samples,
        )

    def _try(self, suggestion: Suggestion) -> float | None:
        try:
            changed = follow(self.specimen.experiment, suggestion.changes)
            error = error_of(attrs.evolve(changed, samples=self.samples))
        except (ConfigurationError, PluginError, PartError, DivergedError, ValueError, TypeError):
            return None
        return self.own / max(error, 1e-30) if np.isfinite(error) else None


def error_of(experiment: Experiment) -> float:
    """The error of an experiment that is fitted anew: the mean over streams after the washout."""
    fitter = Fitter.of(experiment)
    fitter.fit()
    source = validation_source(experiment)
    x, y = source.take(source.length_of(LONGEST_FRESH * source.streams))
    washout = min(WASHOUT, len(x) // 5)
    return float(error_of_streams(free_run(fitter.module, x), y, washout).mean())
