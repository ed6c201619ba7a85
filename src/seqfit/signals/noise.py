"""Signals whose samples are independent of one another."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from seqfit.randomness import box_muller, uniforms
from seqfit.signals.base import Array
from seqfit.signals.position import ByPosition
from seqfit.states import State
from seqfit.validators import above, finite, non_negative, positive_int


@final
@attrs.frozen
class UniformNoise(ByPosition):
    """Independent samples from U(low, high).

    Attributes:
        low: lower end of the range.
        high: upper end of the range.
        channels: numbers in a sample.
    """

    low: float = attrs.field(default=0.0, validator=finite)
    high: float = attrs.field(default=1.0, validator=above("low"))
    channels: int = attrs.field(default=1, validator=positive_int)

    divisible = True

    def start(self, streams: int, seed: int) -> State:
        return {"seed": seed, "streams": range(streams), "position": 0}

    def samples(self, state: State, length: int) -> Array:
        u = uniforms(**state, length=length, draws=self.channels)  # (length, streams, channels)
        return (self.low + (self.high - self.low) * u).astype(np.float32)

    @property
    def bounds(self) -> tuple[float, float]:
        return self.low, self.high


@final
@attrs.frozen
class GaussianNoise(ByPosition):
    """Independent samples from N(mean, deviation^2).

    Attributes:
        mean: expected value.
        deviation: standard deviation.
        channels: numbers in a sample.
    """

    mean: float = attrs.field(default=0.0, validator=finite)
    deviation: float = attrs.field(default=1.0, validator=non_negative)
    channels: int = attrs.field(default=1, validator=positive_int)

    divisible = True

    def start(self, streams: int, seed: int) -> State:
        return {"seed": seed, "streams": range(streams), "position": 0}

    def samples(self, state: State, length: int) -> Array:
        normal = box_muller(uniforms(**state, length=length, draws=2 * self.channels))
        return (self.mean + self.deviation * normal).astype(np.float32)
