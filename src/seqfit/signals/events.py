"""Signals of events: now and then a one among zeros."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from seqfit.randomness import uniforms
from seqfit.signals.base import Array, Signal
from seqfit.states import State
from seqfit.validators import positive_int, probability


@final
@attrs.frozen
class Events(Signal):
    """1 with some probability at each sample, independent of all others, else 0.

    A Bernoulli process, the discrete-time counterpart of Poisson's.

    Attributes:
        probability: of a 1.
        channels: numbers in a sample, independent of one another.
    """

    probability: float = attrs.field(default=0.1, validator=probability)
    channels: int = attrs.field(default=1, validator=positive_int)

    divisible = True

    def start(self, streams: int, seed: int) -> State:
        return {"seed": seed, "streams": range(streams), "position": 0}

    def generate(self, state: State, length: int) -> tuple[Array, State]:
        u = uniforms(**state, length=length, draws=self.channels)  # (length, streams, channels)
        x = (u < self.probability).astype(np.float32)
        return x, state | {"position": state["position"] + length}

    @property
    def bounds(self) -> tuple[float, float]:
        return 0.0, 1.0
