"""The least-squares problem of a hidden-layer map on pairs of features and outputs."""

from __future__ import annotations

import attrs
import numpy as np

from seqfit.second_order.levenberg_marquardt import Matrix, Vector
from seqfit.second_order.maps import Array, HiddenLayerMap

_ROWS = 2048  # pairs per block: the Jacobian of a block stays in the cache


@attrs.frozen(eq=False)
class Pairs:
    """How far a map is from given pairs: a `LeastSquares` over its packed numbers.

    The Jacobian exists for one block of pairs at a time, so that memory does not grow with them.

    Attributes:
        p: features, shape (pairs, features).
        y: outputs, shape (pairs, outputs).
        like: a map with the sizes and the kind of unit.
    """

    p: Array
    y: Array
    like: HiddenLayerMap

    def cost(self, theta: Vector) -> float:
        f = self.like.unpack(theta)
        total = 0.0
        for rows in self._blocks():
            r = f(self.p[rows]) - self.y[rows]
            total += float(np.vdot(r, r))
        total /= max(self.y.size, 1)
        return total if np.isfinite(total) else np.inf

    def linearise(self, theta: Vector) -> tuple[float, Vector, Matrix]:
        f = self.like.unpack(theta)
        first = 1 + f.features + f.units  # columns that are linear in the parameters
        columns = first + f.units * (f.features + 1)
        gram = np.zeros((columns, columns))
        slope = np.zeros((columns, f.outputs))
        total = 0.0
        for rows in self._blocks():
            basis = _basis(f, self.p[rows], first, columns)
            r = (
                basis[:, :first] @ np.column_stack([f.constant, f.linear, f.output]).T
                - self.y[rows]
            )
            total += float(np.vdot(r, r))
            gram += basis.T @ basis
            slope += basis.T @ r
        size = max(self.y.size, 1)
        gradient, normal = _assemble(f, gram / size, slope / size, first)
        total /= size
        return (total if np.isfinite(total) else np.inf), gradient, normal

    def _blocks(self) -> list[slice]:
        return [slice(i, i + _ROWS) for i in range(0, len(self.p), _ROWS)]


def _basis(f: HiddenLayerMap, p: Array, first: int, columns: int) -> Array:
    """Columns 1, p, act(z) and, for each unit, act'(z) p and act'(z): (pairs, columns)."""
    basis = np.empty((len(p), columns))
    basis[:, 0] = 1.0
    basis[:, 1 : 1 + f.features] = p
    z = p @ f.hidden.T + f.bias
    if f.tanh:
        act = np.tanh(z)
        steep = 1.0 - act * act
    else:
        steep = (z > 0.0).astype(np.float64)
        act = z * steep
    basis[:, 1 + f.features : first] = act
    kinks = basis[:, first:].reshape(len(p), f.units, f.features + 1)
    np.multiply(steep[:, :, None], p[:, None, :], out=kinks[:, :, :-1])
    kinks[:, :, -1] = steep
    return basis


def _assemble(f: HiddenLayerMap, gram: Matrix, slope: Matrix, first: int) -> tuple[Vector, Matrix]:
    """Gradient and J'J of the packed parameters from the products of the basis.

    The Jacobian of output `o` has the first columns of the basis at its own constant, linear and
    output weights, and the kinks' columns, times output[o], at hidden weights and biases.
    """
    n, m, h = f.outputs, f.features, f.units
    where = np.arange(n * (1 + m + h) + h * (m + 1))
    constant, linear, output, hidden, bias = np.split(where, np.cumsum([n, n * m, n * h, h * m]))
    kink = np.column_stack([hidden.reshape(h, m), bias]).ravel()  # (h * (m + 1),)
    per_kink = np.repeat(f.output, m + 1, axis=1)  # (n, h * (m + 1))
    gradient = np.zeros(where.size)
    normal = np.zeros((where.size, where.size))
    gradient[kink] = np.einsum("ok,ko->k", per_kink, slope[first:])
    normal[np.ix_(kink, kink)] = gram[first:, first:] * (per_kink.T @ per_kink)
    for o in range(n):
        own = np.concatenate(
            [constant[o : o + 1], linear.reshape(n, m)[o], output.reshape(n, h)[o]]
        )
        gradient[own] = slope[:first, o]
        normal[np.ix_(own, own)] = gram[:first, :first]
        cross = gram[:first, first:] * per_kink[o]
        normal[np.ix_(own, kink)] = cross
        normal[np.ix_(kink, own)] = cross.T
    return gradient, normal


def with_best_linear(f: HiddenLayerMap, p: Array, y: Array) -> HiddenLayerMap:
    """The map with the constant, linear and output weights that fit the pairs best.

    Args:
        f: its hidden weights and biases stay.
        p: features, shape (pairs, features).
        y: outputs, shape (pairs, outputs).
    """
    first = 1 + f.features + f.units
    gram = np.zeros((first, first))
    slope = np.zeros((first, f.outputs))
    for i in range(0, len(p), _ROWS):
        q = p[i : i + _ROWS]
        basis = np.column_stack([np.ones(len(q)), q, f.activations(q)])
        gram += basis.T @ basis
        slope += basis.T @ y[i : i + _ROWS]
    weights = _solve_scaled(gram, slope).T  # (outputs, first)
    return attrs.evolve(
        f,
        constant=weights[:, 0].copy(),
        linear=weights[:, 1 : 1 + f.features].copy(),
        output=weights[:, 1 + f.features :].copy(),
    )


def _solve_scaled(gram: Matrix, slope: Matrix) -> Matrix:
    """Least-squares solution; columns that add nothing get (nearly) nothing."""
    scale = np.sqrt(np.diag(gram))
    scale = np.where(scale > 0.0, scale, 1.0)
    scaled = gram / np.outer(scale, scale)
    solution: Matrix = (
        np.linalg.lstsq(scaled, slope / scale[:, None], rcond=1e-13)[0] / scale[:, None]
    )
    return solution
