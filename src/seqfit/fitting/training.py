"""The course of a fit: everything that changes while it runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import final

import attrs
import numpy as np
import torch

from seqfit.fitting.buffer import SampleBuffer
from seqfit.fitting.curve import LossCurve
from seqfit.fitting.engines import Run, Segment
from seqfit.fitting.experiment import Experiment
from seqfit.fitting.learner import DivergedError, Learner
from seqfit.fitting.ranks import Ranks
from seqfit.fitting.resets import Resets
from seqfit.fitting.samples import Samples
from seqfit.fitting.solving import begin_learner
from seqfit.models.base import detach
from seqfit.models.resets import run
from seqfit.randomness import CHANCE, derived_seed
from seqfit.schedules.base import Progress, Update
from seqfit.states import State, map_together, rows
from seqfit.streams import Axes


@final
@attrs.define
class Training:
    """A learner, the samples that wait for it, and how far it has come.

    Attributes:
        learner: the module that is fitted, and its optimizer.
        buffer: samples of this rank's streams that wait or may be looked back on.
        schedule_state: the schedule's state before the next update.
        updates: updates made.
        replayed: samples of each stream that updates went through once more.
        missing: outputs, over all streams, that were missing in what updates have taken.
        loss: mean loss over the new samples of the last update; NaN before it.
        curve: the course of the loss.
        ranks: the processes that fit together.
    """

    learner: Learner
    buffer: SampleBuffer
    schedule_state: State
    updates: int = 0
    replayed: int = 0
    missing: int = 0
    loss: float = math.nan
    curve: LossCurve = attrs.field(factory=LossCurve)
    ranks: Ranks = attrs.field(factory=Ranks)

    @classmethod
    def begin(cls, experiment: Experiment, inputs: int, outputs: int, ranks: Ranks) -> Training:
        """A training before its first sample."""
        learner = begin_learner(experiment, inputs, outputs, ranks)
        streams = len(ranks.share(experiment.schedule.streams))
        state = detach(learner.module.start(streams))
        buffer = SampleBuffer.empty(streams, inputs, outputs, experiment.dtype, state)
        return cls(learner, buffer, experiment.schedule.start(), ranks=ranks)

    def append(self, x: Samples, y: Samples, resets: Resets) -> None:
        """Take in samples that follow those taken in before.

        Args:
            x: inputs of this rank's streams, (time, streams, inputs).
            y: what should come out, (time, streams, outputs).
            resets: where among them streams start anew.

        Raises:
            ValueError: streams start anew, and the learner can't do that.
        """
        if self.buffer.position == self.buffer.waiting == 0:
            resets.drop_before(1)  # they start there as it is
        if resets.positions and not self.learner.takes_resets:
            raise ValueError(
                f"{self.learner.method} needs streams that run on from their start, got a reset at "
                f"time {resets.positions[0]}; use an optimizer of torch for streams that start anew"
            )
        self.buffer.append(x, y, resets)

    def advance(
        self,
        experiment: Experiment,
        until: int,
        after_update: Callable[[], None],
        one_by_one: bool = True,
    ) -> None:
        """Make every update for which the samples before a position are enough.

        Args:
            experiment: what is fitted.
            until: the position.
            after_update: called after each update.
            one_by_one: whether that is wanted; otherwise it may be called after many.

        Raises:
            DivergedError: a loss, gradient or weight was not finite.
            ValueError: the schedule asked for samples that it may not look back on.
        """
        buffer, schedule = self.buffer, experiment.schedule
        until = min(until, buffer.end)
        device = experiment.device
        inputs = torch.from_numpy(buffer.x).to(device)  # (time, streams, inputs)
        outputs = torch.from_numpy(buffer.y).to(device)  # (time, streams, outputs)
        while True:
            progress = Progress(position=buffer.position, updates=self.updates, loss=self.loss)
            update, schedule_state = schedule.next_update(self.schedule_state, progress)
            _require_possible(update, schedule.history, progress)
            if buffer.position + update.length > until:
                break
            count = 1
            if not one_by_one and schedule.repeats(progress):
                count = (until - buffer.position) // update.length
            self._draw_apart(experiment.seed)
            try:
                losses, states = self._learn(inputs, outputs, update, count, schedule.history)
            except DivergedError as error:
                raise DivergedError(self._where_diverged(error)) from None
            if experiment.missing == "mask":
                losses = self._of_what_is_there(losses, update.length, schedule.streams)
            self.curve.extend(buffer.position, update.length, losses)
            self.loss = next((loss for loss in reversed(losses) if loss == loss), self.loss)
            buffer.advance(update.length, len(losses), states, schedule.history)
            self.schedule_state = schedule_state
            self.updates += len(losses)
            self.replayed += len(losses) * (update.lookback + update.span * len(update.replays))
            after_update()
        buffer.drop_past()
        try:
            self.learner.check_weights()
        except DivergedError as error:
            raise DivergedError(self._where_diverged(error)) from None

    def state(self) -> State:
        """All of it as a state tree."""
        return {
            "learner": self.learner.state(),
            "buffer": self.buffer.state(),
            "schedule_state": self.schedule_state,
            "updates": self.updates,
            "replayed": self.replayed,
            "missing": self.missing,
            "loss": self.loss,
            "curve": attrs.asdict(self.curve),
        }

    @staticmethod
    def stream_axes(state: State) -> Axes:
        """Where the streams lie in its `state`."""
        return {"buffer": SampleBuffer.stream_axes(state["buffer"])}

    def restore(self, state: State) -> None:
        """Go on from what `state` gave."""
        self.learner.restore(state["learner"])
        self.buffer = SampleBuffer.restored(state["buffer"], self._device)
        self.schedule_state = state["schedule_state"]
        self.updates, self.replayed = state["updates"], state["replayed"]
        self.missing = state.get("missing", 0)
        self.loss = state["loss"]
        self.curve = LossCurve(**state["curve"])

    def _of_what_is_there(self, losses: list[float], length: int, streams: int) -> list[float]:
        """Mean losses of updates over the outputs that are not missing; NaN where all are.

        Counts what is missing.

        Args:
            losses: means over all outputs, of which missing ones are 0.
            length: new samples of each of these updates.
            streams: how many run on all ranks.
        """
        first = self.buffer.position - self.buffer.first
        y = self.buffer.y[first : first + length * len(losses)]
        there = ~np.isnan(y).reshape(len(losses), -1)
        shares = there.mean(axis=1)
        if self.ranks.count > 1:
            shares *= y.shape[1] / streams
            self.ranks.sum(torch.from_numpy(shares))
        self.missing += round(float((1 - shares).sum()) * length * streams * y.shape[2])
        return [
            loss / share if share else math.nan
            for loss, share in zip(losses, shares.tolist(), strict=True)
        ]

    def _learn(
        self, inputs: torch.Tensor, outputs: torch.Tensor, update: Update, count: int, history: int
    ) -> tuple[list[float], list[State]]:
        """Make an update, or as many of its kind as can be made at a time.

        Returns:
            Losses of the updates made, and the states after the last of them.
        """
        buffer = self.buffer
        begin = buffer.position - update.lookback
        if not update.replays:
            boundaries = [(at - buffer.first, state) for at, state in buffer.since(begin)]
            keep = history // update.length + 2
            anew = buffer.resets.next_from(buffer.first + boundaries[0][0])
            if anew is not None:
                count = min(count, (anew - buffer.position) // update.length)
            ahead = None
            if count > 0:
                ahead = self.learner.learn_ahead(
                    Run(inputs, outputs, boundaries, update, count, keep)
                )
            if ahead is not None:
                return ahead.losses, ahead.states
        begins = (begin, *update.replays)
        spans = [slice(at - buffer.first, at - buffer.first + update.span) for at in begins]
        reset = self._resets_of(begins, update.span)
        x = torch.cat([inputs[span] for span in spans], dim=1)
        y = torch.cat([outputs[span] for span in spans], dim=1)
        before = [self._state_at(at, inputs) for at in begins]
        state = map_together(lambda *tensors: torch.cat(tensors), before)
        streams = inputs.shape[1]
        segment = Segment(x, y, state, update, streams, reset)
        outcome = self.learner.learn(segment)
        if update.replays:
            self._refresh(begins, segment)
        return [outcome.loss], [rows(outcome.state, 0, streams)]

    def _resets_of(self, begins: tuple[int, ...], span: int) -> torch.Tensor | None:
        """Where streams start anew in segments side by side, (span, segments * streams)."""
        resets, device = self.buffer.resets, self._device
        masks = [resets.between(at, at + span, device) for at in begins]
        if all(mask is None for mask in masks):
            return None
        none = torch.zeros(span, self.buffer.x.shape[1], dtype=torch.bool, device=device)
        return torch.cat([none if mask is None else mask for mask in masks], dim=1)

    def _refresh(self, begins: tuple[int, ...], segment: Segment) -> None:
        """Find anew the states that the model now has after the first samples of segments."""
        length, live, reset = segment.update.length, segment.live, segment.reset
        with torch.no_grad():
            _, after = run(
                self.learner.module,
                segment.x[:length],
                segment.state,
                None if reset is None else reset[:length],
            )
        for i, begin in enumerate(begins):
            self.buffer.refresh(begin + length, rows(after, i * live, (i + 1) * live))

    def _state_at(self, position: int, inputs: torch.Tensor) -> State:
        """The model's state at a position, run on from the boundary before it."""
        boundary, state = self.buffer.boundary_before(position)
        if boundary < position:
            between = slice(boundary - self.buffer.first, position - self.buffer.first)
            reset = self.buffer.resets.between(boundary, position, self._device)
            with torch.no_grad():
                _, state = run(self.learner.module, inputs[between], state, reset)
        return detach(state)

    def _draw_apart(self, seed: int) -> None:
        """Let each rank's module draw other numbers, those of this update, if it draws any."""
        if self.ranks.count > 1:
            own = derived_seed(seed, CHANCE, self.updates, self.ranks.number)
            torch.default_generator.manual_seed(own)

    @property
    def _device(self) -> torch.device:
        return next(self.learner.module.parameters()).device

    def _where_diverged(self, error: DivergedError) -> str:
        return (
            f"the fit diverged at update {self.updates + 1}, after {self.buffer.position} samples "
            f"of each stream: {error}; the weights before it are kept. Try a lower learning rate "
            "or clip gradients"
        )


def _require_possible(update: Update, history: int, progress: Progress) -> None:
    limit = min(history, progress.position)
    if update.lookback > limit:
        raise ValueError(
            f"the schedule asks to look back {update.lookback} samples at position "
            f"{progress.position}, but its history is {history}"
        )
    oldest, newest = progress.position - limit, progress.position - update.span
    for begin in update.replays:
        if not oldest <= begin <= newest:
            raise ValueError(
                f"the schedule asks to replay {update.span} samples from position {begin} on; at "
                f"position {progress.position}, with a history of {history}, a replay may begin "
                f"from {oldest} to {newest}"
            )
