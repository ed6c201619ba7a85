"""Hysteresis: outputs that depend on where the input came from, not on how fast."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled
from seqfit.states import State
from seqfit.targets.base import Array, Target
from seqfit.targets.memory import Memory
from seqfit.targets.recursion import each_channel
from seqfit.validators import above, boolean, finite, positive


@final
@attrs.frozen
class Play(Target):
    """Backlash, ``y[t] = min(max(y[t-1], x[t] - width/2), x[t] + width/2)``.

    The input moves the output only at either end of its play. Each input channel by itself.

    References:
        Krasnosel'skii and Pokrovskii (1989), "Systems with hysteresis", part 1.

    Attributes:
        width: how far the input goes from one end of its play to the other.
        initial: y before the first sample.
    """

    width: float = attrs.field(default=0.5, validator=positive)
    initial: float = attrs.field(default=0.0, validator=finite)

    def start(self, streams: int) -> State:
        return np.full((streams, 1), float(self.initial))

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        return each_channel(self, _play, x, state, self.width / 2)

    @property
    def memory(self) -> Memory:
        return Memory.INFINITE

    @property
    def output_determines_state(self) -> bool:
        return True


def _within_width(stop: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    finite(stop, attribute, value)
    if abs(value) > stop.width / 2:
        raise ValueError(
            f"{attribute.name} must lie within half of width={stop.width!r} around 0, got {value!r}"
        )


@final
@attrs.frozen
class Stop(Target):
    """What backlash leaves out, ``y[t] = clip(y[t-1] + x[t] - x[t-1], -width/2, width/2)``.

    The stress of a spring that yields. ``Stop(width)`` and ``Play(width)`` add up to the input.
    Each input channel by itself; x before the first sample is 0.

    References:
        Krasnosel'skii and Pokrovskii (1989), "Systems with hysteresis", part 1.

    Attributes:
        width: how far the output goes from one bound to the other.
        initial: y before the first sample.
    """

    width: float = attrs.field(default=0.5, validator=positive)
    initial: float = attrs.field(default=0.0, validator=_within_width)

    def start(self, streams: int) -> State:
        state = np.zeros((2, streams, 1))  # y and x of the last sample
        state[0] = self.initial
        return state

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        return each_channel(self, _stop, x, state, self.width / 2)

    @property
    def bounds(self) -> tuple[float, float]:
        return -self.width / 2, self.width / 2

    @property
    def memory(self) -> Memory:
        return Memory.INFINITE

    @property
    def output_determines_state(self) -> bool:
        return False


def _other_than_off(relay: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    finite(relay, attribute, value)
    if value == relay.off:
        raise ValueError(f"{attribute.name} must differ from off={relay.off!r}, got {value!r}")


@final
@attrs.frozen
class Relay(Target):
    """A switch with two thresholds (Schmitt trigger): on above `high`, off below `low`.

    Between them, and on them, it stays as it is. Each input channel by itself.

    References:
        Schmitt (1938), "A thermionic trigger"; Visintin (1994), "Differential models of
        hysteresis", chapter IV.

    Attributes:
        low: input below which it is switched off.
        high: input above which it is switched on.
        off: output while it is off.
        on: output while it is on.
        starts_on: whether it is on before the first sample.
    """

    low: float = attrs.field(default=0.25, validator=finite)
    high: float = attrs.field(default=0.75, validator=above("low"))
    off: float = attrs.field(default=0.0, validator=finite)
    on: float = attrs.field(default=1.0, validator=_other_than_off)
    starts_on: bool = attrs.field(default=False, validator=boolean)

    def start(self, streams: int) -> State:
        return np.full((streams, 1), float(self.on if self.starts_on else self.off))

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        return each_channel(self, _relay, x, state, self.low, self.high, self.off, self.on)

    @property
    def bounds(self) -> tuple[float, float]:
        return min(self.off, self.on), max(self.off, self.on)

    @property
    def memory(self) -> Memory:
        return Memory.INFINITE

    @property
    def output_determines_state(self) -> bool:
        return True


@compiled
def _play(
    x: npt.NDArray[Any], y: npt.NDArray[Any], last: npt.NDArray[np.float64], reach: float
) -> None:
    for t in range(x.shape[0]):
        for line in range(x.shape[1]):
            last[line] = min(max(last[line], x[t, line] - reach), x[t, line] + reach)
            y[t, line] = last[line]


@compiled
def _stop(
    x: npt.NDArray[Any], y: npt.NDArray[Any], last: npt.NDArray[np.float64], reach: float
) -> None:
    for t in range(x.shape[0]):
        for line in range(x.shape[1]):
            moved = last[0, line] + (x[t, line] - last[1, line])
            last[0, line] = min(max(moved, -reach), reach)
            last[1, line] = x[t, line]
            y[t, line] = last[0, line]


@compiled
def _relay(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    last: npt.NDArray[np.float64],
    low: float,
    high: float,
    off: float,
    on: float,
) -> None:
    for t in range(x.shape[0]):
        for line in range(x.shape[1]):
            if x[t, line] > high:
                last[line] = on
            elif x[t, line] < low:
                last[line] = off
            y[t, line] = last[line]
