"""Piecewise linear maps, written as one hidden layer with a skip, and what can be done to them."""

from __future__ import annotations

from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.floating[Any]]
Vector: TypeAlias = npt.NDArray[np.float64]


@attrs.frozen(eq=False)
class HiddenLayerMap:
    """``f(p) = constant + linear p + output act(hidden p + bias)``.

    Attributes:
        constant: shape (outputs,).
        linear: shape (outputs, features), the skip past the hidden units.
        output: shape (outputs, units).
        hidden: shape (units, features).
        bias: shape (units,).
        tanh: whether `act` is tanh; it is max(0, .) otherwise.
    """

    constant: Array
    linear: Array
    output: Array
    hidden: Array
    bias: Array
    tanh: bool = False

    @property
    def features(self) -> int:
        return int(self.linear.shape[1])

    @property
    def outputs(self) -> int:
        return int(self.linear.shape[0])

    @property
    def units(self) -> int:
        return int(self.hidden.shape[0])

    def __call__(self, p: Array) -> Array:
        """Values of shape (samples, outputs) at `p` of shape (samples, features)."""
        return self.constant + p @ self.linear.T + self.activations(p) @ self.output.T

    def activations(self, p: Array) -> Array:
        """The hidden units at `p`: shape (samples, units)."""
        z = p @ self.hidden.T + self.bias
        return np.tanh(z) if self.tanh else np.maximum(z, 0.0)

    def astype(self, dtype: Any) -> HiddenLayerMap:
        """The same with its numbers rounded to a dtype."""
        c, s, v, w, b = (np.ascontiguousarray(a, dtype) for a in self._arrays)
        return HiddenLayerMap(c, s, v, w, b, self.tanh)

    @property
    def _arrays(self) -> tuple[Array, Array, Array, Array, Array]:
        return self.constant, self.linear, self.output, self.hidden, self.bias

    def pack(self) -> Vector:
        """All numbers in one vector: constant, linear, output, hidden, bias, row by row."""
        return np.concatenate([np.ravel(a) for a in self._arrays]).astype(np.float64)

    def unpack(self, theta: Vector) -> HiddenLayerMap:
        """The map of these sizes whose `pack` is `theta`."""
        ends = np.cumsum([a.size for a in self._arrays])
        pieces = np.split(theta, ends[:-1])
        c, s, v, w, b = (
            piece.reshape(a.shape) for piece, a in zip(pieces, self._arrays, strict=True)
        )
        return HiddenLayerMap(c, s, v, w, b, self.tanh)


def linear_map(constant: Array, linear: Array, tanh: bool = False) -> HiddenLayerMap:
    """A map without hidden units; `constant` (outputs,), `linear` (outputs, features)."""
    outputs, features = linear.shape
    return HiddenLayerMap(
        constant, linear, np.zeros((outputs, 0)), np.zeros((0, features)), np.zeros(0), tanh
    )


def without_unit(f: HiddenLayerMap, unit: int) -> HiddenLayerMap:
    """The map without one of its hidden units."""
    keep = np.arange(f.units) != unit
    return attrs.evolve(f, output=f.output[:, keep], hidden=f.hidden[keep], bias=f.bias[keep])


def flipped(f: HiddenLayerMap, flip: npt.NDArray[np.bool_]) -> HiddenLayerMap:
    """The same function with the chosen ReLU units turned around: relu(z) = z + relu(-z).

    Args:
        f: a map with ReLU units.
        flip: shape (units,), the units to turn.
    """
    turned = f.output * flip  # (outputs, units)
    sign = np.where(flip, -1.0, 1.0)
    return attrs.evolve(
        f,
        constant=f.constant + turned @ f.bias,
        linear=f.linear + turned @ f.hidden,
        hidden=f.hidden * sign[:, None],
        bias=f.bias * sign,
    )


def with_unit_outputs(f: HiddenLayerMap) -> HiddenLayerMap:
    """The same function with the largest output weight of each ReLU unit scaled to +-1."""
    if f.tanh or not f.units:
        return f
    scale = np.abs(f.output).max(axis=0)
    scale = np.where(scale > 0.0, scale, 1.0)
    return attrs.evolve(
        f, output=f.output / scale, hidden=f.hidden * scale[:, None], bias=f.bias * scale
    )


def in_raw_units(
    f: HiddenLayerMap, centre: Vector, scale: Vector, out_centre: Vector, out_scale: Vector
) -> HiddenLayerMap:
    """The map of raw features and outputs, given one of standardised features and outputs.

    Args:
        f: maps (p - centre) / scale to (y - out_centre) / out_scale.
        centre: shape (features,).
        scale: shape (features,).
        out_centre: shape (outputs,).
        out_scale: shape (outputs,).
    """
    linear = f.linear / scale
    hidden = f.hidden / scale
    return attrs.evolve(
        f,
        constant=(f.constant - linear @ centre) * out_scale + out_centre,
        linear=linear * out_scale[:, None],
        output=f.output * out_scale[:, None],
        hidden=hidden,
        bias=f.bias - hidden @ centre,
    )
