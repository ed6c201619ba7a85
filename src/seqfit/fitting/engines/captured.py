"""Window-parallel updates on a GPU, each kind of them captured once and then replayed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor

from seqfit.fitting.engines.base import Engine, Outcome, Segment
from seqfit.fitting.engines.windowed import WindowedEngine, accumulate
from seqfit.fitting.losses import Loss
from seqfit.models.base import StreamModule
from seqfit.states import State, leaves, map_arrays

_BEFORE_CAPTURE = 3
"""Updates of a kind that are made before it is captured; libraries choose their algorithms then."""

_MOST_KINDS = 8
"""Captures that are kept; each has memory of its own."""


@final
class CapturedEngine(Engine):
    """What `WindowedEngine` does, as one graph of CUDA kernels where shapes repeat.

    At these sizes a GPU waits for Python between kernels; a graph is launched as a whole. An
    update that can't be captured, since its module waits for a number say, stays as it was.

    Args:
        parameters: of the module that is fitted.
    """

    name = WindowedEngine.name

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self._parameters = parameters
        self._windowed = WindowedEngine()
        self._made: dict[Any, int] = {}
        self._captures: dict[Any, _Capture | None] = {}

    def accumulate(self, module: StreamModule, loss: Loss, segment: Segment) -> Outcome:
        if segment.reset is not None:  # the streams that start anew are others each time
            return self._windowed.accumulate(module, loss, segment)
        kind = segment.update, segment.live, segment.x.shape, segment.y.shape
        self._made[kind] = self._made.get(kind, 0) + 1
        is_new = kind not in self._captures and len(self._captures) < _MOST_KINDS
        if is_new and self._made[kind] > _BEFORE_CAPTURE:
            self._captures[kind] = _captured(module, loss, segment, self._parameters)
        capture = self._captures.get(kind)
        if capture is None:
            return self._windowed.accumulate(module, loss, segment)
        return capture.replay(segment)


@final
class _Capture:
    """A captured update: tensors that it reads and writes, and the graph between them."""

    def __init__(
        self, module: StreamModule, loss: Loss, segment: Segment, parameters: Sequence[Tensor]
    ) -> None:
        self._parameters = parameters
        self._segment = Segment(
            segment.x.clone(),
            segment.y.clone(),
            map_arrays(Tensor.clone, segment.state),
            segment.update,
            segment.live,
        )
        before = [p.grad for p in parameters]
        self._graph = torch.cuda.CUDAGraph()
        try:
            # Without a gradient there, the graph writes it anew at each replay.
            self._forget_gradients()
            with torch.cuda.graph(self._graph):
                self._out = accumulate(module, loss, self._segment)
            self._gradients = [p.grad for p in parameters]
        finally:
            for parameter, gradient in zip(parameters, before, strict=True):
                parameter.grad = gradient

    def replay(self, segment: Segment) -> Outcome:
        """Make the update on other samples."""
        own = self._segment
        pairs = zip(
            [own.x, own.y, *leaves(own.state)],
            [segment.x, segment.y, *leaves(segment.state)],
            strict=True,
        )
        for place, given in pairs:
            place.copy_(given)
        self._graph.replay()
        for parameter, gradient in zip(self._parameters, self._gradients, strict=True):
            if gradient is not None:
                there = parameter.grad
                parameter.grad = gradient.clone() if there is None else there + gradient
        objective, recorded, after = self._out
        state: State = map_arrays(Tensor.clone, after)
        return Outcome(recorded.item(), objective.item(), state)

    def _forget_gradients(self) -> None:
        for parameter in self._parameters:
            parameter.grad = None


def _captured(
    module: StreamModule, loss: Loss, segment: Segment, parameters: Sequence[Tensor]
) -> _Capture | None:
    """The capture of a kind of update; None where it can't be captured."""
    try:
        return _Capture(module, loss, segment, parameters)
    except RuntimeError:  # torch's error for what is not allowed while it captures
        torch.cuda.synchronize()
        return None
