"""The course of the loss, in bounded memory."""

from __future__ import annotations

from typing import final

import attrs

CAPACITY = 1024


@final
@attrs.define
class LossCurve:
    """Mean losses over stretches of equally many updates.

    When there are more than `CAPACITY` stretches, each two neighbours are merged, so that a long
    fit needs no more memory than a short one.

    Attributes:
        stride: updates in a stretch.
        samples: samples of each stream that had been taken at the end of each stretch.
        losses: mean loss over each stretch.
        pending: sum and number of the losses in the stretch that is not full yet.
    """

    stride: int = 1
    samples: list[int] = attrs.field(factory=list)
    losses: list[float] = attrs.field(factory=list)
    pending: tuple[float, int] = (0.0, 0)

    def add(self, position: int, loss: float) -> None:
        """Record the loss of an update that ended at a position."""
        total, count = self.pending[0] + loss, self.pending[1] + 1
        if count < self.stride:
            self.pending = (total, count)
            return
        self.pending = (0.0, 0)
        self.samples.append(position)
        self.losses.append(total / count)
        if len(self.losses) > CAPACITY:
            self.stride *= 2
            odd = len(self.losses) % 2
            if odd:  # the newest has no neighbour yet
                self.pending = (self.losses.pop() * count, count)
                self.samples.pop()
            pairs = zip(self.losses[::2], self.losses[1::2], strict=True)
            self.losses = [(a + b) / 2 for a, b in pairs]
            self.samples = self.samples[1::2]

    def recent(self, stretches: int = 10) -> float:
        """Mean loss over the last stretches; NaN before the first update."""
        newest = self.losses[-stretches:]
        if not newest:
            return self.pending[0] / self.pending[1] if self.pending[1] else float("nan")
        return sum(newest) / len(newest)
