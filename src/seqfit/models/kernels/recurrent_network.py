"""Recurrent networks with a head, laid out for the compiled passes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import final

import attrs
import numpy as np
import torch
from torch import Tensor

from seqfit.models.kernels.network import Layout, Network, Places, rounded_up
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
            "trained",  # all of them
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


@final
@attrs.frozen(eq=False)
class RecurrentNetwork(Network):
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
    def parameters(self) -> list[Tensor]:
        return [p for layer in (*self.layers, *self.head) for p in layer]

    @property
    def state_shape(self) -> tuple[int, int, int]:
        return 2 if self.mode == "LSTM" else 1, len(self.layers), self.hidden

    def state_array(self, state: State) -> Array:
        parts = state if isinstance(state, tuple) else (state,)
        return np.stack([part.detach().numpy().swapaxes(0, 1) for part in parts])

    def state_of(self, parts: Array) -> State:
        tensors = tuple([torch.from_numpy(part.swapaxes(0, 1).copy()) for part in parts])
        return tensors if len(tensors) > 1 else tensors[0]

    def layout(self, time: int, streams: int, windows: int) -> Layout:
        return _RecurrentLayout(self, time, streams, windows)


@final
class _RecurrentLayout(Layout):
    def __init__(self, network: RecurrentNetwork, time: int, streams: int, windows: int) -> None:
        super().__init__(time, streams, windows)
        cell = _CELLS[network.mode]
        hidden, gates = network.hidden, _GATES[cell]
        unit = rounded_up(hidden, LANES)
        width, row = rounded_up(gates * unit, COLUMNS), rounded_up(hidden + 1, COLUMNS)
        self.net = np.zeros(1, NET)
        self.layers = np.zeros(len(network.layers), LAYER)
        net = self.net[0]
        net["cell"], net["inputs"], net["outputs"] = cell, network.inputs, network.outputs
        net["hidden"], net["unit"], net["gates"] = hidden, unit, gates
        net["width"], net["row"], net["saved"] = width, row, _SAVED[cell]
        place = Places()
        for index, layer in enumerate(self.layers):
            layer["inputs"] = network.inputs if index == 0 else hidden
            layer["weight_in"] = place((layer["inputs"] + 1) * width)
            layer["weight"] = place((hidden + 1) * width)
        sizes = [(int(w.shape[1]), int(w.shape[0])) for w, _ in network.head]
        self.head = self._put_head_weights(place, sizes)
        net["numbers"] = net["trained"] = self.numbers = place.rounded_end()

        place = Places()
        samples = time * streams
        for index, layer in enumerate(self.layers):
            layer["back"] = place(width * row)
            layer["operand_row"] = rounded_up(network.inputs + 1, COLUMNS) if index == 0 else row
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
        self._put_head(place)
        side_by_side = windows * streams
        net["q"] = place(streams * width)
        net["factors"] = place(side_by_side * width)
        net["carried"] = place(side_by_side * row)
        net["carried_cells"] = place(side_by_side * row)
        self.workspace = place.rounded_end()

    def views(self, weights: Array) -> Iterator[Array]:
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
        yield from self._head_views(weights)
