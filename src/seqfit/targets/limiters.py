"""Limiters: what passes as it is up to a limit."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled
from seqfit.states import State
from seqfit.targets.base import Array, Target, require_samples
from seqfit.targets.memory import Memory
from seqfit.targets.recursion import each_channel
from seqfit.validators import above, finite, positive


@final
@attrs.frozen
class RateLimiter(Target):
    """An output that follows the input no faster than it may.

    ``y[t] = min(max(x[t], y[t-1] - down), y[t-1] + up)``; each input channel by itself.

    Attributes:
        up: greatest rise in a sample.
        down: greatest fall in a sample.
        initial: y before the first sample.
    """

    up: float = attrs.field(default=0.1, validator=positive)
    down: float = attrs.field(default=0.1, validator=positive)
    initial: float = attrs.field(default=0.0, validator=finite)

    def start(self, streams: int) -> State:
        return np.full((streams, 1), float(self.initial))

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        return each_channel(self, _limit_rate, x, state, self.up, self.down)

    @property
    def memory(self) -> Memory:
        return Memory.INFINITE

    @property
    def output_determines_state(self) -> bool:
        return True


@final
@attrs.frozen
class DeadZone(Target):
    """How far the input is beyond two limits, ``y[t] = x[t] - clip(x[t], low, high)``.

    It has no memory.

    Attributes:
        low: input below which the output is negative.
        high: input above which the output is positive.
    """

    low: float = attrs.field(default=-0.5, validator=finite)
    high: float = attrs.field(default=0.5, validator=above("low"))

    def start(self, streams: int) -> State:
        return None

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        require_samples(x, self)
        exact = x.astype(np.float64)  # (time, streams, channels)
        return (exact - np.clip(exact, self.low, self.high)).astype(x.dtype), state

    @property
    def memory(self) -> Memory:
        return Memory.finite(0)

    @property
    def output_determines_state(self) -> bool:
        return True


@compiled
def _limit_rate(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    last: npt.NDArray[np.float64],
    up: float,
    down: float,
) -> None:
    for t in range(x.shape[0]):
        for line in range(x.shape[1]):
            last[line] = min(max(x[t, line], last[line] - down), last[line] + up)
            y[t, line] = last[line]
