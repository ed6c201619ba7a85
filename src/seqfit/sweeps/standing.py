"""How a sweep stands: its trials from the best on, as a table, and the best experiment."""

from __future__ import annotations

import csv
import io
from typing import Any, final

import attrs
from optuna.trial import FrozenTrial, TrialState

from seqfit.sweeps.claim import FIT_SECONDS, OTHER_SECONDS, OUTCOME, REASON


@final
@attrs.frozen
class Row:
    """One trial.

    Attributes:
        number: from 0.
        outcome: complete, pruned, diverged, failed or running.
        score: of a complete trial, its score; else the last that was reported; None without one.
        reports: how often it was scored.
        parameters: Optuna's values, by path.
        fit_seconds: spent in the fit, since its last start; None if it did not come to its end.
        other_seconds: beside, likewise.
        reason: why it came to nothing.
    """

    number: int
    outcome: str
    score: float | None
    reports: int
    parameters: dict[str, Any]
    fit_seconds: float | None
    other_seconds: float | None
    reason: str

    @classmethod
    def of(cls, trial: FrozenTrial) -> Row:
        """What Optuna knows of a trial."""
        known, scores = trial.user_attrs, trial.intermediate_values
        last = scores[max(scores)] if scores else None
        return cls(
            number=trial.number,
            outcome=known.get(OUTCOME, trial.state.name.lower())
            if trial.state.is_finished()
            else trial.state.name.lower(),
            score=trial.value if trial.state is TrialState.COMPLETE else last,
            reports=len(scores),
            parameters=trial.params,
            fit_seconds=known.get(FIT_SECONDS),
            other_seconds=known.get(OTHER_SECONDS),
            reason=known.get(REASON, ""),
        )


@final
@attrs.frozen
class Standing:
    """All trials of a sweep, the complete ones first, from the best on.

    Attributes:
        rows: the trials.
    """

    rows: tuple[Row, ...]

    @classmethod
    def of(cls, trials: list[FrozenTrial]) -> Standing:
        """What Optuna knows of the trials."""

        def rank(row: Row) -> tuple[bool, float, int]:
            score = float("inf") if row.score is None else row.score
            return row.outcome != "complete", score, row.number

        return cls(tuple(sorted((Row.of(trial) for trial in trials), key=rank)))

    @property
    def best(self) -> Row | None:
        """The complete trial with the least score; None where there is none."""
        first = self.rows[0] if self.rows else None
        return first if first is not None and first.outcome == "complete" else None

    @property
    def paths(self) -> list[str]:
        """All that was chosen in some trial."""
        return list(dict.fromkeys(path for row in self.rows for path in row.parameters))

    def count(self, outcome: str) -> int:
        """How many trials came to it."""
        return sum(row.outcome == outcome for row in self.rows)

    def seconds(self) -> tuple[float, float, int]:
        """Seconds of fits, seconds beside, and of how many trials."""
        timed = [row for row in self.rows if row.fit_seconds is not None]
        fit = sum(row.fit_seconds or 0.0 for row in timed)
        return fit, sum(row.other_seconds or 0.0 for row in timed), len(timed)

    def as_csv(self) -> str:
        """A line for each trial."""
        text, paths = io.StringIO(), self.paths
        writer = csv.writer(text)
        own = [f.name for f in attrs.fields(Row) if f.name != "parameters"]
        writer.writerow([*own, *paths])
        for row in self.rows:
            parameters = [row.parameters.get(path, "") for path in paths]
            writer.writerow([*(getattr(row, name) for name in own), *parameters])
        return text.getvalue()

    def as_dict(self) -> dict[str, Any]:
        """As data for JSON."""
        return {"trials": [attrs.asdict(row) for row in self.rows]}
