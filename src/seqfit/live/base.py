"""The interface of live sources: samples that come once, in their own time."""

from __future__ import annotations

import abc
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Chunk: TypeAlias = tuple[npt.NDArray[np.floating[Any]], npt.NDArray[np.floating[Any]]]

PATIENCE = 0.2
"""Seconds for which a source waits for samples before it says that there are none yet."""


class LiveSource(abc.ABC):
    """Inputs and outputs that come once, and perhaps for ever.

    Unlike a signal it can't be asked twice for the same samples, so it is mutable: it stands where
    it has been read up to. It takes no more from where its samples come than it is asked for, and
    at most a buffer of fixed size beside, so that a slow reader slows down whoever writes.
    """

    @abc.abstractmethod
    def read(self, most: int) -> Chunk | None:
        """The next samples.

        What is wrong with a sample is raised once all before it have been read.

        Args:
            most: how many samples of each stream at most, at least 1.

        Returns:
            x, y: arrays of one length, at most `most`, with time as their first axis. They are
                empty where none has come for a moment, so that the reader can do something else.
                None where there are no more and never will be.

        Raises:
            ValueError: a sample is not made of finite numbers, but for outputs that may be missing,
                or of another shape than the first.
            OSError: there is nothing to be read any more, although it was not the end.
        """


def no_samples() -> Chunk:
    """What a source answers where none has come for a moment."""
    return np.empty(0), np.empty(0)
