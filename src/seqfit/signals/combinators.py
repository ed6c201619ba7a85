"""Several signals as one."""

from __future__ import annotations

import functools
from typing import Any, final

import attrs
import numpy as np

from seqfit.signals.base import Array, Signal
from seqfit.signals.combined import Combined, bounds_of, product, some_signals
from seqfit.signals.hold import RandomHold
from seqfit.signals.markov import MarkovLevels
from seqfit.signals.noise import GaussianNoise
from seqfit.signals.periodic import Sine, Square
from seqfit.validators import as_tuple, probability


def _alike(combined: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    some_signals(combined, attribute, value)
    for number, part in enumerate(value, 1):
        if part.channels != value[0].channels:
            first, other = type(value[0]).__name__, type(part).__name__
            raise ValueError(
                f"{attribute.name} must have equally many channels, but number 1 ({first}) has "
                f"{value[0].channels}, number {number} ({other}) has {part.channels}"
            )


@final
@attrs.frozen
class Beside(Combined):
    """The channels of several signals side by side; equal ones run on numbers of their own.

    Attributes:
        parts: the signals; the first one's channels come first.
    """

    parts: tuple[Signal, ...] = attrs.field(converter=as_tuple, validator=some_signals)

    @property
    def ingredients(self) -> tuple[Signal, ...]:
        return self.parts

    @property
    def channels(self) -> int:  # type: ignore[override]
        return sum(part.channels for part in self.parts)

    def combine(self, made: list[Array]) -> Array:
        return np.concatenate(made, axis=2)

    @property
    def bounds(self) -> tuple[float, float]:
        lows, highs = zip(*(part.bounds for part in self.parts), strict=True)
        return min(lows), max(highs)


@final
@attrs.frozen
class Sum(Combined):
    """The sum of several signals, each channel by itself.

    Attributes:
        parts: the signals, with equally many channels.
    """

    parts: tuple[Signal, ...] = attrs.field(
        default=(Sine(), GaussianNoise(deviation=0.1)), converter=as_tuple, validator=_alike
    )

    @property
    def ingredients(self) -> tuple[Signal, ...]:
        return self.parts

    def combine(self, made: list[Array]) -> Array:
        return functools.reduce(np.add, made[1:], made[0].astype(np.float64))

    @property
    def bounds(self) -> tuple[float, float]:
        lows, highs = zip(*map(bounds_of, self.parts), strict=True)
        return sum(lows), sum(highs)


@final
@attrs.frozen
class Product(Combined):
    """The product of several signals, each channel by itself: one modulates the other.

    Attributes:
        parts: the signals, with equally many channels.
    """

    parts: tuple[Signal, ...] = attrs.field(
        default=(Sine(period=10), RandomHold()), converter=as_tuple, validator=_alike
    )

    @property
    def ingredients(self) -> tuple[Signal, ...]:
        return self.parts

    def combine(self, made: list[Array]) -> Array:
        return functools.reduce(np.multiply, made[1:], made[0].astype(np.float64))

    @property
    def bounds(self) -> tuple[float, float]:
        low, high = 1.0, 1.0
        for part in self.parts:
            corners = [product(a, b) for a in (low, high) for b in bounds_of(part)]
            low, high = min(corners), max(corners)
        return low, high


@final
@attrs.frozen
class Switch(Combined):
    """One of several signals at a time, all of which run on: regimes that a Markov chain picks.

    Attributes:
        parts: the signals, with equally many channels; the first comes first.
        switch_probability: probability at each sample to go to another one, each as likely.
    """

    parts: tuple[Signal, ...] = attrs.field(
        default=(Sine(), Square(period=25)), converter=as_tuple, validator=_alike
    )
    switch_probability: float = attrs.field(default=0.01, validator=probability)

    @property
    def ingredients(self) -> tuple[Signal, ...]:
        count = len(self.parts)
        away = self.switch_probability / max(1, count - 1)
        stay = 1.0 if count == 1 else 1.0 - self.switch_probability
        rows = [[stay if a == b else away for b in range(count)] for a in range(count)]
        return (*self.parts, MarkovLevels(range(count), rows))

    def combine(self, made: list[Array]) -> Array:
        shown = made.pop()  # (length, streams, 1)
        x = made[0]
        for number, other in enumerate(made):
            x = np.where(shown == number, other, x)
        return x

    @property
    def bounds(self) -> tuple[float, float]:
        lows, highs = zip(*(part.bounds for part in self.parts), strict=True)
        return min(lows), max(highs)
