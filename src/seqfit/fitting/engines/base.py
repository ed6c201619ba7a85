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
        update: how they are cut into windows and weighted; its `lookback` and `length` add up
            to the time.
    """

    x: Tensor
    y: Tensor
    state: State
    update: Update


@final
@attrs.frozen
class Outcome:
    """What is left when a segment has been run through.

    Attributes:
        loss: mean loss over the new samples.
        state: the model's state after them, without gradient.
    """

    loss: float
    state: State


class Engine(abc.ABC):
    """Runs the model through a segment and computes gradients; all engines agree to rounding."""

    name: str

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
    time = update.lookback + update.length
    scored = (torch.arange(time) >= update.washout).double()
    if update.reduction == "mean":
        weights = scored / scored.sum()
    else:
        in_window = [window / window.sum().clamp(min=1) for window in scored.split(update.window)]
        weights = torch.cat(in_window)
    return weights.to(device=device, dtype=dtype)
