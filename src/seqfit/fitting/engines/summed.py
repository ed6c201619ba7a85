"""Gradients of streams that run in several processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import attrs
import torch

from seqfit.fitting.engines.base import Engine, Outcome, Segment
from seqfit.fitting.losses import Loss
from seqfit.fitting.ranks import Ranks
from seqfit.models.base import StreamModule


@final
class SummedGradient(Engine):
    """The gradient that another engine computes of this rank's streams, summed over all ranks.

    Losses and gradients are means over streams, so each rank's count as much as it has streams.
    All go in one message: gradients, losses, which parameters have a gradient at all, and what
    the ranks wish of one another.

    Args:
        engine: computes this rank's gradient.
        parameters: of the model.
        ranks: the processes.
        streams: how many run on all ranks.
    """

    def __init__(
        self,
        engine: Engine,
        parameters: Sequence[torch.nn.Parameter],
        ranks: Ranks,
        streams: int,
    ) -> None:
        self.name = engine.name
        self._engine, self._parameters, self._ranks = engine, parameters, ranks
        self._share = len(ranks.share(streams)) / streams
        self._sizes = [p.numel() for p in parameters]

    @property
    def is_prepared(self) -> bool:
        return self._engine.is_prepared

    def accumulate(self, module: StreamModule, loss: Loss, segment: Segment) -> Outcome:
        outcome = self._engine.accumulate(module, loss, segment)
        parameters, ranks, share = self._parameters, self._ranks, self._share
        first = parameters[0]
        gradients = [
            p.new_zeros(p.numel()) if p.grad is None else p.grad.flatten() for p in parameters
        ]
        losses = [share * outcome.loss, share * outcome.objective]
        flags = [float(p.grad is not None) for p in parameters] + [*map(float, ranks.wishes)]
        rest = torch.tensor([*losses, *flags], dtype=first.dtype, device=first.device)
        flat = torch.cat([torch.cat(gradients).mul_(share), rest])
        ranks.sum(flat)
        *summed, rest = flat.split([*self._sizes, len(rest)])
        recorded, objective, *flags = rest.tolist()
        for parameter, gradient, present in zip(parameters, summed, flags, strict=False):
            parameter.grad = gradient.view_as(parameter) if present else None
        ranks.granted = [wish > 0 for wish in flags[len(parameters) :]]
        return attrs.evolve(outcome, loss=recorded, objective=objective)
