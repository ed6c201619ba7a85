"""Window-parallel truncated backpropagation through time."""

from __future__ import annotations

from typing import final

import attrs
import torch
from torch import Tensor

from seqfit.fitting.engines.base import Engine, Outcome, Segment, sample_weights
from seqfit.fitting.losses import Loss
from seqfit.models.base import StreamModule, detach
from seqfit.models.resets import run, window_states
from seqfit.schedules import Update
from seqfit.states import State, rows


@final
@attrs.frozen
class WindowedEngine(Engine):
    """Runs all windows of an update side by side, as one batch.

    Between two updates the weights are fixed and the windows are cut from each other. So one
    pass without gradients gives the state before each window, and then all windows form one
    batch with one forward and one backward pass: the same gradient, to rounding, for any model.
    """

    name = "windowed"

    def accumulate(self, module: StreamModule, loss: Loss, segment: Segment) -> Outcome:
        objective, recorded, state = accumulate(module, loss, segment)
        return Outcome(recorded.item(), objective.item(), state)


def accumulate(module: StreamModule, loss: Loss, segment: Segment) -> tuple[Tensor, Tensor, State]:
    """Add the gradient of a segment's loss, without waiting for any number of it.

    Returns:
        The loss of the update, the mean loss over its new samples, and the state after it.
    """
    x, y, reset, update = segment.x, segment.y, segment.reset, segment.update
    time, streams = x.shape[:2]
    window = min(update.window, time)
    whole = time // window * window  # samples in whole windows; the rest is one shorter window
    states = segment.state
    if time > window:
        states = window_states(module, x, states, window, reset)
    batch = whole // window * streams
    losses, after = _run(
        module,
        loss,
        _side_by_side(x[:whole], window),
        _side_by_side(y[:whole], window),
        rows(states, 0, batch),
        None if reset is None else _side_by_side(reset[:whole], window),
    )  # (window, windows * streams, outputs)
    parts = [losses.reshape(window, whole // window, -1)]
    state = rows(after, batch - streams, batch)
    if whole < time:
        rest = rows(states, batch, batch + streams)
        anew = None if reset is None else reset[whole:]
        losses, state = _run(module, loss, x[whole:], y[whole:], rest, anew)
        parts.append(losses.reshape(time - whole, 1, -1))
    if update.washout == update.lookback == 0 and segment.live == streams:
        objective, recorded = _alike(parts, update)
    else:
        objective, recorded = _weighted(parts, update, segment.live / streams)
    objective.backward()
    return objective.detach(), recorded.detach(), detach(state)


def _side_by_side(samples: Tensor, window: int) -> Tensor:
    """(windows * window, streams, ...) to (window, windows * streams, ...)."""
    if len(samples) == window:
        return samples
    windows = samples.reshape(-1, window, *samples.shape[1:])
    return windows.transpose(0, 1).flatten(1, 2)


def _run(
    module: StreamModule, loss: Loss, x: Tensor, y: Tensor, state: State, reset: Tensor | None
) -> tuple[Tensor, State]:
    prediction, state = run(module, x, state, reset)
    return loss(prediction, y), state


def _alike(parts: list[Tensor], update: Update) -> tuple[Tensor, Tensor]:
    """The loss of an update of which every sample is new, and its mean over the samples.

    What `_weighted` gives, with fewer and smaller operations: short updates are all overhead.

    Args:
        parts: losses of the whole windows, and of the rest if there is one, each of shape
            (window, windows, streams * outputs).
        update: how they are weighted.
    """
    sums = [losses.sum() for losses in parts]
    time = update.length if update.reduction == "mean" else None
    weighted = [
        total / ((time or len(losses)) * losses.shape[2])
        for total, losses in zip(sums, parts, strict=True)
    ]
    count = sum(losses.numel() for losses in parts)
    return sum(weighted[1:], weighted[0]), sum(sums[1:], sums[0]) / count


def _weighted(parts: list[Tensor], update: Update, live: float) -> tuple[Tensor, Tensor]:
    """The loss of any update, and its mean over the new samples of the live streams.

    Args:
        parts: as for `_alike`.
        update: how they are weighted.
        live: share of the streams that are live; they come first.
    """
    by_sample = torch.cat([losses.transpose(0, 1).flatten(0, 1) for losses in parts])
    weights = sample_weights(update, by_sample.dtype, by_sample.device)
    recorded = by_sample[update.lookback :, : round(by_sample.shape[1] * live)]
    return (by_sample.mean(dim=1) * weights).sum(), recorded.mean()
