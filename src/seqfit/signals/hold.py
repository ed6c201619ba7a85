"""Piecewise-constant random signals."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled
from seqfit.randomness import uniforms
from seqfit.signals.base import Array, Signal
from seqfit.signals.position import look_back
from seqfit.states import State
from seqfit.validators import above, finite, probability


@final
@attrs.frozen
class RandomHold(Signal):
    """Holds its value, and at each sample jumps with a given probability to U(low, high).

    With its defaults this is the signal of the 2017 experiment: it starts at 0 and jumps to
    U(0, 1) with probability 0.1. A far position is reached from the last jump before it.

    Attributes:
        jump_probability: probability of a jump at each sample, the first included.
        low: lower end of the range of a jump.
        high: upper end of the range of a jump.
        initial: value until the first jump.
    """

    jump_probability: float = attrs.field(default=0.1, validator=probability)
    low: float = attrs.field(default=0.0, validator=finite)
    high: float = attrs.field(default=1.0, validator=above("low"))
    initial: float = attrs.field(default=0.0, validator=finite)

    divisible = True

    def start(self, streams: int, seed: int) -> State:
        held = np.full(streams, float(self.initial))
        return {"seed": seed, "streams": range(streams), "position": 0, "held": held}

    def generate(self, state: State, length: int) -> tuple[Array, State]:
        held, position = state["held"].copy(), state["position"]
        u = uniforms(state["seed"], state["streams"], position, length, draws=2)
        x = np.empty((length, len(held), 1), dtype=np.float32)
        low, width = float(self.low), float(self.high - self.low)
        _hold(u, float(self.jump_probability), low, width, held, x)
        return x, state | {"position": position + length, "held": held}

    def skip(self, state: State, length: int) -> State:
        def recall(window: int) -> State | None:
            unknown = np.full(len(state["held"]), math.nan)
            before = {"position": state["position"] + length - window, "held": unknown}
            after = Signal.skip(self, state | before, window)
            return None if np.isnan(after["held"]).any() else after

        return look_back(self, state, length, recall)

    @property
    def bounds(self) -> tuple[float, float]:
        return min(self.low, self.initial), max(self.high, self.initial)


@compiled
def _hold(
    u: npt.NDArray[np.float64],
    probability: float,
    low: float,
    width: float,
    held: npt.NDArray[np.float64],
    x: npt.NDArray[np.float32],
) -> None:
    for t in range(u.shape[0]):
        for stream in range(u.shape[1]):
            if u[t, stream, 0] < probability:
                held[stream] = low + width * u[t, stream, 1]
            x[t, stream, 0] = held[stream]
