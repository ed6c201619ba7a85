"""Static nonlinearities: outputs that are functions of the present input alone."""

from __future__ import annotations

import abc
import itertools
from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.states import State
from seqfit.targets.base import Array, Target, require_samples
from seqfit.targets.memory import Memory
from seqfit.validators import above, as_tuple, finite, finite_numbers, one_for_each, positive


class StaticNonlinearity(Target):
    """A function of the present input, of each channel by itself. It has no state."""

    __slots__ = ()

    @abc.abstractmethod
    def apply(self, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The function, element by element."""

    def start(self, streams: int) -> State:
        return None

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        require_samples(x, self)
        return self.apply(x.astype(np.float64)).astype(x.dtype), state

    @property
    def memory(self) -> Memory:
        return Memory.finite(0)

    @property
    def output_determines_state(self) -> bool:
        return True


@final
@attrs.frozen
class Polynomial(StaticNonlinearity):
    """A polynomial of the input, ``y[t] = sum_k coefficients[k] x[t]**k``. It has no memory.

    Attributes:
        coefficients: the constant first.
    """

    coefficients: tuple[float, ...] = attrs.field(
        default=(0.0, 1.0, 0.0, -0.2), converter=as_tuple, validator=finite_numbers
    )

    def apply(self, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        y = np.full(x.shape, float(self.coefficients[-1]))
        for coefficient in self.coefficients[-2::-1]:
            y = y * x + coefficient
        return y


@final
@attrs.frozen
class Saturation(StaticNonlinearity):
    """The input between two limits, ``y[t] = clip(x[t], low, high)``. It has no memory.

    Attributes:
        low: least output.
        high: greatest output.
    """

    low: float = attrs.field(default=-0.5, validator=finite)
    high: float = attrs.field(default=0.5, validator=above("low"))

    def apply(self, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.clip(x, self.low, self.high)

    @property
    def bounds(self) -> tuple[float, float]:
        return self.low, self.high


@final
@attrs.frozen
class Sigmoid(StaticNonlinearity):
    """A smooth saturation, ``y[t] = limit tanh(gain x[t] / limit)``. It has no memory.

    Attributes:
        gain: slope at 0.
        limit: what the output stays below in absolute value.
    """

    gain: float = attrs.field(default=1.0, validator=finite)
    limit: float = attrs.field(default=1.0, validator=positive)

    def apply(self, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        y: npt.NDArray[np.float64] = self.limit * np.tanh(self.gain / self.limit * x)
        return y

    @property
    def bounds(self) -> tuple[float, float]:
        return -self.limit, self.limit


def _rising(table: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    finite_numbers(table, attribute, value)
    if len(value) < 2 or any(b <= a for a, b in itertools.pairwise(value)):
        raise ValueError(f"{attribute.name} must be two or more rising numbers, got {value!r}")


@final
@attrs.frozen
class PiecewiseLinear(StaticNonlinearity):
    """A table with straight lines between its points; beyond them it is constant.

    It has no memory.

    Attributes:
        points: inputs, rising.
        values: the output at each of them.
    """

    points: tuple[float, ...] = attrs.field(
        default=(-1.0, -0.2, 0.2, 1.0), converter=as_tuple, validator=_rising
    )
    values: tuple[float, ...] = attrs.field(
        default=(-1.0, 0.0, 0.0, 1.0), converter=as_tuple, validator=one_for_each("points")
    )

    def apply(self, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.clip(np.interp(x, self.points, self.values), *self.bounds)

    @property
    def bounds(self) -> tuple[float, float]:
        return min(self.values), max(self.values)
