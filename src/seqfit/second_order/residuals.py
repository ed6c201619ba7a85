"""What a least-squares problem makes of the difference between outputs and what should come out.

Damped least squares needs three things of a loss: its value, half its slope and half its
curvature in the outputs. With a curvature that is never negative, ``J' curvature J`` is a sound
stand-in for the Hessian (Gauss-Newton).
"""

from __future__ import annotations

import abc
from typing import final

import attrs
import numpy as np

from seqfit.second_order.maps import Array, Vector


class Residuals(abc.ABC):
    """A loss that damped least squares can lower."""

    @abc.abstractmethod
    def value(self, output: Array, y: Array) -> float:
        """The loss, summed over all numbers of two arrays of the same shape."""

    @abc.abstractmethod
    def slope(self, output: Array, y: Array) -> Array:
        """Half the derivative of each number's loss by its output."""

    @abc.abstractmethod
    def curvature(self, output: Array, y: Array) -> Array | None:
        """Half the second derivative, at least 0; None where it is 1 everywhere."""

    @abc.abstractmethod
    def constant(self, y: Array) -> Vector:
        """The output that is best where it is always the same.

        Args:
            y: shape (time, streams, outputs).

        Returns:
            Array of shape (outputs,).
        """


@final
@attrs.frozen
class Squares(Residuals):
    """The square of the difference."""

    def value(self, output: Array, y: Array) -> float:
        r = output - y
        return float(np.vdot(r, r))

    def slope(self, output: Array, y: Array) -> Array:
        return output - y

    def curvature(self, output: Array, y: Array) -> Array | None:
        return None

    def constant(self, y: Array) -> Vector:
        return np.asarray(y.mean(axis=(0, 1)))


@final
@attrs.frozen
class Huber(Residuals):
    """Squares up to a distance `delta` and straight lines beyond it: outliers pull no harder.

    The curvature beyond `delta` is that of the square through the same slope, as in iteratively
    reweighted least squares.

    References:
        Huber (1964), "Robust estimation of a location parameter".
    """

    delta: float

    def value(self, output: Array, y: Array) -> float:
        r = np.abs(output - y)
        near = np.minimum(r, self.delta)
        return float((near * (2.0 * r - near)).sum())

    def slope(self, output: Array, y: Array) -> Array:
        return np.asarray(np.clip(output - y, -self.delta, self.delta))

    def curvature(self, output: Array, y: Array) -> Array | None:
        return np.asarray(self.delta / np.maximum(np.abs(output - y), self.delta))

    def constant(self, y: Array) -> Vector:
        """The median, which lies within `delta` of the best."""
        return np.asarray(np.median(y, axis=(0, 1)))


@final
@attrs.frozen
class LogLoss(Residuals):
    """Minus twice the log-likelihood of `y`, 0 or 1, where the output is the logit of a 1."""

    def value(self, output: Array, y: Array) -> float:
        return 2.0 * float((np.logaddexp(0.0, output) - y * output).sum())

    def slope(self, output: Array, y: Array) -> Array:
        return sigmoid(output) - y

    def curvature(self, output: Array, y: Array) -> Array | None:
        p = sigmoid(output)
        return np.asarray(p * (1.0 - p))

    def constant(self, y: Array) -> Vector:
        share = y.mean(axis=(0, 1))
        return np.asarray(np.log(share / (1.0 - share)))


def sigmoid(z: Array) -> Array:
    """``1 / (1 + exp(-z))``, without overflow."""
    half = z.dtype.type(0.5)
    return np.asarray(half + half * np.tanh(half * z))


def robust_spread(r: Array) -> float:
    """The standard deviation of the bulk of residuals, by their median absolute value."""
    return 1.4826 * float(np.median(np.abs(r))) if r.size else 0.0


@final
@attrs.frozen(eq=False)
class TwoValues:
    """The two values that outputs take, shape (outputs,) each."""

    low: Vector
    high: Vector

    def mean(self, logits: Array) -> Array:
        """The expected output where the high value has these logits, in their dtype."""
        share = sigmoid(logits)
        low, high = self.low.astype(share.dtype), self.high.astype(share.dtype)
        return np.asarray((1 - share) * low + share * high)

    def nearest(self, outputs: Array) -> Array:
        """The nearer of the two values."""
        return np.where(2.0 * outputs > self.low + self.high, self.high, self.low)


def two_values(y: Array) -> TwoValues | None:
    """The two values of each output channel, where every channel takes exactly two.

    Args:
        y: shape (time, streams, outputs).
    """
    flat = y.reshape(-1, y.shape[2])
    low, high = flat.min(axis=0), flat.max(axis=0)
    if not (low < high).all() or not ((flat == low) | (flat == high)).all():
        return None
    return TwoValues(low.astype(np.float64), high.astype(np.float64))
