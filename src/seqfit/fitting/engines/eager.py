"""The reference engine: plain autograd, one sample after the other."""

from __future__ import annotations

from typing import final

import attrs
import torch

from seqfit.fitting.engines.base import Engine, Outcome, Segment, sample_weights
from seqfit.fitting.losses import Loss
from seqfit.models.base import StreamModule, detach
from seqfit.models.resets import started_anew


@final
@attrs.frozen
class EagerEngine(Engine):
    """Steps through each window sample by sample and backpropagates at its end.

    This is how a streaming loop is written by hand. It works for every model and is what the
    other engines are tested against.
    """

    name = "eager"

    def accumulate(self, module: StreamModule, loss: Loss, segment: Segment) -> Outcome:
        x, y, state, update = segment.x, segment.y, segment.state, segment.update
        weights = sample_weights(update, x.dtype, x.device)
        reset = segment.reset
        live, objective = [], 0.0
        for window in torch.arange(len(x)).split(update.window):
            window_loss = x.new_zeros(())
            for t in window.tolist():
                if reset is not None and bool(reset[t].any()):
                    state = started_anew(state, module.start(x.shape[1]), reset[t])
                prediction, state = module(x[t : t + 1], state)  # (1, streams, outputs)
                losses = loss(prediction, y[t : t + 1])
                window_loss = window_loss + weights[t] * losses.mean()
                live.append(losses[:, : segment.live].detach().mean())
            window_loss.backward()
            objective += window_loss.item()
            state = detach(state)
        return Outcome(torch.stack(live[update.lookback :]).mean().item(), objective, state)
