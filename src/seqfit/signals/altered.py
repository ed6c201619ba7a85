"""A signal that is scaled, clipped, or spoiled on its way."""

from __future__ import annotations

import math
from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled
from seqfit.signals.base import Array, Signal
from seqfit.signals.combined import Combined, a_signal, bounds_of, product
from seqfit.signals.events import Events
from seqfit.signals.hold import RandomHold
from seqfit.signals.noise import GaussianNoise
from seqfit.signals.periodic import Sine
from seqfit.signals.position import look_back
from seqfit.states import State
from seqfit.validators import above, finite, non_negative, probability


@final
@attrs.frozen
class Gain(Combined):
    """A signal scaled and moved, ``gain * x + offset``.

    Attributes:
        signal: gives x.
        gain: may be negative.
        offset: what is added.
    """

    signal: Signal = attrs.field(default=RandomHold(), validator=a_signal)
    gain: float = attrs.field(default=2.0, validator=finite)
    offset: float = attrs.field(default=-1.0, validator=finite)

    @property
    def ingredients(self) -> tuple[Signal, ...]:
        return (self.signal,)

    def combine(self, made: list[Array]) -> Array:
        return made[0].astype(np.float64) * self.gain + self.offset

    @property
    def bounds(self) -> tuple[float, float]:
        ends = [product(self.gain, bound) + self.offset for bound in bounds_of(self.signal)]
        return min(ends), max(ends)


@final
@attrs.frozen
class Clip(Combined):
    """A signal held between two bounds, ``min(max(x, low), high)``.

    Attributes:
        signal: gives x.
        low: lower bound.
        high: upper bound.
    """

    signal: Signal = attrs.field(default=Sine(), validator=a_signal)
    low: float = attrs.field(default=-0.5, validator=finite)
    high: float = attrs.field(default=0.5, validator=above("low"))

    @property
    def ingredients(self) -> tuple[Signal, ...]:
        return (self.signal,)

    def combine(self, made: list[Array]) -> Array:
        return np.clip(made[0], float(self.low), float(self.high))

    @property
    def bounds(self) -> tuple[float, float]:
        low, high = (min(max(bound, self.low), self.high) for bound in self.signal.bounds)
        return low, high


@final
@attrs.frozen
class Noisy(Combined):
    """A signal with independent normal noise, ``x + deviation z``.

    Attributes:
        signal: gives x.
        deviation: standard deviation of the noise.
    """

    signal: Signal = attrs.field(default=Sine(), validator=a_signal)
    deviation: float = attrs.field(default=0.1, validator=non_negative)

    @property
    def ingredients(self) -> tuple[Signal, ...]:
        noise = GaussianNoise(deviation=self.deviation, channels=self.signal.channels)
        return self.signal, noise

    def combine(self, made: list[Array]) -> Array:
        return np.add(*made, dtype=np.float64)


@final
@attrs.frozen
class Dropout(Combined):
    """A signal that loses samples, all channels of a sample at once.

    Attributes:
        signal: what loses samples.
        probability: of a loss, at each sample.
        fill: value of a lost sample; None repeats the last that was not lost, at first 0.
    """

    signal: Signal = attrs.field(default=Sine(), validator=a_signal)
    probability: float = attrs.field(default=0.1, validator=probability)
    fill: float | None = attrs.field(default=None, validator=attrs.validators.optional(finite))

    @property
    def ingredients(self) -> tuple[Signal, ...]:
        return self.signal, Events(probability=self.probability)

    def combine(self, made: list[Array]) -> Array:
        x, lost = made
        return np.where(lost == 1.0, np.dtype(self.dtype).type(math.nan), x)

    def start(self, streams: int, seed: int) -> State:
        fill = np.full((streams, self.channels), float(self.fill or 0.0), dtype=self.dtype)
        return {"parts": super().start(streams, seed), "fill": fill}

    def generate(self, state: State, length: int) -> tuple[Array, State]:
        x, parts = super().generate(state["parts"], length)
        fill = state["fill"].copy()
        _fill(x, fill, self.fill is None)
        return x, {"parts": parts, "fill": fill}

    def skip(self, state: State, length: int) -> State:
        def recall(window: int) -> State | None:
            parts = super(Dropout, self).skip(state["parts"], length - window)
            unknown = np.full_like(state["fill"], math.nan)
            after = Signal.skip(self, {"parts": parts, "fill": unknown}, window)
            return None if np.isnan(after["fill"]).any() else after

        if self.fill is not None:
            return state | {"parts": super().skip(state["parts"], length)}
        return look_back(self, state, length, recall)

    @property
    def bounds(self) -> tuple[float, float]:
        low, high = self.signal.bounds
        fill = self.fill or 0.0
        return min(low, fill), max(high, fill)


@compiled
def _fill(x: npt.NDArray[Any], fill: npt.NDArray[Any], repeats: bool) -> None:
    for t in range(x.shape[0]):
        for stream in range(x.shape[1]):
            for channel in range(x.shape[2]):
                if math.isnan(x[t, stream, channel]):
                    x[t, stream, channel] = fill[stream, channel]
                elif repeats:
                    fill[stream, channel] = x[t, stream, channel]
