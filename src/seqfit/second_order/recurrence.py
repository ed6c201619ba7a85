"""Hidden-layer maps that are fed with their own values, and their free runs.

The recurrence, for one stream: ``new = f(x_t, s)``, ``s = (new, s without its last numbers)``,
``y_t = readout s + shift``. With as many new numbers as the state has it is a state-space model;
with fewer the state is a row of the last outputs, newest first.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled
from seqfit.second_order.maps import Array, HiddenLayerMap, Vector


@attrs.frozen(eq=False)
class Recurrence:
    """A map of (inputs, state) fed with its own values.

    Attributes:
        f: features are the inputs and then the state.
        readout: shape (outputs, state).
        shift: shape (outputs,).
    """

    f: HiddenLayerMap
    readout: Array
    shift: Array

    @property
    def size(self) -> int:
        """How many numbers the state of a stream has."""
        return int(self.readout.shape[1])

    def astype(self, dtype: npt.DTypeLike) -> Recurrence:
        """The same with its numbers rounded to a dtype."""
        return Recurrence(
            self.f.astype(dtype),
            np.ascontiguousarray(self.readout, dtype),
            np.ascontiguousarray(self.shift, dtype),
        )

    def pack(self) -> Vector:
        """All numbers in one vector: the map's, the readout's, the shift."""
        return np.concatenate([self.f.pack(), self.readout.ravel(), self.shift])

    def unpack(self, theta: Vector) -> Recurrence:
        """The recurrence of these sizes whose `pack` is `theta`."""
        outputs, size = self.readout.shape
        split = theta.size - outputs * (size + 1)
        return Recurrence(
            self.f.unpack(theta[:split]),
            theta[split : theta.size - outputs].reshape(outputs, size),
            theta[theta.size - outputs :],
        )


def free_run(model: Recurrence, x: Array, state: Array) -> tuple[Array, Array]:
    """The model on its own values, in the dtype of its numbers.

    Args:
        model: its arrays have one dtype, see `Recurrence.astype`.
        x: inputs, shape (time, streams, inputs).
        state: shape (streams, state), or (1, state) for all streams; it is left as it was.

    Returns:
        y: shape (time, streams, outputs).
        state: the state after them.
    """
    f = model.f
    dtype = f.linear.dtype
    x = np.ascontiguousarray(x, dtype)
    state = np.array(np.broadcast_to(state, (x.shape[1], model.size)), dtype, order="C")
    y = np.empty((*x.shape[:2], len(model.shift)), dtype)
    _free_run(
        x, state, f.constant, f.linear, f.output, f.hidden, f.bias, model.readout, model.shift,
        f.tanh, y,
    )  # fmt: skip
    return y, state


class Steps:
    """A free run of one stream with one input and one output, sample by sample.

    Args:
        model: see `free_run`.
        state: before the first sample, (1, state); it is left as it was.

    Attributes:
        state: before the next sample.
    """

    def __init__(self, model: Recurrence, state: Array) -> None:
        f, dtype = model.f, model.f.linear.dtype
        self.state = np.array(state, dtype, order="C")
        self._x, self._y = np.empty((1, 1, 1), dtype), np.empty((1, 1, 1), dtype)
        self._numbers = (
            f.constant, f.linear, f.output, f.hidden, f.bias, model.readout, model.shift, f.tanh,
        )  # fmt: skip

    def __call__(self, x: float) -> float:
        """The output for the next input."""
        self._x[0, 0, 0] = x
        _free_run(self._x, self.state, *self._numbers, self._y)
        return float(self._y[0, 0, 0])


@compiled
def _free_run(
    x: Any,
    state: Any,
    constant: Any,
    linear: Any,
    output: Any,
    hidden: Any,
    bias: Any,
    readout: Any,
    shift: Any,
    tanh: bool,
    y: Any,
) -> None:
    steps, streams, inputs = x.shape
    new = linear.shape[0]
    units = bias.shape[0]
    outputs, size = readout.shape
    value = np.empty(new, x.dtype)
    for k in range(streams):
        s = state[k]
        for t in range(steps):
            for n in range(new):
                a = constant[n]
                for j in range(inputs):
                    a += linear[n, j] * x[t, k, j]
                for j in range(size):
                    a += linear[n, inputs + j] * s[j]
                value[n] = a
            for i in range(units):
                z = bias[i]
                for j in range(inputs):
                    z += hidden[i, j] * x[t, k, j]
                for j in range(size):
                    z += hidden[i, inputs + j] * s[j]
                if tanh:
                    z = np.tanh(z)
                elif not z > 0:
                    continue
                for n in range(new):
                    value[n] += output[n, i] * z
            for j in range(size - 1, new - 1, -1):
                s[j] = s[j - new]
            for n in range(new):
                s[n] = value[n]
            for o in range(outputs):
                a = shift[o]
                for j in range(size):
                    a += readout[o, j] * s[j]
                y[t, k, o] = a
