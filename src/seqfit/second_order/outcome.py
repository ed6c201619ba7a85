"""How a fit ended, and by which signs one tells."""

from __future__ import annotations

import enum

import numpy as np

from seqfit.second_order.maps import Array

EXACT = 3.0  # an rms error of so many times that of rounding to float32 is none
ROUNDED = 1000.0  # a rounded model with an error of more than so many times is not exact
CLOSE = 0.1  # an rms error below this share of the outputs' spread is near them
_DELAYS = 20


class Status(enum.Enum):
    """How a fit ended."""

    EXACT = "exact"  # the free run equals the outputs to the precision of float32
    NOISE = "noise"  # what is left is white: noise on the outputs, which no model predicts
    CLOSE = "close"  # it stays near them, no more
    FAR = "far"  # the search found nothing that follows them
    NO_FUNCTION = "no function"  # the outputs are not a function of what the model sees
    TOO_FEW = "too few samples"  # fits, but hardly more samples than numbers in the model
    UNSTABLE = "unstable"  # right one step ahead, yet the free run departs


def rms(values: Array) -> float:
    """Root of the mean square; infinite where that is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        value = float(np.sqrt(np.square(values, dtype=np.float64).mean())) if values.size else 0.0
    return value if np.isfinite(value) else float("inf")


def is_white(residual: Array) -> bool:
    """Whether residuals show no correlation from sample to sample.

    Args:
        residual: shape (time, streams, outputs).

    References:
        Ljung (1999), "System Identification", section 16.6.
    """
    if len(residual) < 10 * _DELAYS:
        return False
    centred = residual - residual.mean(axis=0)
    power = float(np.square(centred).mean())
    if not power > 0.0:
        return False
    allowed = 5.0 / np.sqrt(residual.size) + 0.02
    return all(
        abs(float((centred[k:] * centred[:-k]).mean())) <= allowed * power
        for k in range(1, _DELAYS + 1)
    )


def require_streams(x: Array, y: Array) -> None:
    """Raise a ValueError unless these are inputs and outputs of the same streams, all finite."""
    if x.ndim != 3 or y.ndim != 3 or x.shape[:2] != y.shape[:2]:
        raise ValueError(
            f"x and y must have shapes (time, streams, channels), got {x.shape} and {y.shape}"
        )
    if 0 in x.shape or 0 in y.shape:
        raise ValueError(f"x and y must not be empty, got {x.shape} and {y.shape}")
    for name, values in (("x", x), ("y", y)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite")


VERDICTS = {
    "exact": "exact: the free run equals the samples to the precision of float32",
    "noise": "noise: what is left is white, so no model would predict it",
    "close": "close: the free run stays near the samples, no more",
    "far": "far: the search found no model of this kind that follows the samples",
    "no function": "no function: the outputs are not a function of what the model sees",
    "too few samples": "too few samples: hardly more than there are numbers in the model",
    "unstable": "unstable: right one step ahead, but rounding makes the free run depart",
}
"""What each status means, by its value."""
