"""Signals made of signals."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np

from seqfit.randomness import derived_seed
from seqfit.signals.base import Array, Signal
from seqfit.states import State
from seqfit.validators import as_tuple, must


def _are_signals(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and all(isinstance(p, Signal) for p in value)


@final
@attrs.frozen
class Beside(Signal):
    """The channels of several signals side by side; equal ones run on numbers of their own.

    Attributes:
        parts: the signals; the first one's channels come first.
    """

    parts: tuple[Signal, ...] = attrs.field(
        converter=as_tuple, validator=must("one or more signals", _are_signals)
    )
    channels: int = attrs.field(init=False, eq=False, repr=False)
    dtype: str = attrs.field(init=False, eq=False, repr=False)
    max_streams: int | None = attrs.field(init=False, eq=False, repr=False)
    length: int | None = attrs.field(init=False, eq=False, repr=False)
    divisible: bool = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        streams = [p.max_streams for p in self.parts if p.max_streams is not None]
        lengths = [p.length for p in self.parts if p.length is not None]
        wide = any(part.dtype == "float64" for part in self.parts)
        for name, value in (
            ("channels", sum(part.channels for part in self.parts)),
            ("dtype", "float64" if wide else "float32"),
            ("max_streams", min(streams, default=None)),
            ("length", min(lengths, default=None)),
            ("divisible", all(part.divisible for part in self.parts)),
        ):
            object.__setattr__(self, name, value)

    def start(self, streams: int, seed: int) -> State:
        seeds = [seed, *(derived_seed(seed, 100 + i) for i in range(1, len(self.parts)))]
        return tuple(part.start(streams, s) for part, s in zip(self.parts, seeds, strict=True))

    def generate(self, state: State, length: int) -> tuple[Array, State]:
        made = [part.generate(s, length) for part, s in zip(self.parts, state, strict=True)]
        x = np.concatenate([own for own, _ in made], axis=2)  # (length, streams, channels)
        return x, tuple(after for _, after in made)

    @property
    def bounds(self) -> tuple[float, float]:
        lows, highs = zip(*(part.bounds for part in self.parts), strict=True)
        return min(lows), max(highs)

    def held_out(self) -> Signal:
        return Beside([part.held_out() for part in self.parts])
