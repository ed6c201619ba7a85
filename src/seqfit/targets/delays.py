"""Delays: outputs that are earlier inputs."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from seqfit.states import State
from seqfit.targets.base import Array, Target, require_samples
from seqfit.targets.memory import Memory
from seqfit.validators import finite, natural


@final
@attrs.frozen
class Delay(Target):
    """The input of some samples ago, ``y[t] = x[t - samples]``.

    Attributes:
        samples: how far back; 0 passes the input through.
        initial: output until the first input arrives.
    """

    samples: int = attrs.field(default=1, validator=natural)
    initial: float = attrs.field(default=0.0, validator=finite)

    def start(self, streams: int) -> State:
        return np.full((self.samples, streams, 1), float(self.initial))

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        require_samples(x, self)
        waiting = np.broadcast_to(state, (self.samples, *x.shape[1:]))
        line = np.concatenate([waiting, x])  # (samples + time, streams, channels)
        return line[: len(x)].astype(x.dtype), line[len(x) :].copy()

    @property
    def memory(self) -> Memory:
        return Memory.finite(self.samples)

    @property
    def output_determines_state(self) -> bool:
        return self.samples == 0
