"""Linear filters."""

from __future__ import annotations

import cmath
import math
from typing import Any, Literal, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled
from seqfit.states import State
from seqfit.targets.base import Array, Target, require_samples
from seqfit.targets.memory import Memory
from seqfit.targets.recursion import each_channel
from seqfit.validators import (
    as_rows,
    as_tuple,
    finite,
    finite_numbers,
    is_finite,
    must,
    non_negative,
    one_of,
    positive,
)


@final
@attrs.frozen
class FIR(Target):
    """A weighted sum of the last inputs, ``y[t] = sum_k coefficients[k] x[t-k]``.

    Inputs before the first sample are 0. Each input channel by itself.

    References:
        Oppenheim and Schafer (2010), "Discrete-time signal processing", section 2.5.

    Attributes:
        coefficients: of the newest input, of the one before it, and so on.
    """

    coefficients: tuple[float, ...] = attrs.field(
        default=(0.25, 0.5, 0.25), converter=as_tuple, validator=finite_numbers
    )

    def start(self, streams: int) -> State:
        return np.zeros((len(self.coefficients) - 1, streams, 1))  # past inputs, oldest first

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        require_samples(x, self)
        past = np.broadcast_to(state, (len(state), *x.shape[1:]))
        inputs = np.concatenate([past, x], dtype=np.float64)  # (past + time, streams, channels)
        y = np.zeros(x.shape)
        coefficients = np.array(self.coefficients, dtype=np.float64)
        _weighted_sum(inputs.reshape(-1), y.reshape(-1), coefficients, x.shape[1] * x.shape[2])
        return y.astype(x.dtype), inputs[len(x) :].copy()

    @property
    def memory(self) -> Memory:
        return Memory.finite(len(self.coefficients) - 1)

    @property
    def output_determines_state(self) -> bool:
        return len(self.coefficients) == 1


def _poles(section: tuple[float, ...]) -> tuple[complex, complex]:
    """The roots of ``z**2 + a1 z + a2``, the larger one first."""
    half, product = -section[4] / 2, section[5]
    root = cmath.sqrt(half * half - product)
    larger = half + root if half.real >= 0 else half - root
    return larger, (product / larger if larger else 0j)


def _stable_sections(_filter: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, tuple) or not value:
        raise ValueError(f"{attribute.name} must be a list of one or more sections, got {value!r}")
    for number, section in enumerate(value):
        if not isinstance(section, tuple) or len(section) != 6 or not all(map(is_finite, section)):
            raise ValueError(
                f"{attribute.name} must have six finite numbers b0, b1, b2, a0, a1, a2 in each "
                f"section, got {section!r} in section {number}"
            )
        if section[3] != 1:
            raise ValueError(
                f"{attribute.name} must have a0 = 1 in each section, got {section[3]!r} in "
                f"section {number}"
            )
        pole = max(_poles(section), key=abs)
        if abs(pole) >= 1:
            shown = f"{pole.real:.6g}" if pole.imag == 0 else f"{pole:.6g}"
            raise ValueError(
                f"{attribute.name} must be stable, with all poles inside the unit circle, but "
                f"section {number} has a pole at {shown} (|pole| = {abs(pole):.10g})"
            )


@final
@attrs.frozen
class IIR(Target):
    """A recursive filter, a series of second-order sections, as SciPy's `sosfilt` runs them.

    Each section is ``y[t] = b0 x[t] + b1 x[t-1] + b2 x[t-2] - a1 y[t-1] - a2 y[t-2]``, from zero
    initial conditions, in float64. Each input channel by itself.

    References:
        Oppenheim and Schafer (2010), "Discrete-time signal processing", section 6.3.

    Attributes:
        sections: b0, b1, b2, a0, a1, a2 of each section, with a0 = 1; what the design functions
            of `scipy.signal` give for ``output="sos"``. All poles lie inside the unit circle.
    """

    sections: tuple[tuple[float, ...], ...] = attrs.field(
        default=((0.05, 0.1, 0.05, 1.0, -1.2, 0.4),),
        converter=as_rows,
        validator=_stable_sections,
    )

    @classmethod
    def from_transfer_function(cls, numerator: Any, denominator: Any) -> IIR:
        """The filter ``B(z) / A(z)``, factored into sections by SciPy's `tf2sos`.

        Args:
            numerator: coefficients b0, b1, ... of the inputs, the newest first.
            denominator: coefficients a0, a1, ... of the outputs, the newest first.

        Raises:
            ValueError: a coefficient is not a finite number, a0 is 0, or the filter is unstable;
                the message names the pole.
        """
        for name, values in (("numerator", numerator), ("denominator", denominator)):
            if not len(values) or not all(map(is_finite, values)):
                raise ValueError(
                    f"{name} must be a list of one or more finite numbers, got {values!r}"
                )
        if denominator[0] == 0:
            raise ValueError(f"denominator must not begin with 0, got {denominator!r}")
        from scipy.signal import tf2sos

        return cls(tf2sos(numerator, denominator).tolist())

    def start(self, streams: int) -> State:
        return np.zeros((len(self.sections), 2, streams, 1))  # two delayed sums a section

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        require_samples(x, self)
        from scipy.signal import sosfilt

        before = np.broadcast_to(state, (*state.shape[:-1], x.shape[2]))
        if x.size == 0:
            return x.copy(), before.copy()
        y, after = sosfilt(np.array(self.sections), x.astype(np.float64), axis=0, zi=before)
        return y.astype(x.dtype), np.ascontiguousarray(after)

    @property
    def memory(self) -> Memory:
        if all(section[4:] == (0, 0) for section in self.sections):
            return Memory.finite(2 * len(self.sections))
        return Memory.FADING

    @property
    def output_determines_state(self) -> bool:
        # What a section keeps is b1 x - a1 y and b2 x - a2 y, and the latter for two samples.
        return len(self.sections) == 1 and all(self.sections[0][i] == 0 for i in (1, 2, 5))


