"""How far a fit has come: all that changes in a fitter."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import final

import attrs
import torch
from torch import Tensor

from seqfit.computing import computing
from seqfit.fitting.callbacks import StopFitting
from seqfit.fitting.ranks import Ranks
from seqfit.fitting.source import SampleSource
from seqfit.fitting.training import Training
from seqfit.randomness import CHANCE, derived_seed
from seqfit.states import State
from seqfit.streams import Axes, join, leaves, take


@final
@attrs.define
class Course:
    """All that changes while a fitter fits.

    Attributes:
        streams: number of streams that run side by side.
        chance: state of torch's random generator before the next update, for modules that draw
            from it, as dropout does.
        training: the learner and the samples that wait for it; None before the first.
        source: where samples come from; None where they are given.
        asked: samples over all streams that were asked for.
        generated: samples of each stream that the source has given.
        given: samples of each stream that the user has given.
        seconds: time spent, without that of a fit in progress.
        samples_timed: samples over all streams that were fitted in that time.
        began: when a fit in progress began, and at which position; None where none is.
        was_stopped: whether a callback ended the last one.
    """

    streams: int = 1
    chance: Tensor = attrs.field(factory=torch.get_rng_state)
    training: Training | None = None
    source: SampleSource | None = None
    asked: int = 0
    generated: int = 0
    given: int = 0
    seconds: float = 0.0
    samples_timed: int = 0
    began: tuple[float, int] | None = None
    was_stopped: bool = False

    @property
    def spent(self) -> tuple[float, int]:
        """Seconds spent, and samples over all streams that were fitted in that time."""
        if self.began is None or self.training is None:
            return self.seconds, self.samples_timed
        seconds = time.perf_counter() - self.began[0]
        samples = (self.training.buffer.position - self.began[1]) * self.streams
        return self.seconds + seconds, self.samples_timed + samples

    def begin(self, streams: int, seed: int) -> None:
        """Go to the place before the first sample."""
        self.streams = streams
        self.chance = torch.Generator().manual_seed(derived_seed(seed, CHANCE)).get_state()

    @contextlib.contextmanager
    def running(self, threads: int) -> Iterator[None]:
        """Fit meanwhile; a `StopFitting` ends it without an error."""
        training = self.training
        assert training is not None  # nobody fits without
        self.began, self.was_stopped = (time.perf_counter(), training.buffer.position), False
        try:
            with computing(threads), torch.random.fork_rng(devices=[]):
                torch.set_rng_state(self.chance)
                try:
                    yield
                finally:
                    self.chance = torch.get_rng_state()
        except BaseException as error:
            self.asked = self._fitted(training)
            self.was_stopped = isinstance(error, StopFitting)
            if not self.was_stopped:
                raise
        finally:
            self.seconds, self.samples_timed = self.spent
            self.began = None

    def state(self) -> State:
        """All that decides how the fit goes on, as a state tree, even in the middle of a fit."""
        training, source = self.training, self.source
        assert training is not None  # nobody saves without
        is_running = self.began is not None
        return {
            "training": training.state(),
            "signal_state": None if source is None else source.signal_state,
            "target_state": None if source is None else source.target_state,
            "asked": self._fitted(training) if is_running else self.asked,
            "generated": self.generated,
            "given": self.given,
            "chance": torch.get_rng_state() if is_running else self.chance,
        }

    def gathered(self, ranks: Ranks) -> State:
        """The `state` of all streams, on the first rank; the others only hand in theirs."""
        own = self.state()
        if ranks.count == 1:
            return own
        axes = self._stream_axes(own)
        parts = ranks.gather(leaves(own, axes))
        return join(own, axes, parts) if parts else None

    def restore(self, state: State, ranks: Ranks) -> None:
        """Go on from what `state` or `gathered` gave; the training is there already."""
        training, source = self.training, self.source
        assert training is not None  # begun by whoever restores
        found = state["training"]
        if ranks.count > 1:
            own, axes = ranks.share(self.streams), training.stream_axes(found)
            found = take(found, axes, own, self.streams)
        training.restore(found)
        if source is not None:
            source.go_on_from(state["signal_state"], state["target_state"])
        self.asked, self.generated = state["asked"], state["generated"]
        self.given, self.chance = state["given"], state["chance"]

    def _stream_axes(self, state: State) -> Axes:
        source = self.source
        signal, target = (None, None) if source is None or source.axes is None else source.axes
        training = Training.stream_axes(state["training"])
        return {"training": training, "signal_state": signal, "target_state": target}

    def _fitted(self, training: Training) -> int:
        """Samples asked for and fitted: what was asked for beside is not made up for later."""
        return max(training.buffer.position - self.given, 0) * self.streams
