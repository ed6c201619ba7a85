"""Signals that a Markov chain switches."""

from __future__ import annotations

import math
from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled
from seqfit.randomness import uniforms
from seqfit.signals.base import Array, Signal
from seqfit.signals.position import look_back
from seqfit.states import State
from seqfit.validators import as_tuple, is_finite, natural

_BLOCK = 4096


def _as_rows(values: Any) -> Any:
    return tuple(as_tuple(row) for row in values) if isinstance(values, list | tuple) else values


def _levels(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, tuple) or not value or not all(map(is_finite, value)):
        raise ValueError(f"{attribute.name} must be one or more finite numbers, got {value!r}")


def _is_distribution(row: Any) -> bool:
    return (
        isinstance(row, tuple)
        and all(is_finite(p) and p >= 0 for p in row)
        and abs(math.fsum(row) - 1) < 1e-9
    )


def _transitions(chain: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    count = len(chain.levels)
    if not isinstance(value, tuple) or len(value) != count:
        raise ValueError(
            f"{attribute.name} must have a row for each of the {count} levels, got {value!r}"
        )
    for row in value:
        if not _is_distribution(row) or len(row) != count:
            raise ValueError(
                f"each row of {attribute.name} must be {count} probabilities that add up to 1, "
                f"got {row!r}"
            )


def _index(chain: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    natural(chain, attribute, value)
    if value >= len(chain.levels):
        raise ValueError(
            f"{attribute.name} must be the number of a level, from 0 to {len(chain.levels) - 1}, "
            f"got {value!r}"
        )


@final
@attrs.frozen
class MarkovLevels(Signal):
    """Levels between which a Markov chain switches, ``P(level b after a) = transitions[a][b]``.

    A far position is reached by coupling from the past: from some sample on, the chain is where it
    is wherever it was before (Propp and Wilson 1996, "Exact sampling with coupled Markov chains").
    Chains that never forget where they began, such as periodic ones, generate what lies between.

    Attributes:
        levels: the values.
        transitions: a row of probabilities for each level to come from, one for each to go to.
        initial: number of the level before the first sample, from 0.
    """

    levels: tuple[float, ...] = attrs.field(
        default=(0.0, 1.0), converter=as_tuple, validator=_levels
    )
    transitions: tuple[tuple[float, ...], ...] = attrs.field(
        default=((0.95, 0.05), (0.05, 0.95)), converter=_as_rows, validator=_transitions
    )
    initial: int = attrs.field(default=0, validator=_index)

    divisible = True

    def start(self, streams: int, seed: int) -> State:
        level = np.full(streams, self.initial)
        return {"seed": seed, "streams": range(streams), "position": 0, "level": level}

    def generate(self, state: State, length: int) -> tuple[Array, State]:
        x = np.empty((length, len(state["level"]), 1), dtype=np.float32)
        level = self._run(state, length, state["level"][None].copy(), x)[0]
        return x, state | {"position": state["position"] + length, "level": level}

    def skip(self, state: State, length: int) -> State:
        streams = len(state["level"])

        def recall(window: int) -> State | None:
            end = state["position"] + length
            ends = np.repeat(np.arange(len(self.levels))[:, None], streams, axis=1)
            x = np.empty((_BLOCK, streams, 1), dtype=np.float32)
            for position in range(end - window, end, _BLOCK):
                block = min(_BLOCK, end - position)
                ends = self._run(state | {"position": position}, block, ends, x)
            if (ends != ends[0]).any():
                return None
            return state | {"position": end, "level": ends[0].copy()}

        return look_back(self, state, length, recall)

    @property
    def bounds(self) -> tuple[float, float]:
        return min(self.levels), max(self.levels)

    def _run(
        self, state: State, length: int, level: npt.NDArray[np.int64], x: Array
    ) -> npt.NDArray[np.int64]:
        """Where chains that begin at each row of `level` come to; the last one's levels are `x`."""
        u = uniforms(state["seed"], state["streams"], state["position"], length)[..., 0]
        reach = np.cumsum(self.transitions, axis=1)
        reach[reach == reach[:, -1:]] = 1.0  # whatever the sum was rounded to
        values = np.array(self.levels, dtype=np.float32)
        for chain in level:
            _switch(u, reach, values, chain, x)
        return level


@compiled
def _switch(
    u: npt.NDArray[np.float64],
    reach: npt.NDArray[np.float64],
    values: npt.NDArray[np.float32],
    level: npt.NDArray[np.int64],
    x: npt.NDArray[np.float32],
) -> None:
    for t in range(u.shape[0]):
        for stream in range(u.shape[1]):
            row = reach[level[stream]]
            to = 0
            while u[t, stream] >= row[to]:
                to += 1
            level[stream] = to
            x[t, stream, 0] = values[to]
