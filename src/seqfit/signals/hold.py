"""Piecewise-constant random signals."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from seqfit.randomness import uniforms
from seqfit.signals.base import Array, Signal
from seqfit.states import State
from seqfit.validators import above, finite, probability


@final
@attrs.frozen
class RandomHold(Signal):
    """Holds its value, and at each sample jumps with a given probability to U(low, high).

    With its defaults this is the signal of the 2017 experiment: it starts at 0 and jumps to
    U(0, 1) with probability 0.1.

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
        held = np.full(streams, self.initial)
        return {"seed": seed, "streams": range(streams), "position": 0, "held": held}

    def generate(self, state: State, length: int) -> tuple[Array, State]:
        held, position = state["held"], state["position"]
        u = uniforms(state["seed"], state["streams"], position, length, draws=2)
        values = self.low + (self.high - self.low) * u[..., 1]  # (length, streams)
        # Row 0 is the value held so far; each sample takes the newest row with a jump.
        rows = np.concatenate([held[None], values])
        jumps = np.where(u[..., 0] < self.jump_probability, np.arange(1, length + 1)[:, None], 0)
        newest = np.maximum.accumulate(jumps, axis=0)
        x = np.take_along_axis(rows, newest, axis=0)
        held = x[-1].copy() if length else held
        after = state | {"position": position + length, "held": held}
        return x.astype(np.float32)[..., None], after  # (length, streams, 1)

    @property
    def bounds(self) -> tuple[float, float]:
        return min(self.low, self.initial), max(self.high, self.initial)
