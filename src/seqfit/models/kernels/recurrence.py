"""A layer of a recurrent network by compiled kernels, with its gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqfit.models.kernels.cells import Cell
from seqfit.models.kernels.products import Array


def states_after(cell: Cell, inputs: Tensor, weight: Tensor, bias: Tensor, start: Tensor) -> Tensor:
    """The first state and all that follow, without gradients.

    Args:
        cell: what steps.
        inputs: (time, streams, gates * hidden), projected.
        weight: (gates * hidden, hidden).
        bias: (gates * hidden,).
        start: (streams, parts * hidden).

    Returns:
        The states, (time + 1, streams, parts * hidden); the hidden state comes first in each.

    """
    return _step(cell, inputs, weight, bias, start, save=False)[0]


def recur(
    cell: Cell, inputs: Tensor, weight: Tensor, bias: Tensor, start: Tensor
) -> tuple[Tensor, Tensor]:
    """The hidden states after each sample and the last state, differentiable once.

    Arguments are those of `states_after`.

    Returns:
        hidden: (time, streams, hidden).
        state: (streams, parts * hidden).

    """
    out: tuple[Tensor, Tensor] = _Recurrence.apply(cell, inputs, weight, bias, start)
    return out


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, cell: Cell, inputs: Tensor, weight: Tensor, bias: Tensor, start: Tensor
    ) -> tuple[Tensor, Tensor]:
        states, saved = _step(cell, inputs, weight, bias, start, save=True)
        ctx.save_for_backward(weight, states, saved)
        ctx.cell = cell
        ctx.set_materialize_grads(False)
        return states[1:, :, : weight.shape[1]], states[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_hidden: Tensor | None, by_state: Tensor | None) -> Any:
        cell: Cell = ctx.cell
        weight, states, saved = ctx.saved_tensors
        hidden = weight.shape[1]
        time, streams = len(states) - 1, states.shape[1]
        if by_hidden is None:
            by_hidden = states.new_zeros(time, streams, hidden)
        flow = torch.zeros_like(states[0]) if by_state is None else _own_copy(by_state)
        slopes = states.new_empty(time, streams, cell.slopes * hidden)
        cell.backward(
            _array(by_hidden),
            _array(weight),
            _array(states),
            _array(saved),
            slopes.numpy(),
            flow.numpy(),
        )
        by_weight = by_bias = None
        if ctx.needs_input_grad[2]:
            before = states[:-1].flatten(0, 1)[:, :hidden]  # (time * streams, hidden)
            by_weight = _of_hidden(cell, slopes.flatten(0, 1).t() @ before, hidden)
        if ctx.needs_input_grad[3]:
            by_bias = _of_hidden(cell, slopes.sum(dim=(0, 1)), hidden)
        return None, slopes[:, :, : cell.gates * hidden], by_weight, by_bias, flow


def _step(
    cell: Cell, inputs: Tensor, weight: Tensor, bias: Tensor, start: Tensor, save: bool
) -> tuple[Tensor, Tensor]:
    time, streams, _ = inputs.shape
    states = torch.empty(time + 1, *start.shape, dtype=start.dtype)
    states[0] = start.detach()
    saved = states.new_empty(time if save else 0, streams, cell.saved * weight.shape[1])
    cell.forward(_array(inputs), _array(weight), _array(bias), states.numpy(), saved.numpy())
    return states, saved


def _of_hidden(cell: Cell, slopes: Tensor, hidden: int) -> Tensor:
    """Of sums over slopes, (slopes * hidden, ...), those by the projected hidden state."""
    own = cell.slopes - cell.gates
    if own == 0:
        return slopes
    return torch.cat([slopes[: (cell.gates - own) * hidden], slopes[cell.gates * hidden :]])


def _own_copy(tensor: Tensor) -> Tensor:
    return tensor.clone(memory_format=torch.contiguous_format)


def _array(tensor: Tensor) -> Array:
    array: Array = tensor.detach().contiguous().numpy()
    return array
