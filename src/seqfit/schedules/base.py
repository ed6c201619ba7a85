"""The interface of update schedules: when the model learns, and from which gradients."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any, Literal, final

import attrs

from seqfit.states import State
from seqfit.validators import is_int, natural, one_of, positive_int


def _positions(_update: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, tuple) or not all(is_int(p) and p >= 0 for p in value):
        raise ValueError(f"{attribute.name} must be a tuple of positions, got {value!r}")


def _scores_each_new_sample(update: Update, attribute: attrs.Attribute[Any], value: Any) -> None:
    natural(update, attribute, value)
    if value > update.lookback:
        raise ValueError(
            f"washout must not exceed lookback={update.lookback}, or new samples would be "
            f"left out of every loss, got {value!r}"
        )


@final
@attrs.frozen(kw_only=True)
class Update:
    """What one optimizer step is made of.

    The update takes the next `length` samples of every stream, and before them runs once more
    through the last `lookback` samples. Together they are its segment. Windows of `window`
    samples tile the segment from its first sample on (the last may be shorter); gradients flow
    within a window and are cut between windows.

    Earlier segments, as long as its own, may be replayed beside it: each stream then also runs
    through its own samples there, from the state that the model had there last. All segments
    count alike in the loss of the update. When it is made, the states `length` samples into the
    segments are found anew, for those that are replayed from there later.

    Attributes:
        length: new samples of each stream.
        window: truncation length, how many samples a gradient flows back.
        lookback: earlier samples that are run through again, with the present weights.
        washout: leading samples of the segment that are left out of the loss.
        reduction: ``"mean"`` takes the mean loss over the segment; ``"sum"`` adds up the mean
            losses of its windows.
        replays: positions at which the segments begin that are replayed.
    """

    length: int = attrs.field(validator=positive_int)
    window: int = attrs.field(validator=positive_int)
    lookback: int = attrs.field(default=0, validator=natural)
    washout: int = attrs.field(default=0, validator=_scores_each_new_sample)
    reduction: Literal["mean", "sum"] = attrs.field(default="mean", validator=one_of("mean", "sum"))
    replays: tuple[int, ...] = attrs.field(default=(), validator=_positions)

    @property
    def span(self) -> int:
        """Samples of a segment."""
        return self.lookback + self.length


@final
@attrs.frozen(kw_only=True)
class Progress:
    """How far a fit has come when the next update is asked for.

    Attributes:
        position: samples of each stream that earlier updates have taken.
        updates: updates made.
        loss: mean loss over the new samples of the last update, before it was made; NaN at first.
    """

    position: int
    updates: int
    loss: float


class UpdateSchedule(abc.ABC):
    """Says what each update consists of; an engine carries it out.

    Concrete schedules are final, frozen `attrs` classes: their fields are their configuration.
    They obey the laws of `seqfit.testing.check_schedule`: every sample is taken once and in
    order, and the same state and progress give the same update.

    Attributes:
        streams: number of streams that run side by side.
        history: the most samples that an update ever looks back.
    """

    __slots__ = ()

    streams: int = 1
    history: int = 0

    @abc.abstractmethod
    def start(self) -> State:
        """The state before the first update: a state tree, see `seqfit.states`."""

    @abc.abstractmethod
    def next_update(self, state: State, progress: Progress) -> tuple[Update, State]:
        """The next update, and the state after it.

        Args:
            state: from `start` or an earlier call; it is left as it was.
            progress: what has been done so far.

        Returns:
            update: its `lookback` is at most `progress.position` and at most `history`; what it
                replays was taken by earlier updates, the last `history` samples of them.
            state: the state after it.
        """

    def repeats(self, progress: Progress) -> bool:
        """Whether `next_update` gives the same from here on, whatever comes, its state too.

        An engine can then make many updates at a time. A schedule that does not say so is asked
        before each update.

        Args:
            progress: what has been done so far.
        """
        return False


def updates_within(schedule: UpdateSchedule, samples: int) -> int:
    """How many updates a schedule makes of some samples, counted over all streams.

    The first thousand updates are counted, the others follow from their mean length.
    """
    steps, position, updates, state = samples // schedule.streams, 0, 0, schedule.start()
    while updates < 1000:
        progress = Progress(position=position, updates=updates, loss=float("nan"))
        update, state = schedule.next_update(state, progress)
        if position + update.length > steps:
            return updates
        position, updates = position + update.length, updates + 1
    return steps * updates // position


def require_phase(length: str) -> Callable[[Any, attrs.Attribute[Any], Any], None]:
    """A validator of `phase`: samples in a first update shorter than the field `length`."""

    def validate(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        whole = getattr(instance, length)
        if not is_int(value) or not 0 <= value < whole:
            raise ValueError(
                f"{attribute.name} must be an int from 0 to {whole - 1}, less than "
                f"{length}={whole}, got {value!r}"
            )

    return validate
