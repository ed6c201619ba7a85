"""The least-squares problem of a free run, with its exact derivatives."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled
from seqfit.second_order.levenberg_marquardt import Matrix, Vector
from seqfit.second_order.maps import Array
from seqfit.second_order.recurrence import Recurrence, free_run
from seqfit.second_order.residuals import Residuals, Squares

_ROWS = 1024  # rows of the Jacobian held at a time


@attrs.frozen(eq=False)
class FreeRun:
    """How far a free run is from the outputs: a `LeastSquares` over chosen numbers of a model.

    The derivatives are those of the whole run (real-time recurrent learning), not truncated.

    Attributes:
        x: inputs, shape (time, streams, inputs).
        y: outputs, shape (time, streams, outputs).
        start: where every stream starts, shape (1, state).
        like: a model; the numbers that are not free stay as they are in it.
        free: bool, shape (parameters,): the numbers of `Recurrence.pack` that are free.
        free_start: whether the start is free as well; its numbers then come last.
        residuals: what is made of the differences.
        bound: a run whose values pass it counts as lost.

    References:
        Williams and Zipser (1989), "A learning algorithm for continually running fully recurrent
        neural networks".
    """

    x: Array
    y: Array
    start: Array
    like: Recurrence
    free: npt.NDArray[np.bool_]
    free_start: bool = False
    residuals: Residuals = attrs.field(factory=Squares)
    bound: float = np.inf

    def numbers(self) -> Vector:
        """The free numbers of `like`, and of the start."""
        own = self.like.pack()[self.free]
        return np.concatenate([own, self.start[0]]) if self.free_start else own

    def model(self, theta: Vector) -> tuple[Recurrence, Array]:
        """The model whose free numbers are `theta`, and its start."""
        packed = self.like.pack()
        size = self.like.size if self.free_start else 0
        packed[self.free] = theta[: theta.size - size]
        return self.like.unpack(packed), (theta[-size:][None] if size else self.start)

    def cost(self, theta: Vector) -> float:
        model, state = self.model(theta)
        total = 0.0
        for rows in self._blocks(16 * _ROWS):
            y, state = free_run(model, self.x[rows], state)
            if not np.abs(y).max(initial=0.0) <= self.bound:
                return np.inf
            with np.errstate(over="ignore"):
                total += self.residuals.value(y, self.y[rows])
        total /= max(self.y.size, 1)
        return total if np.isfinite(total) else np.inf

    def linearise(self, theta: Vector) -> tuple[float, Vector, Matrix]:
        model, start = self.model(theta)
        f = model.f
        outputs, size = model.readout.shape
        streams = self.x.shape[1]
        mapped = f.pack().size
        moving = mapped + size * self.free_start  # the numbers that the state depends on
        parameters = moving + outputs * (size + 1)
        state = np.repeat(np.asarray(start, np.float64), streams, axis=0)
        sens = np.zeros((2, streams, size, moving))  # the first is read, the second written
        if self.free_start:
            sens[0, :, :, mapped:] = np.eye(size)
        gradient = np.zeros(parameters)
        normal = np.zeros((parameters, parameters))
        total = 0.0
        for rows in self._blocks(_ROWS):
            x = np.ascontiguousarray(self.x[rows], np.float64)
            y = np.empty((*x.shape[:2], outputs))
            jac = np.zeros((*y.shape, parameters))
            _sensitivities(
                x, state, sens, f.constant, f.linear, f.output, f.hidden, f.bias,
                model.readout, model.shift, f.tanh, y, jac,
            )  # fmt: skip
            if not np.abs(y).max(initial=0.0) <= self.bound:
                return np.inf, gradient, normal
            jac = jac.reshape(-1, parameters)
            with np.errstate(over="ignore", invalid="ignore"):
                total += self.residuals.value(y, self.y[rows])
                gradient += jac.T @ self.residuals.slope(y, self.y[rows]).reshape(-1)
                curvature = self.residuals.curvature(y, self.y[rows])
                if curvature is None:
                    normal += jac.T @ jac
                else:
                    jac_rooted = jac * np.sqrt(curvature.reshape(-1, 1))
                    normal += jac_rooted.T @ jac_rooted
        count = max(self.y.size, 1)
        # Sensitivities come as map, start, readout, shift; theta as map, readout, shift, start.
        order = np.concatenate([np.arange(mapped), np.arange(moving, parameters)])[self.free]
        order = np.concatenate([order, np.arange(mapped, moving)])
        return total / count, gradient[order] / count, normal[np.ix_(order, order)] / count

    def _blocks(self, rows: int) -> list[slice]:
        each = max(1, rows // max(1, self.y[0].size if len(self.y) else 1))
        return [slice(i, i + each) for i in range(0, len(self.x), each)]


@compiled
def _sensitivities(
    x: Any,
    state: Any,
    sens: Any,
    constant: Any,
    linear: Any,
    output: Any,
    hidden: Any,
    bias: Any,
    readout: Any,
    shift: Any,
    tanh: bool,
    y: Any,
    jac: Any,
) -> None:
    """Outputs and their derivatives; state and sens (2, streams, state, numbers) move on."""
    steps, streams, inputs = x.shape
    new, features = linear.shape
    units = bias.shape[0]
    outputs, size = readout.shape
    mapped = sens.shape[3]
    at_linear = new
    at_output = at_linear + new * features
    at_hidden = at_output + new * units
    at_bias = at_hidden + units * features
    p = np.empty(features)
    act = np.empty(units)
    steep = np.empty(units)
    for k in range(streams):
        s = state[k]
        for t in range(steps):
            old = sens[0, k]
            out = sens[1, k]
            for j in range(inputs):
                p[j] = x[t, k, j]
            for j in range(size):
                p[inputs + j] = s[j]
            for i in range(units):
                z = bias[i]
                for j in range(features):
                    z += hidden[i, j] * p[j]
                if tanh:
                    act[i] = np.tanh(z)
                    steep[i] = 1.0 - act[i] * act[i]
                else:
                    act[i] = z if z > 0.0 else 0.0
                    steep[i] = 1.0 if z > 0.0 else 0.0
            for j in range(size - 1, new - 1, -1):
                s[j] = s[j - new]
                out[j] = old[j - new]
            for n in range(new):
                row = out[n]
                row[:] = 0.0
                a = constant[n]
                for j in range(features):
                    a += linear[n, j] * p[j]
                for i in range(units):
                    a += output[n, i] * act[i]
                s[n] = a
                for j in range(size):
                    pull = linear[n, inputs + j]
                    for i in range(units):
                        pull += output[n, i] * steep[i] * hidden[i, inputs + j]
                    if pull != 0.0:
                        for q in range(mapped):
                            row[q] += pull * old[j, q]
                row[n] += 1.0
                for j in range(features):
                    row[at_linear + n * features + j] += p[j]
                for i in range(units):
                    row[at_output + n * units + i] += act[i]
                    g = output[n, i] * steep[i]
                    if g != 0.0:
                        for j in range(features):
                            row[at_hidden + i * features + j] += g * p[j]
                        row[at_bias + i] += g
            for j in range(size):
                for q in range(mapped):
                    old[j, q] = out[j, q]
            for o in range(outputs):
                a = shift[o]
                row = jac[t, k, o]
                for j in range(size):
                    a += readout[o, j] * s[j]
                    row[mapped + o * size + j] = s[j]
                    g = readout[o, j]
                    if g != 0.0:
                        for q in range(mapped):
                            row[q] += g * out[j, q]
                row[mapped + outputs * size + o] = 1.0
                y[t, k, o] = a
