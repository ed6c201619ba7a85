"""Integrals, and what becomes of them at their bounds."""

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
from seqfit.validators import above, between, finite, fraction, non_negative


class BoundedIntegral(Target):
    """A sum for each line of inputs, from `initial`, whose output stays from `low` to `high`."""

    __slots__ = ()

    low: float
    high: float
    initial: float

    def start(self, streams: int) -> State:
        return np.full((streams, 1), float(self.initial))

    @property
    def bounds(self) -> tuple[float, float]:
        return self.low, self.high

    @property
    def memory(self) -> Memory:
        return Memory.INFINITE


@final
@attrs.frozen
class SaturatedIntegral(BoundedIntegral):
    """A sum that stops at its bounds, ``y[t] = clip(y[t-1] + gain (x[t] - offset), low, high)``.

    The bounds act inside the recursion (anti-windup by clamping): a finished sum that is clipped is
    `ClippedSum`. Each input channel is integrated by itself. With its defaults this is the target
    of the 2017 experiment.

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
    initial: float = attrs.field(default=0.0, validator=between("low", "high"))

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        return each_channel(self, _sum, x, state, 1.0, self.gain, self.offset, self.low, self.high)

    @property
    def output_determines_state(self) -> bool:
        return True


@final
@attrs.frozen
class LeakyIntegral(Target):
    """A sum that forgets, ``y[t] = (1 - leak) y[t-1] + gain x[t]``.

    Where `gain` equals `leak` it is the exponential moving average. Each input channel is
    integrated by itself.

    Attributes:
        leak: fraction of the sum that is lost at each sample; 0 forgets nothing.
        gain: weight of an input.
        initial: y before the first sample.
    """

    leak: float = attrs.field(default=0.05, validator=fraction)
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


@final
@attrs.frozen
class ClippedSum(BoundedIntegral):
    """A sum that is clipped where it is read: beyond its bounds it goes on and winds up.

    ``y[t] = clip(s[t], low, high)`` of ``s[t] = s[t-1] + gain (x[t] - offset)``. The way back
    takes as long as the way beyond a bound did; where the bounds act inside the recursion, as in
    `SaturatedIntegral`, the output leaves a bound at once. Each input channel by itself.

    Attributes:
        gain: weight of an input.
        offset: input that leaves the sum as it is.
        low: lower bound of the output.
        high: upper bound of the output.
        initial: the sum before the first sample.
    """

    gain: float = attrs.field(default=0.1, validator=finite)
    offset: float = attrs.field(default=0.5, validator=finite)
    low: float = attrs.field(default=0.0, validator=finite)
    high: float = attrs.field(default=1.0, validator=above("low"))
    initial: float = attrs.field(default=0.0, validator=finite)

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        return each_channel(
            self, _clipped_sum, x, state, self.gain, self.offset, self.low, self.high, 0.0
        )

    @property
    def output_determines_state(self) -> bool:
        return False


@final
@attrs.frozen
class BackCalculatedIntegral(BoundedIntegral):
    """A clipped sum that is drawn back to its bounds: anti-windup by back-calculation.

    ``v[t] = s[t-1] + gain (x[t] - offset)``, ``y[t] = clip(v[t], low, high)`` and
    ``s[t] = v[t] + tracking (y[t] - v[t])``. With `tracking` 0 it winds up like `ClippedSum`, with
    1 it is the `SaturatedIntegral`. Each input channel by itself.

    References:
        Åström and Hägglund (1995), "PID controllers: theory, design, and tuning", section 3.5.

    Attributes:
        tracking: share of what lies beyond a bound that is taken back at each sample.
        gain: weight of an input.
        offset: input that leaves the sum as it is.
        low: lower bound of the output.
        high: upper bound of the output.
        initial: the sum before the first sample.
    """

    tracking: float = attrs.field(default=0.1, validator=fraction)
    gain: float = attrs.field(default=0.1, validator=finite)
    offset: float = attrs.field(default=0.5, validator=finite)
    low: float = attrs.field(default=0.0, validator=finite)
    high: float = attrs.field(default=1.0, validator=above("low"))
    initial: float = attrs.field(default=0.0, validator=between("low", "high"))

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        integral = self.gain, self.offset, self.low, self.high
        return each_channel(self, _clipped_sum, x, state, *integral, self.tracking)

    @property
    def output_determines_state(self) -> bool:
        return self.tracking == 1


@final
@attrs.frozen
class DeadZoneIntegral(BoundedIntegral):
    """A saturated integral that small inputs leave as it is.

    ``y[t] = clip(y[t-1] + gain d(x[t] - offset), low, high)``, where
    ``d(e) = e - clip(e, -dead_zone, dead_zone)``. Each input channel by itself.

    Attributes:
        dead_zone: greatest distance from `offset` at which an input does nothing.
        gain: weight of an input.
        offset: input in the middle of the dead zone.
        low: lower bound.
        high: upper bound.
        initial: y before the first sample.
    """

    dead_zone: float = attrs.field(default=0.2, validator=non_negative)
    gain: float = attrs.field(default=0.1, validator=finite)
    offset: float = attrs.field(default=0.5, validator=finite)
    low: float = attrs.field(default=0.0, validator=finite)
    high: float = attrs.field(default=1.0, validator=above("low"))
    initial: float = attrs.field(default=0.0, validator=between("low", "high"))

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        integral = self.gain, self.offset, self.low, self.high
        return each_channel(self, _dead_zone_sum, x, state, *integral, self.dead_zone)

    @property
    def output_determines_state(self) -> bool:
        return True


@final
@attrs.frozen
class ResettableIntegral(BoundedIntegral):
    """A saturated integral that a second channel sets back.

    Of two input channels x and r it makes one: ``y[t] = initial`` where ``r[t] > threshold``, else
    ``clip(y[t-1] + gain (x[t] - offset), low, high)``.

    Attributes:
        gain: weight of an input.
        offset: input that leaves the sum as it is.
        low: lower bound.
        high: upper bound.
        initial: y before the first sample and at each reset.
        threshold: greatest r that does not reset.
    """

    gain: float = attrs.field(default=0.1, validator=finite)
    offset: float = attrs.field(default=0.5, validator=finite)
    low: float = attrs.field(default=0.0, validator=finite)
    high: float = attrs.field(default=1.0, validator=above("low"))
    initial: float = attrs.field(default=0.0, validator=between("low", "high"))
    threshold: float = attrs.field(default=0.5, validator=finite)

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        integral = self.gain, self.offset, self.low, self.high
        return one_output(
            self, _resettable_sum, 2, x, state, *integral, self.initial, self.threshold
        )

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


@compiled
def _clipped_sum(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    sums: npt.NDArray[np.float64],
    gain: float,
    offset: float,
    low: float,
    high: float,
    tracking: float,
) -> None:
    for t in range(x.shape[0]):
        for line in range(x.shape[1]):
            total = sums[line] + gain * (x[t, line] - offset)
            clipped = min(max(total, low), high)
            sums[line] = total + tracking * (clipped - total)
            y[t, line] = clipped


@compiled
def _dead_zone_sum(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    sums: npt.NDArray[np.float64],
    gain: float,
    offset: float,
    low: float,
    high: float,
    dead_zone: float,
) -> None:
    for t in range(x.shape[0]):
        for line in range(x.shape[1]):
            away = x[t, line] - offset
            beyond = away - min(max(away, -dead_zone), dead_zone)
            sums[line] = min(max(sums[line] + gain * beyond, low), high)
            y[t, line] = sums[line]


@compiled
def _resettable_sum(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    sums: npt.NDArray[np.float64],
    gain: float,
    offset: float,
    low: float,
    high: float,
    initial: float,
    threshold: float,
) -> None:
    for t in range(x.shape[0]):
        for stream in range(x.shape[1]):
            if x[t, stream, 1] > threshold:
                sums[stream, 0] = initial
            else:
                total = sums[stream, 0] + gain * (x[t, stream, 0] - offset)
                sums[stream, 0] = min(max(total, low), high)
            y[t, stream, 0] = sums[stream, 0]
