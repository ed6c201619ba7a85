"""The interface of signals: what goes in."""

from __future__ import annotations

import abc
import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from seqfit.states import State
from seqfit.validators import require_length

Array: TypeAlias = npt.NDArray[np.floating[Any]]

_BLOCK = 4096


class Signal(abc.ABC):
    """A source of input samples for any number of independent streams.

    Concrete signals are final, frozen `attrs` classes: their fields are their configuration.
    They obey the laws of `seqfit.testing.check_signal`: what comes out does not depend on the
    chunks in which it is asked for, nor a stream on how many others run beside it.

    Attributes:
        channels: numbers in a sample.
        dtype: dtype of the samples, ``"float32"`` or ``"float64"``.
        max_streams: how many streams there are at most; None where there is no limit.
        length: samples in each stream; None where it never ends.
        divisible: whether some of its streams can run without the others: its states then hold
            the numbers of their streams as a ``range``, and `seqfit.streams` can divide them.
            Where it is False, each process of a fit on several generates all streams.
    """

    __slots__ = ()

    channels: int = 1
    dtype: str = "float32"
    max_streams: int | None = None
    length: int | None = None
    divisible: bool = False

    @abc.abstractmethod
    def start(self, streams: int, seed: int) -> State:
        """The state before the first sample.

        Args:
            streams: number of streams, at least 1.
            seed: an int from 0 to 2**63 - 1. The numbers of stream ``i`` depend on the
                configuration, ``seed`` and ``i`` alone.

        Returns:
            A state tree, see `seqfit.states`.
        """

    @abc.abstractmethod
    def generate(self, state: State, length: int) -> tuple[Array, State]:
        """The next samples, and the state after them.

        Args:
            state: from `start` or an earlier call; it is left as it was.
            length: number of samples, at least 0.

        Returns:
            x: array of shape (length, streams, channels) and dtype `dtype`.
            state: the state after them.
        """

    def skip(self, state: State, length: int) -> State:
        """The state after the next samples, as `generate` gives it, without the samples.

        Signals whose samples depend on their position alone reach any other at once; this default
        generates what lies between.
        """
        require_length(length)
        for done in range(0, length, _BLOCK):
            _, state = self.generate(state, min(_BLOCK, length - done))
        return state

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest value that a sample can have; infinite where unbounded."""
        return -math.inf, math.inf

    def held_out(self) -> Signal:
        """The signal on which to score a model that was fitted on this one.

        The same signal, where a fresh seed gives fresh streams; recorded data answers with a
        stretch that was not fitted.
        """
        return self
