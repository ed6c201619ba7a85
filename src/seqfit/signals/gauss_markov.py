"""Gaussian processes that wander: each position is reached in logarithmic time.

A Gauss-Markov process between two known values is a bridge, whose middle is normal with a known
mean and deviation (Levy's construction of Brownian motion). So x[t] is a function of the normal
number of t and of the values at t - h and t + h, with h the largest power of two that divides t;
powers of two themselves follow from the power before. No value depends on how many were asked for.
"""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled
from seqfit.normal import normal
from seqfit.philox import UINT
from seqfit.signals.base import Array
from seqfit.signals.position import ByPosition
from seqfit.states import State
from seqfit.validators import above, finite, positive, require_seed

_LEVELS = 62
_SPANS = 2.0 ** np.arange(_LEVELS)


@final
@attrs.frozen
class OrnsteinUhlenbeck(ByPosition):
    """Noise with a relaxation time: the process of Ornstein and Uhlenbeck, sampled exactly.

    ``x[t] = mean + a (x[t-1] - mean) + deviation sqrt(1 - a^2) z[t]`` with ``a = exp(-1/time)`` and
    z independent and normal, which is ``dx = -(x - mean) dt / time + deviation sqrt(2/time) dW`` at
    whole times. Any position is reached in logarithmic time, by bridges.

    References:
        Uhlenbeck and Ornstein (1930), "On the theory of the Brownian motion"; Gillespie (1996),
        "Exact numerical simulation of the Ornstein-Uhlenbeck process and its integral".

    Attributes:
        time: relaxation time in samples.
        mean: stationary mean.
        deviation: stationary standard deviation.
        initial: x at sample 0; None draws it from the stationary distribution.
    """

    time: float = attrs.field(default=20.0, validator=positive)
    mean: float = attrs.field(default=0.0, validator=finite)
    deviation: float = attrs.field(default=1.0, validator=positive)
    initial: float | None = attrs.field(default=None, validator=attrs.validators.optional(finite))

    divisible = True

    def start(self, streams: int, seed: int) -> State:
        return {"seed": seed, "streams": range(streams), "position": 0}

    def samples(self, state: State, length: int) -> Array:
        kept = np.exp(-_SPANS / self.time)
        lost = -np.expm1(-2 * _SPANS / self.time)  # 1 - kept^2
        steps = np.array([kept, np.sqrt(lost)])
        middles = np.array([kept, np.sqrt(lost * (1 + kept**2))]) / (1 + kept**2)
        drawn = self.initial is None
        first = 0.0 if self.initial is None else (self.initial - self.mean) / self.deviation
        x = _wander(state, length, first, 1.0 if drawn else 0.0, steps, middles)
        return (self.mean + self.deviation * x).astype(np.float32)


def _between(walk: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    finite(walk, attribute, value)
    if not walk.low <= value <= walk.high:
        raise ValueError(
            f"{attribute.name} must lie between low={walk.low!r} and high={walk.high!r}, "
            f"got {value!r}"
        )


@final
@attrs.frozen
class RandomWalk(ByPosition):
    """A walk of independent normal steps between two walls that reflect it.

    ``x[0] = initial``, ``x[t] = reflected(x[t-1] + step z[t])``: what goes beyond a wall comes back
    by as much. Any position is reached in logarithmic time: the walk without walls by bridges, and
    folded at the walls afterwards, which gives the same process.

    Attributes:
        step: standard deviation of a step.
        low: lower wall.
        high: upper wall.
        initial: x at sample 0.
    """

    step: float = attrs.field(default=0.05, validator=positive)
    low: float = attrs.field(default=0.0, validator=finite)
    high: float = attrs.field(default=1.0, validator=above("low"))
    initial: float = attrs.field(default=0.5, validator=_between)

    divisible = True

    def start(self, streams: int, seed: int) -> State:
        return {"seed": seed, "streams": range(streams), "position": 0}

    def samples(self, state: State, length: int) -> Array:
        steps = np.array([np.ones(_LEVELS), np.sqrt(_SPANS)])
        middles = np.array([np.full(_LEVELS, 0.5), np.sqrt(_SPANS / 2)])
        far = _wander(state, length, 0.0, 0.0, steps, middles)
        width = self.high - self.low
        gone = (self.initial - self.low) + self.step * far
        folded = np.abs(gone - 2 * width * np.floor(gone / (2 * width)) - width)
        x = np.clip(self.high - folded, self.low, self.high)  # rounding may pass a wall
        return x.astype(np.float32)

    @property
    def bounds(self) -> tuple[float, float]:
        return self.low, self.high


def _wander(
    state: State,
    length: int,
    mean: float,
    deviation: float,
    steps: npt.NDArray[np.float64],
    middles: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """The next samples of a process, of shape (length, streams, 1).

    Args:
        state: holds seed, streams and position.
        length: number of samples.
        mean: of sample 0.
        deviation: of sample 0.
        steps: how the process goes on by 1, 2, 4.. samples: ``steps[0] * x + steps[1] * z``.
        middles: its value 1, 2, 4.. samples from both a and b: ``middles[0] * (a + b) +
            middles[1] * z``.
    """
    numbers = state["streams"]
    x = np.empty((length, len(numbers), 1))
    require_seed(state["seed"])
    seed, position = UINT(state["seed"]), state["position"]
    _bridge(seed, numbers.start, position, mean, deviation, steps, middles, x)
    return x


@compiled
def _bridge(
    seed: Any,
    first_stream: int,
    position: int,
    mean: float,
    deviation: float,
    steps: npt.NDArray[np.float64],
    middles: npt.NDArray[np.float64],
    x: npt.NDArray[np.float64],
) -> None:
    length, streams = x.shape[:2]
    end = position + length
    ends = np.empty((64, 2), dtype=np.int64)  # spans to be filled, the earliest last
    values = np.empty((64, 2))
    for stream in range(streams):
        number = UINT(first_stream + stream)
        value = mean + deviation * normal(0, seed, number)
        if position == 0 and length > 0:
            x[0, stream, 0] = value
        low, level = 1, 0
        value = steps[0, 0] * value + steps[1, 0] * normal(1, seed, number)
        while low < end:
            if low >= position:
                x[low - position, stream, 0] = value
            high = 2 * low
            following = steps[0, level] * value + steps[1, level] * normal(high, seed, number)
            ends[0] = low, high
            values[0] = value, following
            spans = 1
            while spans > 0:
                spans -= 1
                first, last = ends[spans, 0], ends[spans, 1]
                if last - first < 2 or last <= position or first >= end - 1:
                    continue
                before, after = values[spans, 0], values[spans, 1]
                middle = (first + last) // 2
                depth = 0
                while (middle - first) >> (depth + 1):
                    depth += 1
                between = middles[0, depth] * (before + after) + middles[1, depth] * normal(
                    middle, seed, number
                )
                if position <= middle < end:
                    x[middle - position, stream, 0] = between
                ends[spans] = middle, last
                values[spans] = between, after
                ends[spans + 1] = first, middle
                values[spans + 1] = before, between
                spans += 2
            low, level, value = high, level + 1, following