def _as_edges(edges: Any) -> Any:
    return (edges,) if is_finite(edges) else as_tuple(edges)


def _edges_of_the_band(design: Butterworth, attribute: attrs.Attribute[Any], value: Any) -> None:
    count = 2 if design.passes == "band" else 1
    if (
        not isinstance(value, tuple)
        or len(value) != count
        or not all(is_finite(edge) and 0 < edge < 0.5 for edge in value)
        or sorted(set(value)) != list(value)
    ):
        wanted = "one frequency" if count == 1 else "two rising frequencies"
        raise ValueError(
            f"{attribute.name} must be {wanted} between 0 and 0.5 cycles per sample where passes "
            f"is {design.passes!r}, got {value!r}"
        )


def _gain(sections: npt.NDArray[np.float64], frequency: float) -> float:
    """Absolute frequency response at a frequency in cycles per sample."""
    delays = np.exp(-2j * np.pi * frequency * np.arange(3))
    return float(np.prod(np.abs((sections[:, :3] @ delays) / (sections[:, 3:] @ delays))))


_orders = must(
    "an int from 1 to 20", lambda v: isinstance(v, int) and v is not True and 1 <= v <= 20
)


@final
@attrs.frozen
class Butterworth(Target):
    """A filter whose gain falls monotonically from a pass band that is as flat as can be.

    Designed by SciPy's `butter` and run as second-order sections from zero initial conditions.
    Each input channel by itself.

    References:
        Butterworth (1930), "On the theory of filter amplifiers", Wireless Engineer 7.

    Attributes:
        order: of the low-pass filter behind the design; a band-pass has twice as many poles.
        passes: "low", "high" or "band".
        edges: where the gain is ``1 / sqrt(2)``, in cycles per sample, between 0 and 0.5: one
            frequency for "low" and "high", two for "band".
    """

    order: int = attrs.field(default=2, validator=_orders)
    passes: Literal["low", "high", "band"] = attrs.field(
        default="low", validator=one_of("low", "high", "band")
    )
    edges: tuple[float, ...] = attrs.field(
        default=(0.05,), converter=_as_edges, validator=_edges_of_the_band
    )
    _filter: IIR = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        from scipy.signal import butter

        edges = self.edges if self.passes == "band" else self.edges[0]
        sections = butter(self.order, edges, f"{self.passes}pass", output="sos", fs=1.0)
        try:
            designed = IIR(sections.tolist())
        except ValueError as error:
            raise ValueError(f"{self._too_narrow}: {error}") from error
        for edge in self.edges:
            gain = _gain(sections, edge)
            if not abs(gain - math.sqrt(0.5)) < 1e-6:
                raise ValueError(f"{self._too_narrow}: at {edge!r} its gain would be {gain:.3g}")
        object.__setattr__(self, "_filter", designed)

    @property
    def _too_narrow(self) -> str:
        return (
            f"edges must be further from one another, from 0 and from 0.5 for float64 to tell a "
            f"filter of order={self.order}, got {self.edges!r}"
        )

    def start(self, streams: int) -> State:
        return self._filter.start(streams)

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        return self._filter.transform(x, state)

    @property
    def memory(self) -> Memory:
        return Memory.FADING

    @property
    def output_determines_state(self) -> bool:
        return False  # beside the output, the input bears on what comes next


@final
@attrs.frozen
class FilteredDerivative(Target):
    """The rate of change behind a low-pass of order one, ``s / (1 + s filter_time)``.

    By backward differences, ``y[t] = (filter_time y[t-1] + x[t] - x[t-1]) /
    (filter_time + sampling_time)``. Each input channel by itself; x before the first sample is
    `initial`, y is 0.

    References:
        Åström and Hägglund (1995), "PID controllers: theory, design, and tuning", section 3.6.

    Attributes:
        filter_time: time constant of the low-pass, in the unit of `sampling_time`; 0 for the mere
            difference.
        sampling_time: from one sample to the next.
        initial: the input before the first sample.
    """

    filter_time: float = attrs.field(default=4.0, validator=non_negative)
    sampling_time: float = attrs.field(default=1.0, validator=positive)
    initial: float = attrs.field(default=0.0, validator=finite)

    def start(self, streams: int) -> State:
        state = np.zeros((2, streams, 1))  # y and x of the last sample
        state[1] = self.initial
        return state

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        return each_channel(self, _derivative, x, state, self.filter_time, self.sampling_time)

    @property
    def memory(self) -> Memory:
        return Memory.FADING if self.filter_time else Memory.finite(1)

    @property
    def output_determines_state(self) -> bool:
        return False


@compiled
def _weighted_sum(
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    coefficients: npt.NDArray[np.float64],
    lines: int,
) -> None:
    # In this order of the loops they vectorise, and the terms of each sum keep one order.
    for k in range(len(coefficients)):
        first = (len(coefficients) - 1 - k) * lines
        for i in range(len(y)):
            y[i] += coefficients[k] * x[first + i]


@compiled
def _derivative(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    last: npt.NDArray[np.float64],
    filter_time: float,
    sampling_time: float,
) -> None:
    for t in range(x.shape[0]):
        for line in range(x.shape[1]):
            change = x[t, line] - last[1, line]
            last[0, line] = (filter_time * last[0, line] + change) / (filter_time + sampling_time)
            last[1, line] = x[t, line]
            y[t, line] = last[0, line]
