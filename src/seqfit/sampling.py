"""Sampling times: how far apart samples are, and whether any is missing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

GAP = 0.5
"""The share of the usual step by which one may be longer or shorter, as clocks have it."""


def sampling_time(times: npt.NDArray[np.float64], name: str) -> float:
    """The usual step of a column of times: the median.

    Args:
        times: shape (time,) or (time, streams), in seconds.
        name: what the column is called, for errors.

    Raises:
        ValueError: there are less than two samples, time does not go on, or a step is longer or
            shorter than usual by half of it or more, so that samples are missing; the error
            names the first such row.
    """
    if len(times) < 2:
        raise ValueError(f"column {name!r} must hold at least two times, got {len(times)}")
    columns = times.reshape(len(times), -1)  # (time, streams)
    steps = np.diff(columns, axis=0)
    usual = float(np.median(steps))
    if usual <= 0:
        raise ValueError(f"the times in column {name!r} must go on, their usual step is {usual:g}")
    wrong = np.argwhere(np.abs(steps - usual) >= GAP * usual)
    if len(wrong):
        row, stream = (int(i) for i in wrong[0])
        before, after = columns[row : row + 2, stream]
        missing = round((after - before) / usual) - 1
        what = f"{missing} sample{'s' if missing > 1 else ''} missing" if missing > 0 else "uneven"
        raise ValueError(
            f"row {row + 2}, column {name!r}: {what}: time goes from {before:.15g} to "
            f"{after:.15g}, in steps of {usual:.6g} elsewhere; fit the stretches before and after "
            "as recordings of their own, or fill the gap"
        )
    return usual
