"""Integrals: recursions whose output is their state."""

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
from seqfit.targets.recursion import each_channel
from seqfit.validators import above, finite, probability


def _between_low_and_high(target: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    finite(target, attribute, value)
    if not target.low <= value <= target.high:
        raise ValueError(
            f"{attribute.name} must lie between low={target.low} and high={target.high}, "
            f"got {value!r}"
        )


@final
@attrs.frozen
class SaturatedIntegral(Target):
    """A sum that stops at its bounds, ``y[t] = clip(y[t-1] + gain (x[t] - offset), low, high)``.

    The bounds act inside the recursion: clipping a finished sum is another target. Each input
    channel is integrated by itself. With its defaults this is the target of the 2017 experiment.

    Attributes:
        gain: weight of an input.
        offset: input that leaves the sum as it is.
        low: lower bound.
        high: upper bound.
        initial: y before the first sample.
    """

    gain: float = attrs.field(default=0.1, validator=finite)
    offset: float = attrs.field(default=0.5, validator=finite)
    low: float = attrs.field(default=0.0, validator=finite)
    high: float = attrs.field(default=1.0, validator=above("low"))
    initial: float = attrs.field(default=0.0, validator=_between_low_and_high)

    def start(self, streams: int) -> State:
        return np.full((streams, 1), float(self.initial))

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        return each_channel(self, _sum, x, state, 1.0, self.gain, self.offset, self.low, self.high)

    @property
    def bounds(self) -> tuple[float, float]:
        return self.low, self.high

    @property
    def memory(self) -> Memory:
        return Memory.INFINITE

    @property
    def output_determines_state(self) -> bool:
        return True


@final
@attrs.frozen
class LeakyIntegral(Target):
    """A sum that forgets, ``y[t] = (1 - leak) y[t-1] + gain x[t]``.

    Each input channel is integrated by itself.

    Attributes:
        leak: fraction of the sum that is lost at each sample; 0 forgets nothing.
        gain: weight of an input.
        initial: y before the first sample.
    """

    leak: float = attrs.field(default=0.05, validator=probability)
    gain: float = attrs.field(default=0.05, validator=finite)
    initial: float = attrs.field(default=0.0, validator=finite)

    def start(self, streams: int) -> State:
        return np.full((streams, 1), float(self.initial))

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        return each_channel(
            self, _sum, x, state, 1.0 - self.leak, self.gain, 0.0, -math.inf, math.inf
        )

    @property
    def memory(self) -> Memory:
        if self.leak == 0:
            return Memory.INFINITE
        return Memory.finite(0) if self.leak == 1 else Memory.FADING

    @property
    def output_determines_state(self) -> bool:
        return True


@compiled
def _sum(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    sums: npt.NDArray[np.float64],
    keep: float,
    gain: float,
    offset: float,
    low: float,
    high: float,
) -> None:
    for t in range(x.shape[0]):
        for line in range(x.shape[1]):
            total = keep * sums[line] + gain * (x[t, line] - offset)
            sums[line] = min(max(total, low), high)
            y[t, line] = sums[line]
