"""The delay equation of Mackey and Glass."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled
from seqfit.signals.base import Array
from seqfit.signals.orbit import Orbit, Points, points_around
from seqfit.validators import is_finite, must, natural, positive, positive_int

_not_negative = must("a non-negative, finite number", lambda v: is_finite(v) and v >= 0)


MOST_STEPS = 1_000_000
"""Integration steps of a delay, all of which are held."""


def _divides_delay(equation: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    positive(equation, attribute, value)
    count = equation.delay / value
    if count > MOST_STEPS:
        raise ValueError(
            f"{attribute.name} must divide delay={equation.delay!r} into at most {MOST_STEPS:,} "
            f"steps, got {value!r}"
        )
    if round(count) < 1 or abs(count - round(count)) > 1e-9 * count:
        raise ValueError(
            f"{attribute.name} must divide delay={equation.delay!r} into whole steps, got {value!r}"
        )


@final
@attrs.frozen
class MackeyGlass(Orbit):
    """The equation of Mackey and Glass, chaotic from a delay of 17 on.

    ``x' = gain x(t - delay) / (1 + x(t - delay)^exponent) - decay x``, by the Runge-Kutta method of
    order 4; between steps, where the method asks for delayed values, they come from Hermite's cubic
    polynomial. Before the start x was constant.

    References:
        Mackey and Glass (1977), "Oscillation and chaos in physiological control systems"; Jaeger
        (2001), "The echo state approach to analysing and training recurrent neural networks".

    Attributes:
        delay: in units of time.
        gain: of the delayed feedback.
        exponent: of the delayed feedback, a whole number.
        decay: rate of decay.
        step: time of an integration step; a whole number of them makes a delay.
        steps: integration steps from sample to sample.
        initial: x before samples are discarded, not negative; None draws it for each stream.
        discarded: samples that are left out before the first.
    """

    delay: float = attrs.field(default=17.0, validator=positive)
    gain: float = attrs.field(default=0.2, validator=positive)
    exponent: int = attrs.field(default=10, validator=positive_int)
    decay: float = attrs.field(default=0.1, validator=positive)
    step: float = attrs.field(default=0.5, validator=_divides_delay)
    steps: int = attrs.field(default=2, validator=positive_int)
    initial: float | None = attrs.field(
        default=None, validator=attrs.validators.optional(_not_negative)
    )
    discarded: int = attrs.field(default=1000, validator=natural)

    def first_points(self, streams: int, seed: int) -> Points:
        initial = None if self.initial is None else (self.initial,)
        constant = points_around(initial, ((0.5, 1.5),), streams, seed)
        # The feedback from 0 and 1/2, 1 and 3/2.. steps of the last delay, then x.
        fed_back = np.array([[_fed_back(x, self.exponent) for x in constant[0]]])
        rows = 2 * round(self.delay / self.step)
        return np.concatenate([np.repeat(fed_back, rows, axis=0), constant])

    def follow(self, points: Points, x: Array) -> None:
        steps, streams = len(points) // 2, points.shape[1]
        kept = points[:-1].reshape(steps, 2, streams)
        oldest = _feed_back(
            float(self.gain),
            self.exponent,
            float(self.decay),
            float(self.step),
            self.steps,
            kept,
            points[-1],
            x,
        )
        points[:-1] = np.roll(kept, -oldest, axis=0).reshape(2 * steps, streams)


@compiled
def _fed_back(x: float, exponent: int) -> float:
    power, square = 1.0, x
    while exponent > 0:
        if exponent & 1:
            power *= square
        square *= square
        exponent >>= 1
    return x / (1.0 + power)


@compiled
def _feed_back(
    gain: float,
    exponent: int,
    decay: float,
    step: float,
    steps: int,
    kept: npt.NDArray[np.float64],
    points: npt.NDArray[np.float64],
    x: npt.NDArray[np.float32],
) -> int:
    delay, half = kept.shape[0], step / 2.0
    oldest = 0
    for stream in range(x.shape[1]):
        oldest, value = 0, points[stream]
        for t in range(x.shape[0]):
            x[t, stream, 0] = value
            for _ in range(steps):
                following = oldest + 1 if oldest + 1 < delay else 0
                begin, middle = gain * kept[oldest, 0, stream], gain * kept[oldest, 1, stream]
                kept[oldest, 0, stream] = _fed_back(value, exponent)
                end = gain * kept[following, 0, stream]
                k1 = begin - decay * value
                k2 = middle - decay * (value + half * k1)
                k3 = middle - decay * (value + half * k2)
                k4 = end - decay * (value + step * k3)
                after = value + step / 6.0 * (k1 + 2.0 * (k2 + k3) + k4)
                between = (value + after) / 2.0 + step / 8.0 * (k1 - (end - decay * after))
                kept[oldest, 1, stream] = _fed_back(between, exponent)
                oldest, value = following, after
        points[stream] = value
    return oldest
