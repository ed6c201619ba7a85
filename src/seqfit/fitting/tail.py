"""The newest samples of streams in one array, which grows at its end and is cut at its front."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from seqfit.fitting.samples import Samples


@final
@attrs.define
class Tail:
    """Samples of which old ones are dropped as new ones come.

    On average a call takes as long as the samples that it adds or drops, however many are held:
    there is room for more, and they are moved when it is used up. What was once handed out in
    `samples` is never written again.
    """

    _room: Samples
    _begin: int
    _end: int

    @classmethod
    def of(cls, samples: Samples) -> Tail:
        """Some samples, which are not copied, (time, streams, channels)."""
        return cls(samples, 0, len(samples))

    def __len__(self) -> int:
        return self._end - self._begin

    @property
    def samples(self) -> Samples:
        """All that are held, (time, streams, channels)."""
        return self._room[self._begin : self._end]

    def append(self, new: Samples) -> None:
        """Add samples at the end."""
        if len(new) > len(self._room) - self._end:
            self._move(len(self) + max(len(self), len(new)))
        self._room[self._end : self._end + len(new)] = new
        self._end += len(new)

    def drop(self, count: int) -> None:
        """Take samples away from the front, and give back memory where much is not used."""
        self._begin += count
        if len(self._room) > 4 * len(self):
            self._move(len(self))

    def _move(self, length: int) -> None:
        held = self.samples
        self._room = np.empty((length, *held.shape[1:]), held.dtype)
        self._room[: len(held)] = held
        self._begin, self._end = 0, len(held)
