"""Schedules that each break one law, and correct ones that are as plain as can be."""

import attrs
import pytest
from hypothesis import strategies as st

from seqfit.schedules import Update, UpdateSchedule
from seqfit.testing import LawViolation, check_schedule


@attrs.frozen
class Pairs(UpdateSchedule):
    """Correct: always two samples."""

    window: int = 2

    def start(self):
        return None

    def next_update(self, state, progress):
        return Update(length=2, window=self.window), state


class Singles(UpdateSchedule):
    """Correct: no attrs, no fields."""

    def start(self):
        return ()

    def next_update(self, state, progress):
        return Update(length=1, window=1), state


class GrowsWhenTheLossIsSmall(Singles):
    """Correct: adapts, and keeps what it must remember in its state."""

    history = 5

    def start(self):
        return {"length": 1}

    def next_update(self, state, progress):
        length = state["length"] + (1 if progress.loss < 1 else 0)
        lookback = min(self.history, progress.position)
        return Update(length=length, window=4, lookback=lookback), {"length": length}


def forced(**fields):
    update = Update(length=4, window=2)
    for name, value in fields.items():
        object.__setattr__(update, name, value)
    return update


class SkipsASample(Singles):
    history = 2

    def next_update(self, state, progress):
        lookback = min(2, progress.position)
        return forced(lookback=lookback, washout=lookback + 1), state


class TakesNothing(Singles):
    def next_update(self, state, progress):
        return forced(length=0), state


class AsksForAWashoutThatIsRefused(Singles):
    def next_update(self, state, progress):
        return Update(length=4, window=2, washout=1 if progress.updates > 2 else 0), state


class GivesANumber(Singles):
    def next_update(self, state, progress):
        return 2, state


class CountsCallsInItself(Singles):
    def __init__(self):
        self.calls = 0

    def next_update(self, state, progress):
        self.calls += 1
        return Update(length=1 + self.calls % 3, window=1), state


class RemembersTheLastLossInItsClass(Singles):
    last = 0.0

    def next_update(self, state, progress):
        update = Update(length=1 + int(self.last), window=1)
        type(self).last = progress.loss if progress.updates else 0.0
        return update, state


class MutatesItsState(GrowsWhenTheLossIsSmall):
    def next_update(self, state, progress):
        state["length"] += 1
        return Update(length=state["length"], window=4), state


class LooksBackBeforeTheStart(Singles):
    history = 7

    def next_update(self, state, progress):
        return Update(length=3, window=2, lookback=7), state


class LooksBackBeyondItsHistory(Singles):
    history = 7

    def next_update(self, state, progress):
        return Update(length=3, window=2, lookback=min(progress.position, 8)), state


class KeepsASet(Singles):
    def start(self):
        return {1, 2}


class KeysComeBackAsText(Singles):
    """A state whose keys are neither str nor int."""

    def start(self):
        return {1.5: 0}


class NoStreams(Singles):
    streams = 0


class NegativeHistory(Singles):
    history = -1


class FailsInTheEnd(Singles):
    def next_update(self, state, progress):
        return Update(length=1 // (progress.position < 20), window=1), state


@attrs.frozen
class Unwritable(Pairs):
    weights: object = attrs.field(factory=lambda: (1.0, 2.0))


class TestCorrectSchedules:
    @pytest.mark.parametrize("schedule", [Pairs(), Singles(), GrowsWhenTheLossIsSmall()])
    def test_pass(self, schedule):
        check_schedule(schedule)

    def test_may_be_drawn_from_a_strategy(self):
        check_schedule(st.builds(Pairs, window=st.integers(1, 9)))


@pytest.mark.parametrize(
    ("law", "schedule"),
    [
        ("coverage", SkipsASample()),
        ("coverage", TakesNothing()),
        ("coverage", AsksForAWashoutThatIsRefused()),
        ("coverage", GivesANumber()),
        ("coverage", FailsInTheEnd()),
        ("determinism", CountsCallsInItself()),
        ("determinism", RemembersTheLastLossInItsClass()),
        ("purity", MutatesItsState()),
        ("lookback", LooksBackBeforeTheStart()),
        ("lookback", LooksBackBeyondItsHistory()),
        ("state round trip", KeepsASet()),
        ("state round trip", KeysComeBackAsText()),
        ("declarations", NoStreams()),
        ("declarations", NegativeHistory()),
        ("configuration", Unwritable()),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_broken_schedule_is_rejected_by_its_law(law, schedule):
    with pytest.raises(LawViolation) as caught:
        check_schedule(schedule)
    assert caught.value.law == law, str(caught.value)


def test_a_class_that_takes_bad_arguments_is_rejected():
    with pytest.raises(LawViolation, match=r"validation: Pairs\(window=0\) raised neither"):
        check_schedule(Pairs(), bad_arguments=[{"window": 0}])
