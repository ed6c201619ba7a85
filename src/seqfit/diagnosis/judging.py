"""From a measurement to a finding, and what might help."""

from __future__ import annotations

from typing import final

import attrs

from seqfit.diagnosis.findings import Curve, Finding, Suggestion
from seqfit.diagnosis.specimen import Specimen
from seqfit.diagnosis.thresholds import GOOD_ENOUGH, THRESHOLDS
from seqfit.evaluation.intervals import Interval


@final
@attrs.frozen
class Suspect:
    """A finding, and what might help where it is bad.

    Attributes:
        finding: without a suggestion.
        remedies: suggestions to be tried; of those that can't be, the first is taken.
    """

    finding: Finding
    remedies: tuple[Suggestion, ...] = ()

    def untried(self) -> Finding:
        """The finding, where it is bad with the first suggestion."""
        if not self.finding.is_bad or not self.remedies:
            return self.finding
        return attrs.evolve(self.finding, suggestion=self.remedies[0])


def judge(
    specimen: Specimen,
    kind: str,
    measured: float,
    unit: str,
    words: str,
    *,
    interval: Interval | None = None,
    remedies: tuple[Suggestion, ...] = (),
    curve: Curve | None = None,
    is_possible: bool = True,
    threshold: float | None = None,
) -> Suspect:
    """Hold a measurement against its threshold.

    Args:
        specimen: what was looked at; where its error is small, only what concerns the data is bad.
        kind: name of the finding.
        measured: the measurement; it grows with the defect.
        unit: what it counts.
        words: what was found.
        interval: where the measurement lies; it is bad where all of that is.
        remedies: what might help.
        curve: the measurement in detail.
        is_possible: False where it can't be bad, whatever the measurement.
        threshold: from where on it is bad; None takes that of the kind.
    """
    threshold = THRESHOLDS[kind] if threshold is None else threshold
    least = measured if interval is None else interval.low
    matters = kind in _OF_DATA or specimen.nrmse > GOOD_ENOUGH
    is_bad = bool(least > threshold and is_possible and matters)
    finding = Finding(kind, is_bad, float(measured), interval, threshold, unit, words, curve=curve)
    return Suspect(finding, remedies)


_OF_DATA = {"constant_input", "repeated_input", "unseen_input"}
