"""What signals that are made of signals have in common."""

from __future__ import annotations

import abc
import math
from typing import Any

import attrs
import numpy as np

from seqfit.randomness import derived_seed
from seqfit.signals.base import Array, Signal
from seqfit.states import State
from seqfit.validators import must

_PARTS = 100
"""Purpose of the seed of the second of all signals within, see `derived_seed`."""

a_signal = must("a signal", lambda v: isinstance(v, Signal))
some_signals = must("one or more signals", lambda v: _are_signals(v))


def _are_signals(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and all(isinstance(p, Signal) for p in value)


class Combined(Signal):
    """A signal whose samples are made of those of others at the same time.

    What it needs of randomness is one of the others. Equal ones run on numbers of their own,
    however deep they lie; the first has those that it would have alone.
    """

    __slots__ = ()

    @property
    @abc.abstractmethod
    def ingredients(self) -> tuple[Signal, ...]:
        """The signals that it is made of."""

    @abc.abstractmethod
    def combine(self, made: list[Array]) -> Array:
        """The samples, of any dtype, from those of each ingredient, which may be overwritten."""

    @property
    def channels(self) -> int:  # type: ignore[override]
        return self.ingredients[0].channels

    @property
    def dtype(self) -> str:  # type: ignore[override]
        wide = any(part.dtype == "float64" for part in self.ingredients)
        return "float64" if wide else "float32"

    @property
    def max_streams(self) -> int | None:  # type: ignore[override]
        limits = [p.max_streams for p in self.ingredients if p.max_streams is not None]
        return min(limits, default=None)

    @property
    def length(self) -> int | None:  # type: ignore[override]
        return min((p.length for p in self.ingredients if p.length is not None), default=None)

    @property
    def divisible(self) -> bool:  # type: ignore[override]
        return all(part.divisible for part in self.ingredients)

    def start(self, streams: int, seed: int) -> State:
        states, before = [], 0
        for part in self.ingredients:
            own = derived_seed(seed, _PARTS + before) if before else seed
            states.append(part.start(streams, own))
            before += _count(part)
        return tuple(states)

    def generate(self, state: State, length: int) -> tuple[Array, State]:
        made = [part.generate(s, length) for part, s in zip(self.ingredients, state, strict=True)]
        x = self.combine([own for own, _ in made])  # (length, streams, channels)
        return x.astype(self.dtype, copy=False), tuple(after for _, after in made)

    def skip(self, state: State, length: int) -> State:
        pairs = zip(self.ingredients, state, strict=True)
        return tuple(part.skip(own, length) for part, own in pairs)

    def held_out(self) -> Signal:
        this: Any = self
        values = {f.name: getattr(self, f.name) for f in attrs.fields(type(this)) if f.init}
        held = {n: v.held_out() for n, v in values.items() if isinstance(v, Signal)}
        held |= {n: [p.held_out() for p in v] for n, v in values.items() if _are_signals(v)}
        signal: Signal = attrs.evolve(this, **held)
        return signal


def _count(signal: Signal) -> int:
    """How many signals that are not made of others lie within."""
    return sum(map(_count, signal.ingredients)) if isinstance(signal, Combined) else 1


def bounds_of(signal: Signal) -> tuple[float, float]:
    """The bounds of a signal's samples as they are rounded to its dtype."""
    with np.errstate(over="ignore"):
        low, high = (float(np.dtype(signal.dtype).type(bound)) for bound in signal.bounds)
    return low, high


def product(a: float, b: float) -> float:
    """A product of two bounds: 0 times an infinite one is 0."""
    return 0.0 if a == 0 or b == 0 else math.prod((a, b))
