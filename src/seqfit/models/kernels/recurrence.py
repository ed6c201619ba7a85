"""A layer of a recurrent network by compiled kernels, with its gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqfit.models.kernels.cells import Cell
from seqfit.models.kernels.operands import operand_width, sum_gradients
from seqfit.models.kernels.products import Array

Parts: TypeAlias = tuple[Tensor, ...]
"""A state's parts: the hidden state and, of an LSTM, the cell state."""

Weights: TypeAlias = Sequence[Tensor]
"""weight_ih, weight_hh, bias_ih and bias_hh of a layer, as torch names them."""


# Beyond these, torch's matrix products gain more than its overhead costs. The backward pass works
# on whole batches, so there the number of streams counts too.
_LARGEST_WITH_GRADIENTS = 2**12  # streams * hidden
_LARGEST_WITHOUT = 256  # hidden


def is_fast(x: Tensor, start: Parts, weight: Tensor, layers: int) -> bool:
    """Whether the kernels can do it, and sooner than torch, which has the better errors.

    Args:
        x: (time, streams, inputs).
        start: parts of the first state, each (layers, streams, hidden).
        weight: weight_hh of the first layer.
        layers: number of layers.
    """
    dtype, hidden = x.dtype, weight.shape[1]
    if x.dim() != 3 or len(x) == 0:
        return False
    if torch.is_grad_enabled():
        if x.shape[1] * hidden > _LARGEST_WITH_GRADIENTS:
            return False
    elif hidden > _LARGEST_WITHOUT:
        return False
    shape = (layers, x.shape[1], hidden)
    return (
        dtype in (torch.float32, torch.float64)
        and all(tensor.dtype == dtype and tensor.is_cpu for tensor in (x, *start, weight))
        and all(part.shape == shape for part in start)
        and not torch.is_autocast_enabled("cpu")
    )


def run(cell: Cell, x: Tensor, start: Parts, weights: Weights) -> Parts:
    """The states, first to last, without gradients.

    Args:
        cell: what steps.
        x: (time, streams, inputs).
        start: parts of the first state, each (streams, hidden).
        weights: of the layer.

    Returns:
        Parts of the states, each (time + 1, streams, hidden).
    """
    operands, cells, _ = _step(cell, x, start, weights, save=False)
    hidden = torch.from_numpy(operands[:, :, : start[0].shape[1]])
    return (hidden, torch.from_numpy(cells)) if cell.parts == 2 else (hidden,)


def run_differentiable(
    cell: Cell, x: Tensor, start: Parts, weights: Weights
) -> tuple[Tensor, Parts]:
    """The hidden state after each sample and the last state, differentiable once.

    Arguments are those of `run`.

    Returns:
        hidden: (time, streams, hidden).
        state: parts of the last state, each (streams, hidden).
    """
    hidden, *state = _Layer.apply(cell, x, *weights, *start)  # type: ignore[no-untyped-call]
    return hidden, tuple(state)


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, cell: Cell, x: Tensor, *tensors: Tensor) -> Parts:
        weights, start = tensors[:4], tensors[4:]
        size = start[0].shape[1]
        operands, cells, saved = _step(cell, x, start, weights, save=True)
        hidden = torch.from_numpy(operands[1:, :, :size])
        last = [operands[-1, :, :size], *([cells[-1]] if cell.parts == 2 else [])]
        ctx.cell, ctx.operands, ctx.cells, ctx.kept = cell, operands, cells, saved
        # The operands hold `hidden`: saved, an in-place change of it is an error.
        ctx.save_for_backward(weights[0], weights[1], hidden)
        ctx.set_materialize_grads(False)
        return hidden, *[torch.from_numpy(part.copy()) for part in last]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_hidden: Tensor | None, *by_last: Tensor | None) -> Any:
        cell: Cell = ctx.cell
        weight_in, weight, hidden = ctx.saved_tensors
        time, streams, size = hidden.shape
        dtype = ctx.operands.dtype
        if by_hidden is None:
            by_hidden = torch.zeros_like(hidden)
        by_start = [
            np.zeros((streams, size), dtype) if part is None else _array(part).copy()
            for part in by_last
        ]
        slopes = np.empty((time, streams, cell.slopes * size), dtype)
        cell.backward(
            _array(by_hidden),
            _array(weight),
            ctx.operands,
            ctx.cells,
            ctx.kept,
            slopes,
            by_start[0],
            by_start[1] if cell.parts == 2 else np.empty((0, 0), dtype),
        )
        width = len(weight)
        by_weights = [np.empty(s, dtype) for s in (weight_in.shape, weight.shape, width, width)]
        sum_gradients(slopes, ctx.operands, *by_weights)
        by_x = None
        if ctx.needs_input_grad[1]:
            by_x = torch.from_numpy(slopes[:, :, :width]) @ weight_in
        return None, by_x, *map(torch.from_numpy, by_weights), *map(torch.from_numpy, by_start)


def _step(
    cell: Cell, x: Tensor, start: Parts, weights: Weights, save: bool
) -> tuple[Array, Array, Array]:
    """The operands, cells and saved numbers that `Forward` describes."""
    inputs = _array(x)
    time, streams, channels = inputs.shape
    size = start[0].shape[1]
    operands = np.empty((time + 1, streams, operand_width(size, channels)), inputs.dtype)
    operands[0, :, :size] = _array(start[0])
    if cell.parts == 2:
        cells = np.empty((time + 1, streams, size), inputs.dtype)
        cells[0] = _array(start[1])
    else:
        cells = np.empty((0, 0, 0), inputs.dtype)
    saved = np.empty((time if save else 0, streams, cell.saved * size), inputs.dtype)
    weight_in, weight, bias_in, bias = map(_array, weights)
    cell.forward(inputs, weight_in, weight, bias_in, bias, operands, cells, saved)
    return operands, cells, saved


def _array(tensor: Tensor) -> Array:
    array: Array = tensor.detach().contiguous().numpy()
    return array
