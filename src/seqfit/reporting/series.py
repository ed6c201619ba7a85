"""Inputs, targets, outputs and errors over time, as data that a page zooms into."""

from __future__ import annotations

from typing import Any

from seqfit.reporting.account import RunAccount
from seqfit.reporting.figures import numbers
from seqfit.reporting.held_out import AROUND, HeldOutRun, Stretch
from seqfit.reporting.markup import text
from seqfit.reporting.thinning import Array, envelope

VALUES = 400_000
"""Numbers that the series of all runs of a report may have; longer ones are thinned."""

CHANNELS = 4
"""Inputs and outputs that are shown, the first ones."""


def series_of(account: RunAccount, held_out: HeldOutRun, runs: int) -> dict[str, Any]:
    """The first stream of a free run.

    Args:
        account: the run.
        held_out: its free run.
        runs: of the report, which share the `VALUES`.

    Returns:
        Rows of one stretch, in which each stretch of ``size`` samples has its least and its
        greatest value; ``high`` is None where it has one sample.
    """
    rows = _rows(account, held_out, 0, 0, len(held_out.x))
    most = max(1, VALUES // runs // len(rows))
    if len(held_out.x) > most:
        most = max(1, most // 2)  # a least and a greatest value for each
    thinned = [(row, envelope(values, most)) for row, values in rows]
    size = thinned[0][1].size
    return {
        "first": 0,
        "size": size,
        "length": len(held_out.x),
        "rows": [
            row
            | {"low": numbers(part.low), "high": None if size == 1 else numbers(part.high)}
            for row, part in thinned
        ],
    }  # fmt: skip


def series_around(account: RunAccount, held_out: HeldOutRun, stretch: Stretch) -> dict[str, Any]:
    """Every sample of a stretch and of some before and after it, in the form of `series_of`."""
    first = max(0, stretch.first - AROUND)
    end = min(len(held_out.x), stretch.end + AROUND)
    rows = _rows(account, held_out, stretch.stream, first, end)
    return {
        "first": first,
        "size": 1,
        "length": end - first,
        "rows": [row | {"low": numbers(values), "high": None} for row, values in rows],
    }


def _rows(
    account: RunAccount, held_out: HeldOutRun, stream: int, first: int, end: int
) -> list[tuple[dict[str, Any], Array]]:
    """What is drawn in each row, and its values, (time,)."""
    inputs, outputs = held_out.x.shape[2], held_out.y.shape[2]
    here = slice(first, end), stream
    rows: list[tuple[dict[str, Any], Array]] = []
    for channel in range(min(inputs, CHANNELS)):
        name = text(account.input_name(channel))
        rows.append((_row(name, "input", channel), held_out.x[(*here, channel)]))
    single = outputs == 1
    for channel in range(min(outputs, CHANNELS)):
        name = text(account.output_name(channel))
        of = "" if single and name == "output" else f" {name}"
        rows.append((_row(f"target{of}", "target", channel), held_out.y[(*here, channel)]))
        rows.append((_row(f"output{of}", "output", channel), held_out.prediction[(*here, channel)]))
        rows.append((_row(f"error{of}", "error", channel), held_out.error[(*here, channel)]))
    return rows


def _row(name: str, role: str, channel: int) -> dict[str, Any]:
    return {"name": name, "role": role, "channel": channel}
