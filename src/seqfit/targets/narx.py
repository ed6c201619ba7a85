"""Polynomial NARX systems."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled
from seqfit.states import State
from seqfit.targets.base import Array, Target
from seqfit.targets.memory import Memory
from seqfit.targets.recursion import each_channel
from seqfit.validators import as_tuple, finite, is_int, positive

_HIGHEST = 20


def _exponents(_term: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, tuple) or not all(is_int(v) and 0 <= v <= _HIGHEST for v in value):
        raise ValueError(
            f"{attribute.name} must be a list of exponents, ints from 0 to {_HIGHEST}, "
            f"got {value!r}"
        )


@final
@attrs.frozen
class Term:
    """A product of powers of past outputs, and of present and past inputs.

    ``coefficient prod_j y[t-j]**outputs[j-1] prod_j x[t-j]**inputs[j]``.

    Attributes:
        coefficient: of the product.
        outputs: exponents of y[t-1], y[t-2] and so on.
        inputs: exponents of x[t], x[t-1] and so on.
    """

    coefficient: float = attrs.field(validator=finite)
    outputs: tuple[int, ...] = attrs.field(default=(), converter=as_tuple, validator=_exponents)
    inputs: tuple[int, ...] = attrs.field(default=(), converter=as_tuple, validator=_exponents)


def _terms(_target: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, tuple) or not value or not all(isinstance(v, Term) for v in value):
        raise ValueError(f"{attribute.name} must be a list of one or more Terms, got {value!r}")


_LACERDA = (
    Term(0.2, outputs=(1,)),
    Term(0.1, outputs=(1,), inputs=(0, 1)),
    Term(0.9, inputs=(0, 0, 1)),
)


@final
@attrs.frozen
class NARX(Target):
    """A polynomial of past outputs and of present and past inputs: the sum of some `Term`s.

    NARX: nonlinear, autoregressive, with exogenous input. Outputs and inputs before the first
    sample are 0. Since many such systems run away on some inputs, y is clipped to `limit` inside
    the recursion. Each input channel by itself. The default,
    ``y[t] = 0.2 y[t-1] + 0.1 y[t-1] x[t-1] + 0.9 x[t-2]``, is the example of SysIdentPy.

    References:
        Leontaritis and Billings (1985), "Input-output parametric models for non-linear systems",
        part I; Billings (2013), "Nonlinear system identification", chapter 2; Lacerda et al.
        (2020), "SysIdentPy", Journal of Open Source Software 5 (54).

    Attributes:
        terms: what is summed: `Term(0.9, outputs=(0, 2), inputs=(0, 1))` is
            ``0.9 y[t-2]^2 x[t-1]``, by the exponents of y[t-1], y[t-2] ... and of x[t], x[t-1] ...
        limit: greatest absolute value of an output.
    """

    terms: tuple[Term, ...] = attrs.field(default=_LACERDA, converter=as_tuple, validator=_terms)
    limit: float = attrs.field(default=1e6, validator=positive)

    def start(self, streams: int) -> State:
        return np.zeros((self._lags("outputs") + self._lags("inputs"), streams, 1))

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        coefficients = np.array([term.coefficient for term in self.terms], dtype=np.float64)
        return each_channel(
            self,
            _sum_of_products,
            x,
            state,
            coefficients,
            *self._factors(),
            self._lags("outputs"),
            self.limit,
        )

    @property
    def bounds(self) -> tuple[float, float]:
        return -self.limit, self.limit

    @property
    def memory(self) -> Memory:
        return Memory.INFINITE if self._lags("outputs") else Memory.finite(self._lags("inputs"))

    @property
    def output_determines_state(self) -> bool:
        return self._lags("outputs") <= 1 and self._lags("inputs") == 0

    def _lags(self, of: str) -> int:
        """The greatest lag of an output or of an input."""
        first = 1 if of == "outputs" else 0
        exponents = (getattr(term, of) for term in self.terms)
        lags = (lag for powers in exponents for lag, power in enumerate(powers, first) if power)
        return max(lags, default=0)

    def _factors(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """The factors of all terms, and where each term's end.

        A factor is the row of the state that it comes from, or -1 for the present input; powers
        are repeated factors.
        """
        past = self._lags("outputs")
        factors: list[int] = []
        ends = []
        for term in self.terms:
            for row, power in enumerate(term.outputs):
                factors += [row] * power
            for lag, power in enumerate(term.inputs):
                factors += [past + lag - 1 if lag else -1] * power
            ends.append(len(factors))
        return np.array(factors, dtype=np.float64), np.array(ends, dtype=np.float64)


@compiled
def _sum_of_products(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    past: npt.NDArray[np.float64],
    coefficients: npt.NDArray[np.float64],
    factors: npt.NDArray[np.float64],
    ends: npt.NDArray[np.float64],
    outputs: float,
    limit: float,
) -> None:
    first_input = int(outputs)
    for t in range(x.shape[0]):
        for line in range(x.shape[1]):
            total, first = 0.0, 0
            for term in range(len(coefficients)):
                product = coefficients[term]
                for factor in range(first, int(ends[term])):
                    row = int(factors[factor])
                    product *= x[t, line] if row < 0 else past[row, line]
                total += product
                first = int(ends[term])
            total = min(max(total, -limit), limit)
            for row in range(past.shape[0] - 1, 0, -1):
                past[row, line] = past[row - 1, line]
            if first_input > 0:
                past[0, line] = total
            if first_input < past.shape[0]:
                past[first_input, line] = x[t, line]
            y[t, line] = total
