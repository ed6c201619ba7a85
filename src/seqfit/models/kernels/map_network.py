"""A hidden-layer map that is fed with its own values, laid out for the compiled passes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

import attrs
import numpy as np
import torch
from torch import Tensor

from seqfit.models.kernels.network import Layout, Network, Places, rounded_up
from seqfit.models.kernels.products import Array
from seqfit.models.kernels.tiles import COLUMNS
from seqfit.states import State

MAP_NET = np.dtype(
    [
        (name, np.int64)
        for name in (
            "inputs",
            "outputs",
            "lags",  # past inputs that the map sees, besides the present one
            "size",  # numbers in the state
            "new",  # numbers that the map gives, the first of the next state
            "units",
            "tanh",  # whether the units squash, rather than rectify
            "seen",  # numbers of the inputs that the map sees
            "row",  # numbers in a row of what the map sees: inputs, state and a one
            "units_row",
            "new_row",
            "size_row",
            "time",  # rows in which inputs may be put
            "numbers",
            "trained",
            "carried",
        )
    ]
)
MAP_LAYER = np.dtype(
    [
        (name, np.int64)
        for name in (
            "hidden",  # offset among the weights: (seen + size + 1, units_row)
            "linear",  # likewise: (seen + size + 1, new_row)
            "output",  # likewise: (units, new_row)
            "back_hidden",  # the part of the state, transposed
            "back_linear",  # likewise
            "back_output",  # transposed
            "operand_row",  # the same as `row`
            "operands",
            "units",
            "new",
            "slopes_units",
            "slopes_new",
            "direct",
        )
    ]
)


@final
@attrs.frozen(eq=False)
class MapNetwork(Network):
    """What a module computes, where it is a map of its inputs and of its own past values.

    ``new = constant + linear p + output a(hidden p + bias)`` for ``p = (x_t .. x_{t-lags}, s)``,
    then ``s = (new, s without its last)`` and ``y = readout s + shift``.

    Attributes:
        constant: (new,).
        linear: (new, features).
        output: (new, units).
        hidden: (units, features).
        bias: (units,).
        readout: (outputs, size).
        shift: (outputs,).
        trained_readout: whether the last two are trained.
        tanh: whether a is the hyperbolic tangent; otherwise it rectifies.
        lags: past inputs that the map sees, besides the present one.
        input_offset: what is taken off the inputs, (inputs,).
        input_scale: what they are then divided by, (inputs,).
        output_offset: what is added to the outputs, (outputs,).
        output_scale: what they are multiplied by before, (outputs,).
    """

    constant: Tensor
    linear: Tensor
    output: Tensor
    hidden: Tensor
    bias: Tensor
    readout: Tensor
    shift: Tensor
    trained_readout: bool
    tanh: bool
    lags: int
    input_offset: Array
    input_scale: Array
    output_offset: Array
    output_scale: Array

    @property
    def parameters(self) -> list[Tensor]:
        own = [self.constant, self.linear, self.output, self.hidden, self.bias]
        return [*own, self.readout, self.shift] if self.trained_readout else own

    @property
    def size(self) -> int:
        """Numbers in the state."""
        return int(self.readout.shape[1])

    @property
    def state_shape(self) -> tuple[int, int, int]:
        return 1, 1, self.size + self.lags * self.inputs

    def state_array(self, state: State) -> Array:
        s, past = state  # (streams, size), (streams, lags, inputs)
        joined: Array = torch.cat([s, past.flatten(1)], dim=1).detach().numpy()
        return joined[None, None]

    def state_of(self, parts: Array) -> State:
        joined = torch.from_numpy(parts[0, 0].copy())
        past = joined[:, self.size :].unflatten(1, (self.lags, self.inputs))
        return joined[:, : self.size].contiguous(), past.contiguous()

    def layout(self, time: int, streams: int, windows: int) -> Layout:
        return _MapLayout(self, time, streams, windows)


@final
class _MapLayout(Layout):
    def __init__(self, network: MapNetwork, time: int, streams: int, windows: int) -> None:
        super().__init__(time, streams, windows)
        self._network = network
        size, units, new = network.size, len(network.bias), len(network.constant)
        seen = network.inputs * (network.lags + 1)
        row, units_row, new_row, size_row = (
            rounded_up(count, COLUMNS) for count in (seen + size + 1, units, new, size)
        )
        self.net, self.layers = np.zeros(1, MAP_NET), np.zeros(1, MAP_LAYER)
        net, layer = self.net[0], self.layers[0]
        net["inputs"], net["outputs"], net["lags"] = network.inputs, network.outputs, network.lags
        net["size"], net["new"], net["units"] = size, new, units
        net["tanh"], net["seen"], net["row"], net["time"] = network.tanh, seen, row, time
        net["units_row"], net["new_row"], net["size_row"] = units_row, new_row, size_row
        place = Places()
        layer["hidden"] = place((seen + size + 1) * units_row)
        layer["linear"] = place((seen + size + 1) * new_row)
        layer["output"] = place(units * new_row)
        if not network.trained_readout:
            net["trained"] = place.end = place.rounded_end()
        self.head = self._put_head_weights(place, [(size, network.outputs)])
        net["numbers"] = self.numbers = place.rounded_end()
        if network.trained_readout:
            net["trained"] = self.numbers

        place = Places()
        samples = time * streams
        layer["back_hidden"] = place(units_row * size_row)
        layer["back_linear"] = place(new_row * size_row)
        layer["back_output"] = place(new_row * units_row)
        layer["operand_row"] = row
        layer["operands"] = place((samples + streams) * row)
        for name, width in (("units", units_row), ("new", new_row)):
            layer[name] = place(samples * width)
            layer[f"slopes_{name}"] = place(samples * width)
        layer["direct"] = place(samples * size_row)
        self._put_head(place)
        net["carried"] = place(windows * streams * size_row)
        self.workspace = place.rounded_end()

    def views(self, weights: Array) -> Iterator[Array]:
        hidden, linear, output = self._blocks(weights)
        yield linear[-1]
        yield linear[:-1].T
        yield output.T
        yield hidden[:-1].T
        yield hidden[-1]
        if self._network.trained_readout:
            yield from self._head_views(weights)

    def put_fixed(self, weights: Array) -> None:
        if not self._network.trained_readout:
            fixed = (self._network.readout, self._network.shift)
            for values, view in zip(fixed, self._head_views(weights), strict=True):
                view[...] = values.detach().numpy()

    def _blocks(self, weights: Array) -> Iterator[Array]:
        net, layer = self.net[0], self.layers[0]
        seen = int(net["seen"] + net["size"]) + 1
        units, new = int(net["units"]), int(net["new"])
        units_row, new_row = int(net["units_row"]), int(net["new_row"])
        for name, rows, width, columns in (
            ("hidden", seen, units_row, units),
            ("linear", seen, new_row, new),
            ("output", units, new_row, new),
        ):
            start = int(layer[name])
            block = weights[start : start + rows * width].reshape(rows, width)
            yield block[:, :columns]
