"""Holds: outputs that keep an earlier input."""

from __future__ import annotations

import math
from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled
from seqfit.states import State
from seqfit.targets.base import Array, Target
from seqfit.targets.memory import Memory
from seqfit.targets.recursion import each_channel, one_output
from seqfit.validators import finite, fraction, positive_int


@final
@attrs.frozen
class SampleHold(Target):
    """The last of the inputs that are sampled (zero-order hold), ``y[t] = x[t - t % every]``.

    The first input is sampled, and each `every`-th from there on. Each input channel by itself.

    References:
        Åström and Wittenmark (1997), "Computer-controlled systems", chapter 2.

    Attributes:
        every: samples from one sampled input to the next.
    """

    every: int = attrs.field(default=10, validator=positive_int)

    def start(self, streams: int) -> State:
        return np.zeros((2, streams, 1))  # the held input, and for how many samples it will be

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        return each_channel(self, _sample_and_hold, x, state, self.every)

    @property
    def memory(self) -> Memory:
        return Memory.finite(self.every - 1)

    @property
    def output_determines_state(self) -> bool:
        return self.every == 1


@final
@attrs.frozen
class TriggeredHold(Target):
    """The input where a trigger is above a threshold, else what it was then.

    ``y[t] = x[t] if g[t] > threshold else y[t-1]``: a track-and-hold circuit. The first input
    channel is x, the second one the trigger g.

    References:
        Horowitz and Hill (2015), "The art of electronics", section 4.5.2.

    Attributes:
        threshold: of the trigger.
        initial: y before the first sample.
    """

    threshold: float = attrs.field(default=0.5, validator=finite)
    initial: float = attrs.field(default=0.0, validator=finite)

    def start(self, streams: int) -> State:
        return np.full((streams, 1), float(self.initial))

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        return one_output(self, _hold_when_triggered, 2, x, state, self.threshold)

    @property
    def output_determines_state(self) -> bool:
        return True


@final
@attrs.frozen
class PeakHold(Target):
    """The highest input so far, which decays, ``y[t] = max(x[t], decay y[t-1])``.

    A peak detector; `decay` 1 is the running maximum. Each input channel by itself.

    Attributes:
        decay: what is left of the output after a sample, from 0 to 1.
        initial: y before the first sample.
    """

    decay: float = attrs.field(default=0.99, validator=fraction)
    initial: float = attrs.field(default=0.0, validator=finite)

    def start(self, streams: int) -> State:
        return np.full((streams, 1), float(self.initial))

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        return each_channel(self, _hold_peak, x, state, self.decay)

    @property
    def bounds(self) -> tuple[float, float]:
        return min(self.initial, 0.0), math.inf

    @property
    def memory(self) -> Memory:
        if self.decay == 1:
            return Memory.INFINITE
        return Memory.finite(0) if self.decay == 0 else Memory.FADING

    @property
    def output_determines_state(self) -> bool:
        return True


@compiled
def _sample_and_hold(
    x: npt.NDArray[Any], y: npt.NDArray[Any], state: npt.NDArray[np.float64], every: float
) -> None:
    for t in range(x.shape[0]):
        for line in range(x.shape[1]):
            if state[1, line] == 0:
                state[0, line] = x[t, line]
                state[1, line] = every
            state[1, line] -= 1
            y[t, line] = state[0, line]


@compiled
def _hold_peak(
    x: npt.NDArray[Any], y: npt.NDArray[Any], last: npt.NDArray[np.float64], decay: float
) -> None:
    for t in range(x.shape[0]):
        for line in range(x.shape[1]):
            last[line] = max(x[t, line], decay * last[line])
            y[t, line] = last[line]


@compiled
def _hold_when_triggered(
    x: npt.NDArray[Any], y: npt.NDArray[Any], held: npt.NDArray[np.float64], threshold: float
) -> None:
    for t in range(x.shape[0]):
        for stream in range(x.shape[1]):
            if x[t, stream, 1] > threshold:
                held[stream, 0] = x[t, stream, 0]
            y[t, stream, 0] = held[stream, 0]
