"""Schedules whose updates are made of new samples alone."""

from __future__ import annotations

from typing import final

import attrs

from seqfit.schedules.base import Progress, Update, UpdateSchedule, require_phase
from seqfit.states import State
from seqfit.validators import positive_int


@final
@attrs.frozen
class EveryWindow(UpdateSchedule):
    """An update after every window: the schedule of the 2017 question.

    Attributes:
        window: samples in a window, the truncation length.
        phase: samples in the first window where it is shorter; 0 makes it a whole one. The 2017
            loop, which tests ``index % 2 == 0``, has the phase 1.
        streams: number of streams that run side by side.
    """

    window: int = attrs.field(default=2, validator=positive_int)
    phase: int = attrs.field(default=0, validator=require_phase("window"))
    streams: int = attrs.field(default=1, validator=positive_int)

    def start(self) -> State:
        return None

    def next_update(self, state: State, progress: Progress) -> tuple[Update, State]:
        first = progress.position == 0 and self.phase
        return Update(length=self.phase if first else self.window, window=self.window), state

    def repeats(self, progress: Progress) -> bool:
        return progress.position > 0 or not self.phase


@final
@attrs.frozen
class Accumulate(UpdateSchedule):
    """Gradients of many short windows, added up for one update: the 2017 answer.

    Attributes:
        window: samples in a window, the truncation length.
        every: samples from update to update; where `window` does not divide it, the last window
            of an update is shorter.
        phase: samples in the first update where it is shorter; 0 makes it a whole one. The 2017
            loop, which tests ``index % 50 == 0``, has the phase 1.
        streams: number of streams that run side by side.
    """

    window: int = attrs.field(default=2, validator=positive_int)
    every: int = attrs.field(default=50, validator=positive_int)
    phase: int = attrs.field(default=0, validator=require_phase("every"))
    streams: int = attrs.field(default=1, validator=positive_int)

    def __attrs_post_init__(self) -> None:
        if self.window > self.every:
            raise ValueError(f"window must not exceed every={self.every}, got {self.window}")

    def start(self) -> State:
        return None

    def next_update(self, state: State, progress: Progress) -> tuple[Update, State]:
        first = progress.position == 0 and self.phase
        length = self.phase if first else self.every
        return Update(length=length, window=self.window, reduction="sum"), state

    def repeats(self, progress: Progress) -> bool:
        return progress.position > 0 or not self.phase
