"""Signals of events: now and then one, or several, among zeros."""

from __future__ import annotations

import math
from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.randomness import uniforms
from seqfit.signals.base import Array
from seqfit.signals.position import ByPosition
from seqfit.states import State
from seqfit.validators import is_finite, must, positive_int, probability

_HIGHEST_RATE = 10_000.0


@final
@attrs.frozen
class Events(ByPosition):
    """1 with some probability at each sample, independent of all others, else 0.

    A Bernoulli process, the discrete-time counterpart of Poisson's.

    Attributes:
        probability: of a 1.
        channels: numbers in a sample, independent of one another.
    """

    probability: float = attrs.field(default=0.1, validator=probability)
    channels: int = attrs.field(default=1, validator=positive_int)

    divisible = True

    def start(self, streams: int, seed: int) -> State:
        return {"seed": seed, "streams": range(streams), "position": 0}

    def samples(self, state: State, length: int) -> Array:
        u = uniforms(**state, length=length, draws=self.channels)  # (length, streams, channels)
        return (u < self.probability).astype(np.float32)

    @property
    def bounds(self) -> tuple[float, float]:
        return 0.0, 1.0


def _rate(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    rule = f"a number above 0 and at most {_HIGHEST_RATE:g}"
    must(rule, lambda v: is_finite(v) and 0 < v <= _HIGHEST_RATE)(_instance, attribute, value)


@final
@attrs.frozen
class PoissonEvents(ByPosition):
    """How many events of a Poisson process fall on each sample, ``P(x = k) = rate^k e^-rate / k!``.

    By inversion of the distribution. Where no more than one event of a sample is to count, take
    `Events` with the probability ``1 - exp(-rate)``.

    Attributes:
        rate: mean number of events of a sample, at most 10,000.
        channels: numbers in a sample, independent of one another.
    """

    rate: float = attrs.field(default=0.1, validator=_rate)
    channels: int = attrs.field(default=1, validator=positive_int)
    _distribution: npt.NDArray[np.float64] = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        # Far enough for the largest number below 1 that `uniforms` gives.
        counts = range(math.ceil(self.rate + 12 * math.sqrt(self.rate) + 25))
        terms = [math.exp(k * math.log(self.rate) - self.rate - math.lgamma(k + 1)) for k in counts]
        object.__setattr__(self, "_distribution", np.cumsum(terms))

    divisible = True

    def start(self, streams: int, seed: int) -> State:
        return {"seed": seed, "streams": range(streams), "position": 0}

    def samples(self, state: State, length: int) -> Array:
        u = uniforms(**state, length=length, draws=self.channels)  # (length, streams, channels)
        return np.searchsorted(self._distribution, u, side="right").astype(np.float32)

    @property
    def bounds(self) -> tuple[float, float]:
        return 0.0, math.inf
