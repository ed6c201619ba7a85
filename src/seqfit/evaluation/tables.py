"""An evaluation in words and numbers, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import attrs

if TYPE_CHECKING:
    from seqfit.evaluation.examination import Evaluation
    from seqfit.evaluation.intervals import Interval
    from seqfit.evaluation.kinks import KinkErrors
    from seqfit.evaluation.scores import Scores
    from seqfit.evaluation.starts import Starts


@final
@attrs.frozen
class Table:
    """Some numbers and what they mean.

    Attributes:
        title: what they are of.
        header: names of the columns.
        rows: of cells, one for each column.
        remarks: sentences that belong to them.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    remarks: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [self.header, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = [self.title]
        for first, *others in lines:
            cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
            text.append("  ".join([first.ljust(widths[0]), *cells]).rstrip())
        return "\n".join([*text, *self.remarks])


def tables_of(evaluation: Evaluation) -> tuple[Table, ...]:
    """The tables of an evaluation: those that it has numbers for."""
    intervals = () if evaluation.streams == 1 else (_of_intervals(evaluation),)
    kinks = () if evaluation.kinks is None else (_of_kinks(evaluation.kinks),)
    return _of_horizons(evaluation), *intervals, *kinks, _of_starts(evaluation.starts)


def _of_horizons(evaluation: Evaluation) -> Table:
    rows = [
        (f"{horizon.length:,}", *_numbers(horizon.scores, _ALL)) for horizon in evaluation.horizons
    ]
    remarks = [] if evaluation.drift is None else [f"Drift: {evaluation.drift}."]
    if evaluation.streams == 1:
        remarks.append("One stream gives no intervals, as it does not tell how streams differ.")
    return Table(
        f"free run on {_count(evaluation.streams, 'held-out stream')}; "
        f"{evaluation.fitted:,} samples of each stream were fitted",
        ("samples", *_ALL),
        tuple(rows),
        tuple(remarks),
    )


def _of_intervals(evaluation: Evaluation) -> Table:
    rows = [
        (
            f"{horizon.length:,}",
            _interval(horizon.scores.mae_interval),
            _interval(horizon.scores.rmse_interval),
        )
        for horizon in evaluation.horizons
    ]
    return Table(
        f"95% confidence for all such streams, from how these {evaluation.streams:,} differ",
        ("samples", "MAE", "RMSE"),
        tuple(rows),
    )


def _of_kinks(kinks: KinkErrors) -> Table:
    groups = {
        f"within {kinks.within} samples": kinks.near,
        "elsewhere": kinks.elsewhere,
    }
    rows = [
        (name, f"{some.count:,}", *(f"{n:.3g}" for n in (some.mae, some.rmse, some.max)))
        for name, some in groups.items()
        if some is not None
    ]
    remarks = () if kinks.kinks else ("The target did not reach its bounds.",)
    return Table(
        f"{_count(kinks.kinks, 'place')} where the target reaches or leaves its bounds",
        ("outputs", "how many", "MAE", "RMSE", "max"),
        tuple(rows),
        remarks,
    )


def _of_starts(starts: Starts) -> Table:
    ways = {
        "from the start": starts.right,
        "from wrong states": starts.wrong,
        "warmed up": starts.warmed_up,
        "one step ahead": starts.one_step_ahead,
    }
    rows = [(name, *_numbers(scores, _SOME)) for name, scores in ways.items() if scores is not None]
    remarks = []
    if starts.exposure is not None:
        remarks.append(
            f"Exposure: the RMSE of the free run is {starts.exposure:.3g} times that of one step "
            "ahead."
        )
    return Table(
        f"{starts.length:,} samples of each stream, the first {starts.washout:,} not scored",
        ("run", *_SOME),
        tuple(rows),
        tuple(remarks),
    )


_SOME = ("MAE", "RMSE", "NRMSE", "p99", "max")
_ALL = (*_SOME, "fit %")


def _numbers(scores: Scores, names: tuple[str, ...]) -> list[str]:
    cells = {
        "MAE": f"{scores.mae:.3g}",
        "RMSE": f"{scores.rmse:.3g}",
        "NRMSE": "-" if scores.nrmse is None else f"{scores.nrmse:.3g}",
        "p99": f"{scores.p99:.3g}",
        "max": f"{scores.max:.3g}",
        "fit %": "-" if scores.fit_percent is None else f"{scores.fit_percent:.2f}",
    }
    return [cells[name] for name in names]


def _interval(interval: Interval | None) -> str:
    return "-" if interval is None else str(interval)


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}" + ("" if number == 1 else "s")
