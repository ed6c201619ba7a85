"""Learning again from what went by."""

from __future__ import annotations

from typing import final

import attrs

from seqfit.randomness import uniforms
from seqfit.schedules.base import Progress, Update, UpdateSchedule
from seqfit.states import State
from seqfit.validators import must, positive_int, seed


@final
@attrs.frozen
class Replay(UpdateSchedule):
    """Beside the segment of each update, segments drawn from the stream's recent past.

    One pass over a stream forgets what it saw first and learns from neighbouring samples, which
    are alike. Here each update also runs through `passes` earlier segments, drawn at random from
    the last `capacity` samples, each from the state that the model had there last. Where
    segments don't overlap, each sample is so gone through `passes` times more, on average.

    References:
        Lin (1992), "Self-improving reactive agents based on reinforcement learning, planning and
        teaching": experience replay. Kapturowski et al. (2019), "Recurrent experience replay in
        distributed reinforcement learning": on stored states.

    Attributes:
        inner: says when an update is made, and how long its segment is.
        capacity: samples of each stream that are kept to be replayed.
        passes: earlier segments in each update.
        seed: of the draws.
    """

    inner: UpdateSchedule = attrs.field(
        validator=must("an update schedule", lambda v: isinstance(v, UpdateSchedule))
    )
    capacity: int = attrs.field(default=100_000, validator=positive_int)
    passes: int = attrs.field(default=1, validator=positive_int)
    seed: int = attrs.field(default=0, validator=seed)
    streams: int = attrs.field(init=False, eq=False, repr=False)
    history: int = attrs.field(init=False, eq=False, repr=False)

    @streams.default
    def _as_many_as_inner(self) -> int:
        return getattr(self.inner, "streams", 1)  # what is no schedule is refused after this

    @history.default
    def _far_enough(self) -> int:
        return max(self.capacity, getattr(self.inner, "history", 0))

    def start(self) -> State:
        return self.inner.start()

    def next_update(self, state: State, progress: Progress) -> tuple[Update, State]:
        update, state = self.inner.next_update(state, progress)
        if update.span > self.capacity:
            raise ValueError(
                f"capacity must be at least the {update.span} samples of an update's segment, "
                f"got {self.capacity}"
            )
        # Begins are whole updates apart, where states are kept.
        newest = progress.position - update.span
        begins = (newest - max(progress.position - self.capacity, 0)) // update.length + 1
        if begins < 1:
            return update, state
        draws = uniforms(self.seed, 1, progress.updates, 1, self.passes)[0, 0]  # (passes,)
        replays = tuple(newest - int(draw * begins) * update.length for draw in draws)
        return attrs.evolve(update, replays=(*update.replays, *replays)), state
