"""Tanks that water runs through."""

from __future__ import annotations

import math
from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled, compiled_in_place
from seqfit.states import State
from seqfit.targets.base import Array, Target
from seqfit.targets.memory import Memory
from seqfit.targets.recursion import each_channel
from seqfit.validators import between, fraction, positive, positive_int


@final
@attrs.frozen
class CascadedTanks(Target):
    """The level of the lower of two tanks, the upper of which is filled by a pump and runs over.

    With the levels a and b of the upper and the lower tank, and the pump's voltage x,

    - ``a' = pump x - upper_outlet sqrt(a)``, but 0 where the upper tank is full and would rise,
    - ``b' = passage sqrt(a) - lower_outlet sqrt(b) + caught o``, but 0 likewise,

    where o is what runs over, ``pump x - upper_outlet sqrt(a)`` while the upper tank is full and
    would rise, else 0. The voltage is held from each sample to the next, one below 0 counts as 0,
    and ``y[t] = b`` at sample t, before x[t] acts. Each input channel by itself. The benchmark of
    this name is sampled every 4 s and its tanks are 10 high; the other defaults, for voltages from
    0 to 1, are those of no device.

    It is integrated by the classical Runge-Kutta method of order 4 in steps of
    ``sampling_time / substeps``; one in which the upper tank fills is made in two parts. Where a
    tank fills or runs dry the order is 2.

    References:
        Schoukens and Noël (2017), "Three benchmarks addressing open challenges in nonlinear system
        identification", IFAC-PapersOnLine 50.

    Attributes:
        pump: rise of the upper level in a unit of time and voltage.
        upper_outlet: fall of the upper level in a unit of time, where it is 1.
        passage: rise of the lower level in a unit of time, where the upper one is 1.
        lower_outlet: fall of the lower level in a unit of time, where it is 1.
        caught: share of what runs over that the lower tank catches.
        upper_height: level at which the upper tank runs over.
        lower_height: level at which the lower tank runs over.
        upper_initial: upper level at the first sample.
        lower_initial: lower level at the first sample.
        sampling_time: from one sample to the next.
        substeps: steps of the integration from one sample to the next.
    """

    pump: float = attrs.field(default=0.2, validator=positive)
    upper_outlet: float = attrs.field(default=0.05, validator=positive)
    passage: float = attrs.field(default=0.05, validator=positive)
    lower_outlet: float = attrs.field(default=0.05, validator=positive)
    caught: float = attrs.field(default=0.5, validator=fraction)
    upper_height: float = attrs.field(default=10.0, validator=positive)
    lower_height: float = attrs.field(default=10.0, validator=positive)
    upper_initial: float = attrs.field(default=0.0, validator=between(0, "upper_height"))
    lower_initial: float = attrs.field(default=0.0, validator=between(0, "lower_height"))
    sampling_time: float = attrs.field(default=4.0, validator=positive)
    substeps: int = attrs.field(default=2, validator=positive_int)

    def start(self, streams: int) -> State:
        state = np.empty((2, streams, 1))  # levels of the upper and of the lower tank
        state[0], state[1] = self.upper_initial, self.lower_initial
        return state

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        return each_channel(
            self,
            _tanks,
            x,
            state,
            self.pump,
            self.upper_outlet,
            self.passage,
            self.lower_outlet,
            self.caught,
            self.upper_height,
            self.lower_height,
            self.sampling_time / self.substeps,
            self.substeps,
        )

    @property
    def bounds(self) -> tuple[float, float]:
        return 0.0, self.lower_height

    @property
    def memory(self) -> Memory:
        return Memory.FADING  # the fuller of two tanks loses more

    @property
    def output_determines_state(self) -> bool:
        return False


@compiled_in_place
def _rates(
    a: float, b: float, inflow: float, over: float, tanks: tuple[float, float, float, float]
) -> tuple[float, float]:
    """Rates of the levels while a constant flow runs over from the upper tank."""
    upper_outlet, passage, lower_outlet, caught = tanks
    upper, lower = math.sqrt(max(a, 0.0)), math.sqrt(max(b, 0.0))
    filling = passage * upper - lower_outlet * lower + caught * over
    return inflow - over - upper_outlet * upper, filling


@compiled_in_place
def _after(
    a: float,
    b: float,
    inflow: float,
    over: float,
    tanks: tuple[float, float, float, float],
    h: float,
) -> tuple[float, float]:
    """The levels after a step."""
    a1, b1 = _rates(a, b, inflow, over, tanks)
    a2, b2 = _rates(a + 0.5 * h * a1, b + 0.5 * h * b1, inflow, over, tanks)
    a3, b3 = _rates(a + 0.5 * h * a2, b + 0.5 * h * b2, inflow, over, tanks)
    a4, b4 = _rates(a + h * a3, b + h * b3, inflow, over, tanks)
    a += h / 6.0 * (a1 + 2.0 * (a2 + a3) + a4)
    b += h / 6.0 * (b1 + 2.0 * (b2 + b3) + b4)
    return max(a, 0.0), max(b, 0.0)


@compiled
def _tanks(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    state: npt.NDArray[np.float64],
    pump: float,
    upper_outlet: float,
    passage: float,
    lower_outlet: float,
    caught: float,
    upper_height: float,
    lower_height: float,
    h: float,
    substeps: float,
) -> None:
    tanks = (upper_outlet, passage, lower_outlet, caught)
    before = np.empty_like(state)
    most = upper_outlet * math.sqrt(upper_height)  # runs through the upper tank where it is full
    for t in range(x.shape[0]):
        for line in range(x.shape[1]):
            y[t, line] = state[1, line]
        for _ in range(int(substeps)):
            # Lines are the lanes of vectors here; what few of them need comes apart, below.
            for line in range(x.shape[1]):
                a, b, inflow = state[0, line], state[1, line], pump * max(x[t, line], 0.0)
                before[0, line], before[1, line] = a, b
                # What runs over while the upper tank is full; it stays so until the inflow changes.
                over = max(inflow - most, 0.0)
                is_full = (a >= upper_height) & (over > 0.0)
                a, over = upper_height if is_full else a, over if is_full else 0.0
                state[0, line], state[1, line] = _after(a, b, inflow, over, tanks, h)
            for line in range(x.shape[1]):
                a, b, next_a = before[0, line], before[1, line], state[0, line]
                if next_a > upper_height > a:  # it fills within the step
                    inflow = pump * max(x[t, line], 0.0)
                    part = h * (upper_height - a) / (next_a - a)
                    _, b = _after(a, b, inflow, 0.0, tanks, part)
                    over = max(inflow - most, 0.0)
                    _, state[1, line] = _after(upper_height, b, inflow, over, tanks, h - part)
                state[0, line] = min(next_a, upper_height)
                state[1, line] = min(state[1, line], lower_height)
