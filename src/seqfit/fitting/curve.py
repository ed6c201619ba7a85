"""The course of the loss, in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
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

    def extend(self, position: int, length: int, losses: Sequence[float]) -> None:
        """Record the losses of successive updates; one that is not a number is left out.

        Args:
            position: where the first of them began.
            length: samples of each stream that each of them took.
            losses: one for each update.
        """
        total, count = self.pending
        for loss in losses:
            position += length
            if loss != loss:
                continue
            total, count = total + loss, count + 1
            if count >= self.stride:
                total, count = self._end_stretch(position, total, count)
        self.pending = (total, count)

    def _end_stretch(self, position: int, total: float, count: int) -> tuple[float, int]:
        """Record a stretch; returns what is pending behind it."""
        self.samples.append(position)
        self.losses.append(total / count)
        total, pending = 0.0, 0
        if len(self.losses) > CAPACITY:
            self.stride *= 2
            if len(self.losses) % 2:  # the newest has no neighbour yet
                total, pending = self.losses.pop() * count, count
                self.samples.pop()
            pairs = zip(self.losses[::2], self.losses[1::2], strict=True)
            self.losses = [(a + b) / 2 for a, b in pairs]
            self.samples = self.samples[1::2]
        return total, pending

    def recent(self, stretches: int = 10) -> float:
        """Mean loss over the last stretches; NaN before the first update."""
        newest = self.losses[-stretches:]
        if not newest:
            return self.pending[0] / self.pending[1] if self.pending[1] else float("nan")
        return sum(newest) / len(newest)
