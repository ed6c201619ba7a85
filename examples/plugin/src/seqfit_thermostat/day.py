"""The temperature over days."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from seqfit.randomness import uniforms
from seqfit.signals import Signal
from seqfit.signals.base import Array
from seqfit.states import State
from seqfit.validators import finite, non_negative, positive_int


@final
@attrs.frozen
class Day(Signal):
    """A sine with a period of one day, and weather that differs from sample to sample.

    Attributes:
        mean: mean temperature.
        swing: half the difference between day and night.
        weather: greatest deviation from the sine.
        samples: samples in a day.
    """

    mean: float = attrs.field(default=20.0, validator=finite)
    swing: float = attrs.field(default=4.0, validator=non_negative)
    weather: float = attrs.field(default=1.0, validator=non_negative)
    samples: int = attrs.field(default=96, validator=positive_int)

    def start(self, streams: int, seed: int) -> State:
        return {"seed": seed, "streams": streams, "position": 0}

    def generate(self, state: State, length: int) -> tuple[Array, State]:
        noise = uniforms(**state, length=length)  # (length, streams, 1), a function of position
        position = state["position"]
        times = np.arange(position, position + length) % self.samples  # within the day
        sine = np.sin(2 * np.pi * times / self.samples)[:, None, None]
        x = self.mean + self.swing * sine + self.weather * (2 * noise - 1)
        return x.astype(np.float32), state | {"position": position + length}

    @property
    def bounds(self) -> tuple[float, float]:
        reach = self.swing + self.weather
        return self.mean - reach, self.mean + reach
