"""Samples between the source and the model: those that wait, and those to look back on."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from seqfit.fitting.samples import Samples
from seqfit.states import State


@final
@attrs.define
class SampleBuffer:
    """The newest samples, and the model's states at the update boundaries among them.

    Attributes:
        x: inputs, (time, streams, inputs), from position `first` on.
        y: outputs, (time, streams, outputs).
        first: position of the first sample held.
        position: position of the first sample that no update has taken yet.
        boundaries: positions between updates, oldest first, each with the model's state there;
            the last one is `position`.
    """

    x: Samples
    y: Samples
    first: int
    position: int
    boundaries: list[tuple[int, State]]

    @classmethod
    def empty(
        cls, streams: int, inputs: int, outputs: int, dtype: str, state: State
    ) -> SampleBuffer:
        """A buffer before the first sample, where the model has the state given."""
        return cls(
            x=np.empty((0, streams, inputs), dtype),
            y=np.empty((0, streams, outputs), dtype),
            first=0,
            position=0,
            boundaries=[(0, state)],
        )

    @property
    def waiting(self) -> int:
        """Samples of each stream that no update has taken yet."""
        return self.first + len(self.x) - self.position

    def append(self, x: Samples, y: Samples) -> None:
        """Add new samples at the end."""
        self.x = np.concatenate([self.x, x])
        self.y = np.concatenate([self.y, y])

    def boundary_before(self, position: int) -> tuple[int, State]:
        """The newest boundary at or before a position, and the model's state there."""
        return next(b for b in reversed(self.boundaries) if b[0] <= position)

    def advance(self, length: int, count: int, states: list[State], history: int) -> None:
        """Mark samples as taken, and forget what no later update can look back on.

        Args:
            length: new samples that each update has taken.
            count: number of updates.
            states: the model's states after the last of them, all that may be looked back on.
            history: the most samples that an update looks back.
        """
        self.position += length * count
        first = self.position - length * (len(states) - 1)
        self.boundaries += [(first + length * i, state) for i, state in enumerate(states)]
        oldest, _ = self.boundary_before(max(self.position - history, self.boundaries[0][0]))
        while self.boundaries[0][0] < oldest:
            del self.boundaries[0]

    def drop_past(self) -> None:
        """Give back the memory of samples that lie before the oldest boundary."""
        keep = self.boundaries[0][0] - self.first
        self.x, self.y = self.x[keep:].copy(), self.y[keep:].copy()
        self.first += keep
