"""Streams in units that suit random starts, and what counts as an error in them."""

from __future__ import annotations

import attrs
import numpy as np

from seqfit.second_order.maps import Array, Vector
from seqfit.second_order.residuals import (
    Huber,
    LogLoss,
    Residuals,
    Squares,
    TwoValues,
    two_values,
)
from seqfit.second_order.rounding import float32_floor

_PROMISING = 1e-2  # rms error, as a share of the range of y
_PROMISING_LOG_LOSS = 0.06
_CERTAIN = 1e-3  # an error by log-loss that is as good as none
_OUTLIERS = 0.005  # the share of outputs at either end that does not count for their range


@attrs.frozen(eq=False)
class ScaledStreams:
    """Inputs with the mean and spread of U(0, 1), outputs within [0, 1].

    Attributes:
        x: shape (time, streams, inputs).
        y: shape (time, streams, outputs).
        x_centre, x_scale, y_centre, y_scale: from there to the raw ones.
        floor: rms of what rounding `y` to float32 brings, or an error that is as small.
        residuals: what is made of differences.
        between: the two values of the raw outputs, if they take no others.
    """

    x: Array
    y: Array
    x_centre: Vector
    x_scale: Vector
    y_centre: Vector
    y_scale: Vector
    floor: float
    residuals: Residuals
    between: TwoValues | None

    @property
    def promising(self) -> float:
        """An error from which finishing is worth it."""
        return _PROMISING if self.between is None else _PROMISING_LOG_LOSS

    def outputs(self, raw: Array) -> Array:
        """Outputs of a raw model, scaled as `y` is; logits stay what they are."""
        return raw if self.between is not None else (raw - self.y_centre) / self.y_scale

    def loss(self, outputs: Array) -> float:
        """The mean loss of scaled outputs; infinite where it is not finite."""
        with np.errstate(over="ignore", invalid="ignore"):
            value = self.residuals.value(outputs.astype(np.float64), self.y) / self.y.size
        return value if np.isfinite(value) else np.inf

    def start(self, rng: np.random.Generator) -> float:
        """The mean over the outputs of a raw 0, or, half of the time, of their first values.

        A 0 far from all outputs is none that streams would start from.
        """
        rest = float((-self.y_centre / self.y_scale).mean())
        first = float(self.y[0].mean())
        if rest == first or not -0.5 <= rest <= 1.5:
            return first
        return rest if rng.random() < 0.5 else first


def scaled_streams(x: Array, y: Array, robust: bool) -> ScaledStreams:
    """Scale streams.

    Args:
        x: inputs, shape (time, streams, inputs).
        y: outputs, shape (time, streams, outputs).
        robust: whether outliers among the outputs are not to count for their range, nor to pull
            harder than others.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    spread = x.std(axis=(0, 1)) * np.sqrt(12.0)
    x_scale = np.where(spread > 1e-12 * np.abs(x).max(axis=(0, 1)), spread, 1.0)
    x_centre = x.mean(axis=(0, 1)) - 0.5 * x_scale
    ends = (_OUTLIERS, 1.0 - _OUTLIERS) if robust else (0.0, 1.0)
    low, high = np.quantile(y, ends, axis=(0, 1))
    y_scale = np.where(high > low, high - low, 1.0)
    between = two_values(y)
    floor = _CERTAIN if between is not None else float32_floor(y, y_scale)
    residuals: Residuals = Huber(0.05) if robust else Squares()
    return ScaledStreams(
        (x - x_centre) / x_scale,
        (y - low) / y_scale,
        x_centre,
        x_scale,
        low,
        y_scale,
        floor,
        residuals if between is None else LogLoss(),
        between,
    )
