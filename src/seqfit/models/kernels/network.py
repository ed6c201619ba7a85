"""A recurrent network with its head, laid out in the memory of the compiled passes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seqfit.models.kernels.products import Array
from seqfit.models.kernels.tiles import COLUMNS
from seqfit.models.kernels.vectors import LANES
from seqfit.states import State

GRU, LSTM, TANH, RELU = range(4)
"""Numbers of the cells."""

_CELLS = {"GRU": GRU, "LSTM": LSTM, "RNN_TANH": TANH, "RNN_RELU": RELU}
_GATES = {GRU: 3, LSTM: 4, TANH: 1, RELU: 1}
_SAVED = {GRU: 4, LSTM: 5, TANH: 0, RELU: 0}

NET = np.dtype(
    [
        (name, np.int64)
        for name in (
            "cell",
            "inputs",
            "outputs",
            "hidden",
            "unit",  # hidden numbers of a gate, rounded up
            "gates",
            "width",  # numbers in a row of projections
            "row",  # numbers in a row of hidden states, the one for the bias included
            "saved",  # gates that a step saves
            "numbers",  # weights, rounded up
            "q",
            "factors",
            "carried",
            "carried_cells",
        )
    ]
)
LAYER = np.dtype(
    [
        (name, np.int64)
        for name in (
            "inputs",
            "weight_in",  # offset among the weights: (inputs + 1, width)
            "weight",  # likewise: (hidden + 1, width)
            "back_in",  # weight_in transposed
            "back",  # weight transposed
            "operands",  # inputs and a one; of upper layers, the hidden states below
            "operand_row",
            "p",
            "states",
            "cells",
            "saved",
            "slopes_p",
            "slopes_q",
            "direct",
        )
    ]
)
HEAD = np.dtype(
    [
        (name, np.int64)
        for name in (
            "inputs",
            "outputs",
            "weight",  # offset among the weights: (inputs + 1, width)
            "width",
            "back",  # weight transposed
            "back_row",
            "values",
            "row",  # numbers in a row of values, the one for the bias included
            "slopes",
        )
    ]
)


@final
@attrs.frozen(eq=False)
class Network:
    """What a module computes, where it is a recurrent network with a head.

    Attributes:
        mode: the cell, as torch names it.
        hidden: units in a layer.
        layers: of each recurrent layer weight_ih, weight_hh, bias_ih and bias_hh.
        head: weight and bias of each layer of the head.
        input_offset: what is taken off the inputs, (inputs,).
        input_scale: what they are then divided by, (inputs,).
        output_offset: what is added to the outputs, (outputs,).
        output_scale: what they are multiplied by before, (outputs,).
    """

    mode: str
    hidden: int
    layers: Sequence[Sequence[Tensor]]
    head: Sequence[tuple[Tensor, Tensor]]
    input_offset: Array
    input_scale: Array
    output_offset: Array
    output_scale: Array

    @property
    def inputs(self) -> int:
        """Channels of an input sample."""
        return len(self.input_offset)

    @property
    def outputs(self) -> int:
        """Channels of an output sample."""
        return len(self.output_offset)

    @property
    def is_scaled(self) -> bool:
        """Whether inputs or outputs are scaled."""
        offsets, scales = self.scales(np.float64)[::2], self.scales(np.float64)[1::2]
        return any(map(np.any, offsets)) or any(np.any(scale != 1) for scale in scales)

    def scales(self, dtype: npt.DTypeLike) -> list[Array]:
        """Offset and scale of the inputs, then of the outputs."""
        scales = (self.input_offset, self.input_scale, self.output_offset, self.output_scale)
        return [np.ascontiguousarray(numbers, dtype) for numbers in scales]

    @property
    def parts(self) -> int:
        """Parts of the state: 2 with a cell state."""
        return 2 if self.mode == "LSTM" else 1

    @property
    def parameters(self) -> list[Tensor]:
        """All weights and biases."""
        return [p for layer in (*self.layers, *self.head) for p in layer]


@final
class Layout:
    """Where the weights and the numbers of a pass lie, for up to so many samples.

    Args:
        network: what is laid out.
        time: most time steps of a pass.
        streams: most streams of a pass.
        windows: most windows that a backward pass runs side by side.
    """

    def __init__(self, network: Network, time: int, streams: int, windows: int) -> None:
        self.network, self.time, self.streams, self.windows = network, time, streams, windows
        cell = _CELLS[network.mode]
        hidden, gates = network.hidden, _GATES[cell]
        unit = _up(hidden, LANES)
        width, row = _up(gates * unit, COLUMNS), _up(hidden + 1, COLUMNS)
        self.net = np.zeros(1, NET)
        self.layers = np.zeros(len(network.layers), LAYER)
        self.head = np.zeros(len(network.head), HEAD)
        net = self.net[0]
        net["cell"], net["inputs"], net["outputs"] = cell, network.inputs, network.outputs
        net["hidden"], net["unit"], net["gates"] = hidden, unit, gates
        net["width"], net["row"], net["saved"] = width, row, _SAVED[cell]
        place = _Places()
        for index, layer in enumerate(self.layers):
            layer["inputs"] = network.inputs if index == 0 else hidden
            layer["weight_in"] = place((layer["inputs"] + 1) * width)
            layer["weight"] = place((hidden + 1) * width)
        for (weight, _), layer in zip(network.head, self.head, strict=True):
            layer["outputs"], layer["inputs"] = weight.shape
            layer["width"] = _up(layer["outputs"], COLUMNS)
            layer["weight"] = place((layer["inputs"] + 1) * layer["width"])
        net["numbers"] = self.numbers = place.end = _up(place.end, 64)

        place = _Places()
        samples = time * streams
        for index, layer in enumerate(self.layers):
            layer["back"] = place(width * row)
            layer["operand_row"] = _up(network.inputs + 1, COLUMNS) if index == 0 else row
            if index == 0:
                layer["operands"] = place(samples * layer["operand_row"])
            else:
                layer["back_in"] = place(width * row)
            layer["p"] = place(samples * width)
            layer["states"] = place((samples + streams) * row)
            layer["cells"] = place((samples + streams) * unit if cell == LSTM else 0)
            layer["saved"] = place(samples * net["saved"] * unit)
            layer["slopes_p"] = place(samples * width)
            layer["slopes_q"] = place(samples * width) if cell == GRU else layer["slopes_p"]
            layer["direct"] = place(samples * row)
        for layer in self.head:
            layer["back_row"] = _up(layer["inputs"], COLUMNS)
            layer["back"] = place(_up(layer["outputs"], LANES) * layer["back_row"])
            layer["row"] = _up(layer["outputs"] + 1, COLUMNS)
            layer["values"] = place(samples * layer["row"])
            layer["slopes"] = place(samples * layer["width"])
        side_by_side = windows * streams
        net["q"] = place(streams * width)
        net["factors"] = place(side_by_side * width)
        net["carried"] = place(side_by_side * row)
        net["carried_cells"] = place(side_by_side * row)
        self.workspace = _up(place.end, 64)

    def fits(self, time: int, streams: int, windows: int) -> bool:
        """Whether a pass of this size has room."""
        return time <= self.time and streams <= self.streams and windows <= self.windows

    def views(self, weights: Array) -> Iterator[Array]:
        """For each of the network's parameters the part of the laid-out weights that is its own.

        Args:
            weights: (numbers,).
        """
        net = self.net[0]
        hidden, unit, gates, width = (int(net[k]) for k in ("hidden", "unit", "gates", "width"))
        for layer in self.layers:
            blocks = []
            for inputs, start in (
                (int(layer["inputs"]), int(layer["weight_in"])),
                (hidden, int(layer["weight"])),
            ):
                block = weights[start : start + (inputs + 1) * width].reshape(-1, width)
                split = block[:, : gates * unit].reshape(inputs + 1, gates, unit)
                blocks.append(split[:, :, :hidden])
            for block in blocks:
                yield block[:-1].transpose(1, 2, 0)  # (gates, hidden, inputs)
            for block in blocks:
                yield block[-1]  # (gates, hidden)
        for layer in self.head:
            inputs, outputs, start = (int(layer[k]) for k in ("inputs", "outputs", "weight"))
            columns = int(layer["width"])
            block = weights[start : start + (inputs + 1) * columns].reshape(-1, columns)
            yield block[:inputs, :outputs].T
            yield block[inputs, :outputs]


def aligned(count: int, dtype: npt.DTypeLike) -> Array:
    """Zeros that begin at the start of a cache line."""
    size = np.dtype(dtype).itemsize
    room = np.zeros(count + 64 // size, dtype)
    skip = (-room.ctypes.data % 64) // size
    return room[skip : skip + count]


def state_array(state: State) -> Array:
    """The state of a recurrent module as one array, (parts, layers, streams, hidden)."""
    parts = state if isinstance(state, tuple) else (state,)
    return np.stack([part.detach().numpy().swapaxes(0, 1) for part in parts])


def state_of(parts: Array) -> State:
    """The state of a recurrent module from what `state_array` gives."""
    tensors = tuple([torch.from_numpy(part.swapaxes(0, 1).copy()) for part in parts])
    return tensors if len(tensors) > 1 else tensors[0]


class _Places:
    """Gives out places one after the other, each at the start of a cache line."""

    def __init__(self) -> None:
        self.end = 0

    def __call__(self, count: Any) -> int:
        start = self.end
        self.end += _up(int(count), 16)
        return start


def _up(count: Any, multiple: int) -> int:
    return math.ceil(int(count) / multiple) * multiple
