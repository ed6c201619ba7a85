"""Window-parallel truncated backpropagation through time."""

from __future__ import annotations

from typing import final

import attrs
import torch
from torch import Tensor

from seqfit.fitting.engines.base import Engine, Outcome, Segment, sample_weights
from seqfit.fitting.losses import Loss
from seqfit.models.base import StreamModule, detach
from seqfit.states import State, map_arrays


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
        x, y, update = segment.x, segment.y, segment.update
        time, streams = x.shape[:2]
        window = min(update.window, time)
        whole = time // window * window  # samples in whole windows; the rest is one shorter window
        states = segment.state
        if time > window:
            states = module.window_states(x, states, window)
        weights = sample_weights(update, x.dtype, x.device)

        batch = whole // window * streams
        losses, states_after = _run(
            module,
            loss,
            _side_by_side(x[:whole], window),
            _side_by_side(y[:whole], window),
            map_arrays(lambda leaf: leaf[:batch], states),
        )  # (window, windows * streams, outputs)
        by_window = losses.reshape(window, whole // window, -1)
        total = _weighted(by_window, weights[:whole].reshape(-1, window).T)
        by_sample = by_window.detach().transpose(0, 1).flatten(0, 1)  # (whole, ...)
        state = map_arrays(lambda leaf: leaf[-streams:], states_after)
        if whole < time:
            rest = map_arrays(lambda leaf: leaf[batch:], states)
            losses, state = _run(module, loss, x[whole:], y[whole:], rest)
            losses = losses.flatten(1)
            total = total + _weighted(losses, weights[whole:])
            by_sample = torch.cat([by_sample, losses.detach()])
        total.backward()
        return Outcome(by_sample[update.lookback :].mean().item(), detach(state))


def _side_by_side(samples: Tensor, window: int) -> Tensor:
    """(windows * window, streams, channels) to (window, windows * streams, channels)."""
    if len(samples) == window:
        return samples
    windows = samples.reshape(-1, window, *samples.shape[1:])
    return windows.transpose(0, 1).flatten(1, 2)


def _run(
    module: StreamModule, loss: Loss, x: Tensor, y: Tensor, state: State
) -> tuple[Tensor, State]:
    prediction, state = module.fast_forward(x, state)
    return loss(prediction, y), state


def _weighted(losses: Tensor, weights: Tensor) -> Tensor:
    """Sum over samples of weight times mean loss; `losses` has one more axis than `weights`."""
    return (losses * weights[..., None]).sum() / losses.shape[-1]
