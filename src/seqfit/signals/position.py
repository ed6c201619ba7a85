"""Signals that reach any position without what comes before it."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import final

from seqfit.signals.base import Array, Signal
from seqfit.states import State
from seqfit.validators import require_length

_NEAREST, _FACTOR = 64, 32


class ByPosition(Signal):
    """A signal whose samples depend on what `start` gives and on their position alone.

    Its state is a dictionary that holds the position of the next sample under ``position``.
    """

    __slots__ = ()

    @abc.abstractmethod
    def samples(self, state: State, length: int) -> Array:
        """The next samples, of shape (length, streams, channels)."""

    @final
    def generate(self, state: State, length: int) -> tuple[Array, State]:
        after = self.skip(state, length)
        return self.samples(state, length), after

    @final
    def skip(self, state: State, length: int) -> State:
        require_length(length)
        return state | {"position": state["position"] + length}


def look_back(
    signal: Signal, state: State, length: int, recall: Callable[[int], State | None]
) -> State:
    """The state some samples on, of a signal that forgets what it held.

    It looks back further and further, until it sees enough; where it has to see all, that costs
    little more than to generate it once.

    Args:
        signal: the signal.
        state: its state.
        length: how many samples to go on.
        recall: takes a number of samples, and gives the state after `length` from the last so many
            of them, or None where they don't tell it.
    """
    require_length(length)
    window = _NEAREST
    while window <= length:
        after = recall(window)
        if after is not None:
            return after
        window *= _FACTOR
    return Signal.skip(signal, state, length)
