"""The interface of engines: how the gradient of an update is computed."""

from __future__ import annotations

import abc
import functools
from typing import final

import attrs
import torch
from torch import Tensor

from seqfit.fitting.losses import Loss
from seqfit.models.base import StreamModule
from seqfit.schedules import Update
from seqfit.states import State


@final
@attrs.frozen
class Segment:
    """The samples of an update: `lookback` earlier ones, then the new ones.

    Attributes:
        x: inputs, (time, streams, inputs).
        y: what should come out, (time, streams, outputs).
        state: the model's state before them.
        update: how they are cut into windows and weighted; its `span` is the time.
        live: leading streams that run here for the first time; those after them are replayed.
        reset: before which samples a stream starts anew, bool, (time, streams), see
            `seqfit.models.resets`; None where none does.
    """

    x: Tensor
    y: Tensor
    state: State
    update: Update
    live: int
    reset: Tensor | None = None


@final
@attrs.frozen
class Outcome:
    """What is left when a segment has been run through.

    Attributes:
        loss: mean loss over the new samples, those of the live streams.
        objective: the loss of the update, of which the gradient was taken.
        state: the model's state after all streams, without gradient.
    """

    loss: float
    objective: float
    state: State


@final
@attrs.frozen
class Run:
    """Successive updates that are all the same, on samples before which no stream starts anew.

    Attributes:
        x: inputs, (time, streams, inputs).
        y: what should come out, (time, streams, outputs).
        boundaries: positions in `x` between earlier updates, oldest first, each with the model's
            state there; the first update begins at the last of them, and all that it looks back
            on lies after the first.
        update: how each update's samples are cut into windows and weighted.
        count: number of updates, at least 1; `x` holds the samples of all of them.
        keep: of how many updates, the last ones, the states after them are wanted.
    """

    x: Tensor
    y: Tensor
    boundaries: list[tuple[int, State]]
    update: Update
    count: int
    keep: int


@final
@attrs.frozen
class RunOutcome:
    """What is left of a run of updates.

    Attributes:
        losses: mean loss over the new samples of each update that was made.
        states: the model's states after the last of them.
        failure: why the next one was not made; None where all were.
    """

    losses: list[float]
    states: list[State]
    failure: str | None = None


class Engine(abc.ABC):
    """Runs the model through a segment and computes gradients; all engines agree to rounding."""

    name: str

    @property
    def is_prepared(self) -> bool:
        """Whether the next call can start at once: nothing has to be compiled."""
        return True

    @abc.abstractmethod
    def accumulate(self, module: StreamModule, loss: Loss, segment: Segment) -> Outcome:
        """Add the gradient of the segment's loss to the ``grad`` of the parameters.

        Args:
            module: the model; its parameters' ``grad`` is None or what has been added up so far.
            loss: an elementwise loss, see `seqfit.fitting.losses`.
            segment: the samples.
        """


@functools.lru_cache(maxsize=64)
def sample_weights(update: Update, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Weight of each sample of a segment in the loss of its update.

    Returns:
        Tensor of shape (time,); zero in the washout.
    """
    time = update.span
    scored = (torch.arange(time) >= update.washout).double()
    if update.reduction == "mean":
        weights = scored / scored.sum()
    else:
        in_window = [window / window.sum().clamp(min=1) for window in scored.split(update.window)]
        weights = torch.cat(in_window)
    return weights.to(device=device, dtype=dtype)
