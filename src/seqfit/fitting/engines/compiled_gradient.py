"""Gradients in compiled code, for steps that torch's optimizers make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import torch

from seqfit.fitting.engines.base import Engine, Outcome, Segment, sample_weights
from seqfit.fitting.engines.room import Room, known_loss, known_network
from seqfit.fitting.engines.updates import memory_size
from seqfit.fitting.engines.windowed import WindowedEngine
from seqfit.fitting.losses import Loss
from seqfit.models.base import StreamModule


@final
class CompiledGradient(Engine):
    """Runs a known network through a segment, and back, in one call of compiled code.

    Segments in which a stream starts anew are left to `WindowedEngine`.

    Args:
        module: the model; no other can be run.
        parameters: its parameters.
        loss: the loss, as the experiment has it.

    Raises:
        UnknownToCompiledError: something in it is not known.
    """

    name = "compiled gradients"

    def __init__(
        self, module: StreamModule, parameters: Sequence[torch.nn.Parameter], loss: Any
    ) -> None:
        self._loss = known_loss(loss)
        self._network = known_network(module, parameters)
        self._room = Room(self._network)
        self._windowed = WindowedEngine()
        self._scales = self._network.scales(self._room.dtype)

    @property
    def is_prepared(self) -> bool:
        return self._room.is_compiled(self._room.kernels.make_gradient)

    def accumulate(self, module: StreamModule, loss: Loss, segment: Segment) -> Outcome:
        if segment.reset is not None:
            return self._windowed.accumulate(module, loss, segment)
        update, streams = segment.update, segment.x.shape[1]
        room, windows = self._room, -(-update.span // update.window)
        layout = room.laid_out(update.span, streams, windows, 1)
        room.load_weights()
        before = self._network.state_array(segment.state)
        after = np.empty_like(before)
        weights = sample_weights(update, torch.float64, segment.x.device).numpy()
        recorded, objective = room.kernels.make_gradient(
            room.memory, layout.net, layout.layers, layout.head, segment.x.numpy(),
            segment.y.numpy(), before, after, segment.live, update.lookback, update.window,
            weights, self._loss, *self._scales,
        )  # fmt: skip
        first = memory_size(layout.numbers, 0, 0, 0)
        gradient = room.memory[first : first + layout.numbers]
        for parameter, view in zip(self._network.parameters, layout.views(gradient), strict=True):
            # Copied: the memory is written over by the next update.
            found = torch.from_numpy(view.reshape(parameter.shape).copy())
            parameter.grad = found if parameter.grad is None else parameter.grad + found
        return Outcome(recorded, objective, self._network.state_of(after))
