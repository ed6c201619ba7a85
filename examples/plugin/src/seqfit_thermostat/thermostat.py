"""A switch with hysteresis."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from seqfit.states import State
from seqfit.targets import Target
from seqfit.targets.base import Array, require_samples
from seqfit.validators import above, finite


@final
@attrs.frozen
class Thermostat(Target):
    """Heats (1) from below `low` until above `high`, then rests (0) until below `low` again.

    Attributes:
        low: temperature below which it begins to heat.
        high: temperature above which it stops.
    """

    low: float = attrs.field(default=19.0, validator=finite)
    high: float = attrs.field(default=21.0, validator=above("low"))

    def start(self, streams: int) -> State:
        return np.zeros(streams, dtype=bool)

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        require_samples(x, self, inputs=1)
        heating, y = state, np.empty_like(x)  # (time, streams, 1)
        for t, temperature in enumerate(x[:, :, 0]):
            heating = (temperature < self.low) | (heating & (temperature <= self.high))
            y[t, :, 0] = heating
        return y, heating

    @property
    def bounds(self) -> tuple[float, float]:
        return 0.0, 1.0
