"""Streams that start anew in the middle of a run, each by itself."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from seqfit.models.base import StreamModule, detach
from seqfit.states import State, is_tensor, leaves, map_together


def run(
    module: StreamModule, x: Tensor, state: State, reset: Tensor | None = None
) -> tuple[Tensor, State]:
    """What `StreamModule.fast_forward` gives where streams may start anew.

    Args:
        module: the model.
        x: inputs, (time, streams, inputs).
        state: the state before them.
        reset: before which samples a stream starts anew, bool, (time, streams); None where none
            does. No gradient flows through a reset, to earlier samples or to the start.

    Returns:
        y: tensor of shape (time, streams, outputs).
        state: the state after them.
    """
    if reset is None:
        return module.fast_forward(x, state)
    times = {*reset.any(dim=1).nonzero().flatten().tolist()}
    outputs = []
    for begin, end in pairwise(sorted({0, *times, len(x)})):
        if begin in times:
            state = started_anew(state, module.start(x.shape[1]), reset[begin])
        y, state = module.fast_forward(x[begin:end], state)
        outputs.append(y)
    return torch.cat(outputs), state


def window_states(
    module: StreamModule, x: Tensor, state: State, window: int, reset: Tensor | None = None
) -> State:
    """What `StreamModule.window_states` gives where streams may start anew; `reset` as in `run`.

    The state before a window is that before its first sample's reset.
    """
    if reset is None:
        return module.window_states(x, state, window)
    states = [state]
    with torch.no_grad():
        for first in range(0, len(x) - window, window):
            end = first + window
            _, state = run(module, x[first:end], state, reset[first:end])
            states.append(state)
    return map_together(lambda *tensors: torch.cat(tensors), states)


def started_anew(state: State, start: State, streams: Tensor) -> State:
    """The state once some streams have started anew; that of the others is as it was.

    Args:
        state: of all streams.
        start: what `StreamModule.start` gives for as many; no gradient flows to it.
        streams: which of them start anew, bool, (streams,).

    Raises:
        ValueError: the state has changed in something that belongs to no stream.
    """
    for own, first in zip(leaves(state), leaves(start), strict=True):
        if not is_tensor(own) and own != first:
            raise ValueError(
                f"a state holds {own!r}, which was {first!r} at the start and belongs to no "
                "stream, so that no stream can start anew by itself; hold it in a tensor with the "
                "streams along its first axis"
            )

    def mixed(own: Tensor, first: Tensor) -> Tensor:
        return torch.where(streams.view(-1, *[1] * (own.dim() - 1)), first, own)

    return map_together(mixed, [state, detach(start)])
