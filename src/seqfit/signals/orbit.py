"""Signals that are orbits of dynamical systems: each sample needs the one before it."""

from __future__ import annotations

import abc
from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.randomness import uniforms
from seqfit.signals.base import Array, Signal
from seqfit.states import State
from seqfit.validators import is_finite

Points = npt.NDArray[np.float64]
"""Where the system is in each stream, of shape (..., streams)."""

_FAR = 1e9


class Orbit(Signal):
    """Samples of a deterministic system, in float64, from a point given or drawn for each stream.

    No position is reached but through all that come before it. As the numbers are finite, an orbit
    of a chaotic system shadows a true one for a while only, and ends in a cycle after very many
    samples.
    """

    __slots__ = ()

    divisible = True
    discarded: int
    initial: Any

    @abc.abstractmethod
    def first_points(self, streams: int, seed: int) -> Points:
        """Where the streams begin, before samples are discarded."""

    @abc.abstractmethod
    def follow(self, points: Points, x: Array) -> None:
        """Fill `x` with the next samples, the first at `points`, which go on with the orbit."""

    @final
    def start(self, streams: int, seed: int) -> State:
        return self.skip(self.first_points(streams, seed), self.discarded)

    @final
    def generate(self, state: State, length: int) -> tuple[Array, State]:
        points = state.copy()
        x = np.empty((length, state.shape[-1], self.channels), dtype=np.float32)
        self.follow(points, x)
        if not (np.abs(points) < _FAR).all():
            raise ValueError(f"{self!r} has no bounded orbit: its samples grow beyond {_FAR:g}")
        return x, points


def points_around(
    initial: tuple[float, ...] | None, box: tuple[tuple[float, float], ...], streams: int, seed: int
) -> Points:
    """A given point for all streams, or one drawn from a box for each."""
    if initial is not None:
        return np.tile(np.array(initial, dtype=np.float64)[:, None], (1, streams))
    low, high = np.array(box).T
    u = uniforms(seed, streams, position=0, length=1, draws=len(box))[0]  # (streams, coordinates)
    return np.ascontiguousarray((low + (high - low) * u).T)


def coordinates(count: int) -> Any:
    """A validator: as many finite numbers, or None."""

    def validate(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        given = isinstance(value, tuple) and len(value) == count and all(map(is_finite, value))
        if value is not None and not given:
            raise ValueError(f"{attribute.name} must be {count} finite numbers, got {value!r}")

    return validate
