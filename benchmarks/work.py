"""The work of the speed benchmark: a network, a schedule, samples, and what they cost at least."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.signals import RandomHold
from seqfit.targets import SaturatedIntegral

Samples = npt.NDArray[np.float32]


@final
@attrs.frozen
class Work:
    """Training of a GRU with a head of one hidden layer by Adam and the L1 loss.

    Attributes:
        title: what it is called.
        hidden: units of the GRU and of the head.
        streams: how many run side by side.
        window: samples through which a gradient flows back.
        every: samples of each stream from update to update.
        samples: samples over all streams that a slow contender takes at a time.
    """

    title: str
    hidden: int = 50
    streams: int = 1
    window: int = 2
    every: int = 50
    samples: int = 1_000

    @property
    def multiplications(self) -> int:
        """Multiplications of the forward pass of a sample."""
        gates = 3 * self.hidden * (1 + self.hidden)
        return gates + self.hidden * self.hidden + self.hidden

    @property
    def operations(self) -> int:
        """Floating-point operations of a sample in training: the way back costs twice as much."""
        return 3 * 2 * self.multiplications


def stream(work: Work, length: int) -> tuple[Samples, Samples]:
    """Inputs and outputs of the 2017 problem, (time, streams, 1)."""
    signal, target = RandomHold(), SaturatedIntegral()
    x, _ = signal.generate(signal.start(work.streams, seed=0), length)
    y, _ = target.transform(x, target.start(work.streams))
    return x, y
