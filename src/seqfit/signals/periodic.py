"""Periodic signals."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from seqfit.randomness import uniforms
from seqfit.signals.base import Array, Signal
from seqfit.states import State
from seqfit.validators import finite, positive


@final
@attrs.frozen
class Sine(Signal):
    """A sine wave, ``offset + amplitude * sin(2 pi (t / period + phase))``.

    Attributes:
        period: samples in a period; it need not be whole.
        amplitude: greatest distance from `offset`.
        offset: mean value.
        phase: fraction of a period at sample 0; None draws one for each stream.
    """

    period: float = attrs.field(default=100.0, validator=positive)
    amplitude: float = attrs.field(default=1.0, validator=finite)
    offset: float = attrs.field(default=0.0, validator=finite)
    phase: float | None = attrs.field(default=None, validator=attrs.validators.optional(finite))

    divisible = True

    def start(self, streams: int, seed: int) -> State:
        return {"seed": seed, "streams": range(streams), "position": 0}

    def generate(self, state: State, length: int) -> tuple[Array, State]:
        position, streams = state["position"], state["streams"]
        if self.phase is None:
            phases = uniforms(state["seed"], streams, position=0, length=1)[0, :, 0]
        else:
            phases = np.full(len(streams), self.phase)
        times = np.arange(position, position + length, dtype=np.float64)
        # Whole periods are taken off before the sine, which loses precision on large arguments.
        turns = np.mod(np.mod(times, self.period)[:, None] / self.period + phases, 1.0)
        x = self.offset + self.amplitude * np.sin(2.0 * np.pi * turns)  # (length, streams)
        return x.astype(np.float32)[..., None], state | {"position": position + length}

    @property
    def bounds(self) -> tuple[float, float]:
        return self.offset - abs(self.amplitude), self.offset + abs(self.amplitude)
