"""What the arrays that signals and targets give must be like."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqfit.signals.base import Array
from seqfit.testing.laws import Broken


def require_array(values: Any, what: str) -> None:
    """Raise `Broken` unless the values are a NumPy array."""
    if not isinstance(values, np.ndarray):
        raise Broken(f"{what} must give a NumPy array, got {type(values).__name__}")


def require_shape(values: Any, shape: tuple[int, ...], what: str) -> None:
    """Raise `Broken` unless the values are an array of the shape (time, streams, channels)."""
    require_array(values, what)
    if values.shape != shape:
        raise Broken(f"{what} must give an array of shape {shape}, got {values.shape}")


def require_dtype(values: Any, dtype: str, what: str) -> None:
    """Raise `Broken` unless the values are an array of the dtype."""
    require_array(values, what)
    if values.dtype != np.dtype(dtype):
        raise Broken(f"{what} must give an array of {dtype}, got {values.dtype}")


def require_finite(values: Array, what: str, has_missing: bool = False) -> None:
    """Raise `Broken` where a value is infinite or, unless some may be missing, NaN."""
    place = _first(np.isinf(values) if has_missing else ~np.isfinite(values))
    if place is not None:
        raise Broken(f"{what} is {values[place]} at sample {place[0]} of stream {place[1]}")


def require_within(values: Array, bounds: tuple[float, float], what: str) -> None:
    """Raise `Broken` where a value lies beyond the bounds, which are rounded to its dtype."""
    with np.errstate(over="ignore"):
        low, high = (np.float64(bound).astype(values.dtype) for bound in bounds)
    place = _first((values < low) | (values > high))
    if place is not None:
        raise Broken(
            f"{what} is {values[place]} at sample {place[0]} of stream {place[1]}, beyond its "
            f"bounds {bounds}"
        )


def _first(wrong: np.ndarray[Any, np.dtype[np.bool_]]) -> tuple[int, ...] | None:
    places = np.argwhere(wrong)
    return tuple(places[0].tolist()) if len(places) else None
