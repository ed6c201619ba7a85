"""Where the error of a free run is: by the input, and by the time since it jumped."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.evaluation.scores import absolute_error
from seqfit.reporting.held_out import HeldOutRun

REGIONS = 24
LAGS = 25
HOLDS = 0.5
"""Where at least this share of the samples repeat the one before, any change is a jump."""

JUMP = 0.1
"""Otherwise a jump is a change by more than this share of the channel's range."""


@final
@attrs.frozen(eq=False)
class ErrorBy:
    """Mean absolute errors, sorted into groups.

    Attributes:
        places: where each group lies on the horizontal axis.
        mae: mean absolute error of each; NaN where there is no sample.
        largest: the largest absolute error of each, likewise.
        counts: outputs in each.
    """

    places: npt.NDArray[np.float64]
    mae: npt.NDArray[np.float64]
    largest: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]


def error_by_input(run: HeldOutRun, channel: int) -> ErrorBy:
    """Errors by the value of one input: by each where there are few, else in equal ranges."""
    values = run.x[..., channel].astype(np.float64)  # (time, streams)
    distinct = np.unique(values[:: max(1, len(values) // 1000)])
    if len(distinct) <= REGIONS and np.isin(values, distinct).all():
        return _grouped(run, np.searchsorted(distinct, values), distinct)
    edges = np.linspace(values.min(), values.max(), REGIONS + 1)
    group = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, REGIONS - 1)
    return _grouped(run, group, (edges[:-1] + edges[1:]) / 2)


def jumps(run: HeldOutRun) -> tuple[npt.NDArray[np.bool_], str]:
    """Where an input jumps, (time, streams), and what is called a jump."""
    change = np.abs(np.diff(run.x.astype(np.float64), axis=0, prepend=run.x[:1]))
    held = (change == 0).all(axis=2)
    if held.mean() >= HOLDS:
        return ~held, "any change of an input"
    limit = JUMP * np.ptp(run.x.astype(np.float64), axis=(0, 1))  # (inputs,)
    words = f"a change of an input by more than {JUMP:.0%} of its range"
    return (change > limit).any(axis=2), words


def error_by_lag(run: HeldOutRun) -> tuple[ErrorBy | None, str]:
    """Errors by the samples that have passed since an input jumped last.

    Returns:
        The errors, None where no input jumps; and what is called a jump.
    """
    jumped, words = jumps(run)
    if not jumped.any():
        return None, words
    time = np.arange(len(jumped))[:, None]
    last = np.maximum.accumulate(np.where(jumped, time, -1), axis=0)
    lag = np.where(last < 0, -1, time - last)
    most = int(lag.max())
    edges = np.unique(np.round(np.geomspace(1, most + 1, LAGS)).astype(int))
    edges = np.concatenate([[0], edges])  # groups of lags: 0, 1, 2, ... and wider ones
    group = np.where(lag < 0, -1, np.searchsorted(edges, lag, side="right") - 1)
    ends = np.append(edges[1:], most + 1)
    places = (edges + np.maximum(ends - 1, edges)) / 2
    by = _grouped(run, group, places)
    filled = by.counts > 0
    return ErrorBy(by.places[filled], by.mae[filled], by.largest[filled], by.counts[filled]), words


def _grouped(
    run: HeldOutRun, group: npt.NDArray[np.integer[Any]], places: npt.NDArray[np.float64]
) -> ErrorBy:
    """Errors by group; those of groups below 0 are left out."""
    error = absolute_error(run.prediction, run.y)
    groups = np.broadcast_to(group[..., None], error.shape)
    kept = (groups >= 0) & ~np.isnan(error)
    errors, numbers, size = error[kept], groups[kept], len(places)
    counts = np.bincount(numbers, minlength=size)
    sums = np.bincount(numbers, errors, minlength=size)
    largest = np.zeros(size)
    np.maximum.at(largest, numbers, errors)
    empty = counts == 0
    mae = np.where(empty, np.nan, sums / np.maximum(counts, 1))
    return ErrorBy(places, mae, np.where(empty, np.nan, largest), counts)
