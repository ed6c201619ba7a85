"""Long series made short, so that no peak is lost."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]


@final
@attrs.frozen(eq=False)
class Envelope:
    """The least and the greatest value of each stretch of a series.

    Attributes:
        size: samples in a stretch; where it is 1, nothing was left out.
        low: the least value of each stretch, (stretches,); NaN where all of it is missing.
        high: the greatest, likewise.
    """

    size: int
    low: Array
    high: Array


def envelope(values: Array, most: int) -> Envelope:
    """A series in at most so many stretches of equal length, the last one perhaps shorter.

    Args:
        values: (time,); those that are not a number are missing.
        most: the most stretches, positive.
    """
    size = max(1, -(-len(values) // most))
    if size == 1:
        return Envelope(1, values, values)
    firsts = np.arange(0, len(values), size)
    return Envelope(size, np.fmin.reduceat(values, firsts), np.fmax.reduceat(values, firsts))
