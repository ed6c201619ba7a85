"""Targets made of targets that run side by side on the same inputs."""

from __future__ import annotations

import abc
import functools
import itertools
import operator
from typing import ClassVar, final

import attrs
import numpy as np

from seqfit.states import State
from seqfit.targets.base import (
    Array,
    ChannelError,
    Target,
    require_samples,
    require_targets,
    stateless,
)
from seqfit.targets.memory import Memory
from seqfit.validators import as_tuple


@attrs.frozen
class _Parallel(Target):
    """Several targets that get the same inputs; all is float64 until it is rounded once."""

    unseen: ClassVar[int] = 0  # trailing input channels that no part gets

    parts: tuple[Target, ...] = attrs.field(converter=as_tuple, validator=require_targets)

    @abc.abstractmethod
    def _combined(self, ys: list[Array], x: Array) -> Array:
        """The output of all, of shape (time, streams, outputs).

        Args:
            ys: the outputs of the parts, each of shape (time, streams, outputs).
            x: the inputs, of shape (time, streams, inputs).
        """

    def start(self, streams: int) -> State:
        return tuple(part.start(streams) for part in self.parts)

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        require_samples(x, self, inputs=1 + self.unseen, or_more=True)
        exact = x.astype(np.float64)
        seen = np.ascontiguousarray(exact[..., : x.shape[2] - self.unseen])
        try:
            made = [part.transform(seen, s) for part, s in zip(self.parts, state, strict=True)]
        except ChannelError as error:
            if not self.unseen:
                raise
            takes = error.channels + self.unseen
            raise ChannelError(self, takes, x.shape[2], error.or_more) from error
        y = self._combined([y for y, _ in made], exact)
        return y.astype(x.dtype), tuple(after for _, after in made)

    @property
    def memory(self) -> Memory:
        return functools.reduce(Memory.__or__, (part.memory for part in self.parts))

    @property
    def output_determines_state(self) -> bool | None:
        return True if stateless(self.parts) else None

    @property
    def has_missing(self) -> bool:
        return any(part.has_missing for part in self.parts)

    def held_out(self) -> Target:
        return attrs.evolve(self, parts=[part.held_out() for part in self.parts])


@final
@attrs.frozen
class Sum(_Parallel):
    """The sum of what several targets make of the same inputs; also written ``a + b``.

    The parts run in float64, and what comes out is rounded once.

    Attributes:
        parts: the targets; each has as many outputs as the first, one for one.
    """

    def _combined(self, ys: list[Array], x: Array) -> Array:
        _require_equal_outputs(self, ys)
        return functools.reduce(np.add, ys)

    @property
    def bounds(self) -> tuple[float, float]:
        # Added up as the outputs are, so that rounding leaves no output beyond them.
        lows, highs = zip(*(part.bounds for part in self.parts), strict=True)
        return functools.reduce(operator.add, lows), functools.reduce(operator.add, highs)


@final
@attrs.frozen
class Product(_Parallel):
    """The product of what several targets make of the same inputs; also written ``a * b``.

    The parts run in float64, and what comes out is rounded once.

    Attributes:
        parts: the targets; each has as many outputs as the first, one for one.
    """

    def _combined(self, ys: list[Array], x: Array) -> Array:
        _require_equal_outputs(self, ys)
        return functools.reduce(np.multiply, ys)

    @property
    def bounds(self) -> tuple[float, float]:
        return functools.reduce(_interval_product, (part.bounds for part in self.parts))


@final
@attrs.frozen
class Switch(_Parallel):
    """The output of one of several targets; the last input channel says of which.

    ``y[t] = parts[k](x)[t]`` with k = 0 where that channel is at most 0.5, 1 where it is at most
    1.5, and so on, and the last part beyond. All parts run all the time, on the other channels.

    References:
        Liberzon (2003), "Switching in systems and control", section 1.1.

    Attributes:
        parts: the targets; each has as many outputs as the first.
    """

    unseen: ClassVar[int] = 1

    def _combined(self, ys: list[Array], x: Array) -> Array:
        _require_equal_outputs(self, ys)
        y = ys[0]
        for number, other in enumerate(ys[1:]):
            y = np.where(x[..., -1:] > number + 0.5, other, y)
        return y

    @property
    def bounds(self) -> tuple[float, float]:
        return _hull(self.parts)


@final
@attrs.frozen
class Beside(_Parallel):
    """The outputs of several targets for the same inputs, side by side.

    Attributes:
        parts: the targets; the first one's outputs come first.
    """

    def _combined(self, ys: list[Array], x: Array) -> Array:
        return np.concatenate(ys, axis=2)

    @property
    def bounds(self) -> tuple[float, float]:
        return _hull(self.parts)


def _require_equal_outputs(owner: _Parallel, ys: list[Array]) -> None:
    for number, y in enumerate(ys, 1):
        if y.shape[2] != ys[0].shape[2]:
            first, part = (type(owner.parts[i]).__name__ for i in (0, number - 1))
            raise ValueError(
                f"{type(owner).__name__}: part {number} ({part}) gives {y.shape[2]} output "
                f"channels, part 1 ({first}) gives {ys[0].shape[2]}"
            )


def _hull(parts: tuple[Target, ...]) -> tuple[float, float]:
    lows, highs = zip(*(part.bounds for part in parts), strict=True)
    return min(lows), max(highs)


def _interval_product(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    # An output is finite however wide its bounds, so 0 times an infinite one is 0.
    corners = [0.0 if 0 in (p, q) else p * q for p, q in itertools.product(a, b)]
    return min(corners), max(corners)
