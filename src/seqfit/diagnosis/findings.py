"""What a diagnosis says: findings, each measured, and what to change."""

from __future__ import annotations

from typing import Any, final

import attrs

from seqfit.evaluation.intervals import Interval
from seqfit.evaluation.scores import finite_or_none


@final
@attrs.frozen
class Curve:
    """A small plot that belongs to a finding.

    Attributes:
        title: what it shows.
        x_label: name of the horizontal axis.
        y_label: name of the vertical axis.
        x: places along the horizontal axis.
        lines: names, and values at each place.
        is_logarithmic: whether both axes are best drawn logarithmically.
    """

    title: str
    x_label: str
    y_label: str
    x: tuple[float, ...]
    lines: tuple[tuple[str, tuple[float, ...]], ...]
    is_logarithmic: bool = False

    def as_dict(self) -> dict[str, Any]:
        """All of it as data for JSON; what is not finite is None."""
        return attrs.asdict(self) | {
            "x": [finite_or_none(value) for value in self.x],
            "lines": [[name, [finite_or_none(v) for v in values]] for name, values in self.lines],
        }


@final
@attrs.frozen
class Suggestion:
    """One thing to change.

    Attributes:
        words: what and why, for people.
        changes: new values by their dotted paths in the experiment's TOML, for `follow`; a whole
            part is a table with its name. Empty where it is not the experiment that has to
            change, but the data.
    """

    words: str
    changes: dict[str, Any] = attrs.field(factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """All of it as data for JSON."""
        return attrs.asdict(self)


@final
@attrs.frozen
class Finding:
    """One thing that was looked at, and how it is.

    Attributes:
        kind: its name.
        is_bad: whether it is beyond the threshold for certain.
        measured: the measurement.
        interval: where the measurement lies with a confidence of 95%, over streams or probes;
            None where it has no such spread.
        threshold: from where on it is bad; found on fits that were healthy, see
            `seqfit.diagnosis.thresholds`.
        unit: what the measurement counts.
        words: what was found, for people.
        suggestion: what to change; None where nothing need be.
        gain: by which factor the error of a free run falls where the suggestion is followed; None
            where there is none, or it was not tried.
        tried: on how many samples something was tried; None where nothing was.
        curve: the measurement in detail.
    """

    kind: str
    is_bad: bool
    measured: float
    interval: Interval | None
    threshold: float
    unit: str
    words: str
    suggestion: Suggestion | None = None
    gain: float | None = None
    tried: int | None = None
    curve: Curve | None = None

    @property
    def verdict(self) -> str:
        """How it is, in two words."""
        if self.is_bad:
            return "bad"
        return "in order" if self.suggestion is None else "could be better"

    @property
    def is_untried(self) -> bool:
        """Whether it has a suggestion that could be tried, and was not."""
        return self.gain is None and self.suggestion is not None and bool(self.suggestion.changes)

    def as_dict(self) -> dict[str, Any]:
        """All of it as data for JSON; what is not finite is None."""
        data = {f.name: finite_or_none(getattr(self, f.name)) for f in attrs.fields(Finding)}
        for name in ("suggestion", "curve"):
            part = getattr(self, name)
            data[name] = None if part is None else part.as_dict()
        data["interval"] = None if self.interval is None else attrs.asdict(self.interval)
        return data

    def __str__(self) -> str:
        return self.words


@final
@attrs.frozen
class Diagnosis:
    """Why a fit is as it is, and what to do. Make one with `seqfit.diagnosis.diagnose`.

    Attributes:
        findings: what is bad comes first: what was tried, the greatest gain before the others,
            then what was not.
        not_told: what could not be told, each with the reason.
        seconds: what the diagnosis took.
        fit_seconds: what the fit took; 0 where that is not known.
        missing: how many outputs were missing, in words; None where none may be.
    """

    findings: tuple[Finding, ...]
    not_told: tuple[str, ...]
    seconds: float
    fit_seconds: float
    missing: str | None = None

    @classmethod
    def of(
        cls,
        findings: list[Finding],
        not_told: list[str],
        seconds: float,
        fit_seconds: float,
        missing: str | None = None,
    ) -> Diagnosis:
        """The diagnosis of some findings, which are put in order.

        Of what is bad comes first what was tried, by its gain, then what has another suggestion;
        the rest keeps its order.
        """

        def rank(found: Finding) -> tuple[bool, bool, bool, float]:
            without = found.suggestion is None
            return not found.is_bad, without, found.gain is None, -(found.gain or 0.0)

        ordered = sorted(findings, key=rank)
        return cls(tuple(ordered), tuple(not_told), seconds, fit_seconds, missing)

    @property
    def bad(self) -> tuple[Finding, ...]:
        """The findings that are bad, in their order."""
        return tuple(finding for finding in self.findings if finding.is_bad)

    @property
    def first_suggestion(self) -> Suggestion | None:
        """What to change first: of the suggestions that were tried, that with the greatest gain."""
        suggestions = (finding.suggestion for finding in self.findings)
        return next((one for one in suggestions if one is not None), None)

    @property
    def cost(self) -> str:
        """What it took, and how that compares with the fit, for people."""
        if not self.fit_seconds:
            return f"it took {self.seconds:.1f} s; what the fit took is not known"
        times = self.seconds / self.fit_seconds
        much = f"{times:.0%} of" if times < 1 else f"{times:,.3g} times"
        return f"it took {self.seconds:.1f} s, {much} the {self.fit_seconds:.3g} s of the fit"

    def as_dict(self) -> dict[str, Any]:
        """All of it as data for JSON; what is not finite is None."""
        return {
            "findings": [finding.as_dict() for finding in self.findings],
            "not_told": list(self.not_told),
            "missing": self.missing,
            "seconds": self.seconds,
            "fit_seconds": self.fit_seconds,
        }

    def __str__(self) -> str:
        lines = []
        for number, finding in enumerate(self.bad, start=1):
            lines.append(f"{number}. {finding}")
            if finding.suggestion is not None:
                untried = " (Not tried.)" * finding.is_untried
                lines.append(f"   {finding.suggestion.words}{untried}")
        if not lines:
            lines.append("Nothing bad was found." if self.findings else "Nothing was measured.")
        good = []
        for finding in self.findings:
            if not finding.is_bad and finding.suggestion is not None:
                lines += [str(finding), f"   {finding.suggestion.words}"]
            elif not finding.is_bad:
                good.append(finding.kind)
        if good:
            lines.append(f"In order: {', '.join(name.replace('_', ' ') for name in good)}.")
        lines += [f"Not told: {reason}." for reason in self.not_told]
        lines += [] if self.missing is None else [f"Missing: {self.missing}."]
        return "\n".join(lines)
