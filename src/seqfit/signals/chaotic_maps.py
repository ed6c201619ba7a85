"""Chaotic maps."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled
from seqfit.signals.base import Array
from seqfit.signals.orbit import Orbit, Points, coordinates, points_around
from seqfit.validators import as_tuple, finite, is_finite, must, natural

_rate = must("a number above 0 and at most 4", lambda v: is_finite(v) and 0 < v <= 4)
_inside = must("a number from 0 to 1", lambda v: is_finite(v) and 0 <= v <= 1)


@final
@attrs.frozen
class LogisticMap(Orbit):
    """The logistic map, ``x[t+1] = rate x[t] (1 - x[t])``.

    At a rate of 4 about one orbit in ten ends in 0 within 20 million samples of float64, and stays
    there; at 3.9 none was seen to.

    References:
        May (1976), "Simple mathematical models with very complicated dynamics".

    Attributes:
        rate: above 0 and at most 4; chaotic for most values above 3.57.
        initial: x before samples are discarded; None draws it for each stream.
        discarded: samples that are left out before the first.
    """

    rate: float = attrs.field(default=3.9, validator=_rate)
    initial: float | None = attrs.field(default=None, validator=attrs.validators.optional(_inside))
    discarded: int = attrs.field(default=1000, validator=natural)

    def first_points(self, streams: int, seed: int) -> Points:
        initial = None if self.initial is None else (self.initial,)
        return points_around(initial, ((0.1, 0.9),), streams, seed)

    def follow(self, points: Points, x: Array) -> None:
        _logistic(float(self.rate), points, x)

    @property
    def bounds(self) -> tuple[float, float]:
        return 0.0, 1.0


@final
@attrs.frozen
class HenonMap(Orbit):
    """The map of Henon, ``x[t+1] = 1 - a x[t]^2 + y[t]``, ``y[t+1] = b x[t]``; channels x and y.

    References:
        Henon (1976), "A two-dimensional mapping with a strange attractor".

    Attributes:
        a: bending.
        b: contraction. Where an orbit is not bounded, `start` or `generate` raise a ValueError.
        initial: x and y before samples are discarded; None draws them for each stream.
        discarded: samples that are left out before the first.
    """

    a: float = attrs.field(default=1.4, validator=finite)
    b: float = attrs.field(default=0.3, validator=finite)
    initial: tuple[float, ...] | None = attrs.field(
        default=None,
        converter=as_tuple,
        validator=coordinates(2),
    )
    discarded: int = attrs.field(default=1000, validator=natural)
    channels: int = attrs.field(default=2, init=False, eq=False, repr=False)

    def first_points(self, streams: int, seed: int) -> Points:
        return points_around(self.initial, ((-0.1, 0.1), (-0.1, 0.1)), streams, seed)

    def follow(self, points: Points, x: Array) -> None:
        _henon(float(self.a), float(self.b), points, x)


@compiled
def _logistic(rate: float, points: npt.NDArray[np.float64], x: npt.NDArray[np.float32]) -> None:
    for t in range(x.shape[0]):
        for stream in range(x.shape[1]):
            value = points[0, stream]
            x[t, stream, 0] = value
            points[0, stream] = rate * (value * (1.0 - value))


@compiled
def _henon(a: float, b: float, points: npt.NDArray[np.float64], x: npt.NDArray[Any]) -> None:
    for t in range(x.shape[0]):
        for stream in range(x.shape[1]):
            first, second = points[0, stream], points[1, stream]
            x[t, stream, 0] = first
            x[t, stream, 1] = second
            points[0, stream] = 1.0 - a * (first * first) + second
            points[1, stream] = b * first
