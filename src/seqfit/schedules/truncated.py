"""Truncated backpropagation through time with overlapping windows."""

from __future__ import annotations

from typing import Literal, final

import attrs

from seqfit.schedules.base import Progress, Update, UpdateSchedule
from seqfit.states import State
from seqfit.validators import one_of, positive_int


@final
@attrs.frozen
class TruncatedBPTT(UpdateSchedule):
    """Every `k1` samples an update whose gradient flows back `k2` samples.

    Where `k2` exceeds `k1`, the update runs once more through the ``k2 - k1`` samples before the
    new ones; where `k1` exceeds `k2`, windows of `k2` tile the new samples.

    References:
        Williams and Peng (1990), "An efficient gradient-based algorithm for on-line training of
        recurrent network trajectories": their BPTT(k2; k1).

    Attributes:
        k1: new samples in an update.
        k2: truncation length, how many samples a gradient flows back.
        loss_on: ``"new"`` takes the loss of the new samples alone, as the paper does; ``"all"``
            that of the whole window, so that a sample is learned from k2 / k1 times.
        streams: number of streams that run side by side.
    """

    k1: int = attrs.field(default=10, validator=positive_int)
    k2: int = attrs.field(default=50, validator=positive_int)
    loss_on: Literal["new", "all"] = attrs.field(default="new", validator=one_of("new", "all"))
    streams: int = attrs.field(default=1, validator=positive_int)
    history: int = attrs.field(init=False, eq=False, repr=False)

    @history.default
    def _overlap(self) -> int:
        return max(self.k2 - self.k1, 0)

    def start(self) -> State:
        return None

    def next_update(self, state: State, progress: Progress) -> tuple[Update, State]:
        lookback = min(self.history, progress.position)
        washout = lookback if self.loss_on == "new" else 0
        update = Update(length=self.k1, window=self.k2, lookback=lookback, washout=washout)
        return update, state

    def repeats(self, progress: Progress) -> bool:
        return progress.position >= self.history
