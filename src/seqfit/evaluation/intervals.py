"""Confidence intervals of means over streams."""

from __future__ import annotations

import math
from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95


@final
@attrs.frozen
class Interval:
    """Where a number lies with a confidence of 95%.

    Attributes:
        low: lower end.
        high: upper end.
    """

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.3g} to {self.high:.3g}"

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def mean_interval(values: npt.NDArray[np.floating[Any]]) -> Interval | None:
    """Student's interval for the mean from which independent values were drawn.

    ``mean ± t s / sqrt(n)``, where s is the standard deviation of the n values, with n - 1 below
    the square, and t the quantile of Student's distribution with n - 1 degrees of freedom. It
    holds the true mean in 95% of all cases where the values are normally distributed, and nearly
    so where they are means over long streams.

    Args:
        values: one for each stream, (streams,).

    Returns:
        The interval; None where there is one value, or where values or their squares are too
        large for a number.

    References:
        Student (1908), "The probable error of a mean".
    """
    count = len(values)
    if count < 2:
        return None
    from scipy.special import stdtrit

    quantile = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2))
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = float(values.mean()), float(values.std(ddof=1))
    half = quantile * deviation / math.sqrt(count)
    return Interval(mean - half, mean + half) if math.isfinite(half) else None
