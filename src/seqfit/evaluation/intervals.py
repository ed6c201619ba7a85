"""Confidence intervals of means over streams."""

from __future__ import annotations

import functools
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
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = float(values.mean()), float(values.std(ddof=1))
    half = student_quantile(count - 1) * deviation / math.sqrt(count)
    return Interval(mean - half, mean + half) if math.isfinite(half) else None


@functools.lru_cache
def student_quantile(degrees: int) -> float:
    """The t that Student's distribution exceeds in absolute value in 5% of all cases.

    Args:
        degrees: of freedom, at least 1.
    """
    low, high = 0.0, math.pi / 2  # the angle of t / sqrt(degrees), in which the share is monotone
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _share(middle, degrees) < CONFIDENCE else (low, middle)
    return math.sqrt(degrees) * math.tan(0.5 * (low + high))


def _share(angle: float, degrees: int) -> float:
    """P(|T| <= t) for ``t = sqrt(degrees) tan(angle)``.

    References:
        Abramowitz and Stegun (1964), "Handbook of mathematical functions", 26.7.3 and 26.7.4.
    """
    sine, cosine = math.sin(angle), math.cos(angle)
    if degrees % 2 == 0:
        term = total = 1.0
        for k in range(2, degrees - 1, 2):
            term *= (k - 1) / k * cosine**2
            total += term
        return sine * total
    term = total = cosine if degrees > 1 else 0.0
    for k in range(3, degrees - 1, 2):
        term *= (k - 1) / k * cosine**2
        total += term
    return 2 / math.pi * (angle + sine * total)
