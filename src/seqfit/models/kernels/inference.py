"""Free runs of a network in compiled code."""

from __future__ import annotations

from typing import Any, final

import numpy as np

from seqfit.compiling import compiled
from seqfit.models.kernels.network import aligned
from seqfit.models.kernels.passes import forward, put_outputs, put_samples, put_state, take_state
from seqfit.models.kernels.products import Array
from seqfit.models.kernels.recurrent_network import LSTM, RecurrentNetwork
from seqfit.states import State

_AT_ONCE = 128  # samples over all streams whose numbers stay in the processor's second cache


@final
class FreeRun:
    """Runs a network on and on: it has a copy of the weights, and the state is its own.

    Args:
        network: what is run.
        streams: number of streams.
        time: samples that are run through at a time; None takes what fits the processor's cache.
    """

    def __init__(self, network: RecurrentNetwork, streams: int, time: int | None = None) -> None:
        self._dtype = network.layers[0][0].detach().numpy().dtype
        if time is None:
            time = max(1, _AT_ONCE // streams)
        self._outputs = network.outputs
        self._layout = layout = network.layout(time, streams, 0)
        self._memory = aligned(layout.numbers + layout.workspace, self._dtype)
        self._scales = network.scales(self._dtype)
        views = layout.views(self._memory[: layout.numbers])
        for parameter, view in zip(network.parameters, views, strict=True):
            view[...] = parameter.detach().numpy().reshape(view.shape)
        parts, layers, hidden = network.state_shape
        self._shape = parts, layers, streams, hidden
        self._tables = layout.net, layout.layers, layout.head
        self._scalars = [float(scale[0]) for scale in self._scales]
        self.state = np.zeros(self._shape, self._dtype)

    @property
    def state(self) -> Array:
        """The state before the next sample, (parts, layers, streams, hidden)."""
        state = np.empty(self._shape, self._dtype)
        _get_state(self._memory, *self._tables[:2], state)
        return state

    @state.setter
    def state(self, state: Array) -> None:
        _set_state(self._memory, *self._tables[:2], np.ascontiguousarray(state, self._dtype))

    def __call__(self, x: Array) -> Array:
        """The outputs for the next inputs.

        Args:
            x: (time, streams, inputs).

        Returns:
            y: (time, streams, outputs).
        """
        x = np.ascontiguousarray(x, self._dtype)
        y = np.empty((*x.shape[:2], self._outputs), self._dtype)
        _run(self._memory, *self._tables, self._layout.time, x, y, *self._scales)
        return y

    def step(self, x: float) -> float:
        """The output for the next input, of one stream with one input and one output."""
        return _step(self._memory, *self._tables, x, *self._scalars)


@final
class NetworkStream:
    """One stream of a network with one input and one output, see `SingleStream`."""

    def __init__(self, network: RecurrentNetwork) -> None:
        self._network = network
        self._free_run = FreeRun(network, streams=1, time=1)
        self._step = self._free_run.step

    def __call__(self, x: float, /) -> float:
        return self._step(x)

    @property
    def state(self) -> State:
        return self._network.state_of(self._free_run.state)

    @state.setter
    def state(self, state: State) -> None:
        self._free_run.state = self._network.state_array(state)


@compiled
def _run(
    memory: Array, net: Any, layers: Any, head: Any, at_once: int, x: Array, y: Array,
    input_offset: Array, input_scale: Array, output_offset: Array, output_scale: Array,
) -> None:  # fmt: skip
    streams, base = x.shape[1], net[0].numbers
    for first in range(0, len(x), at_once):
        time = min(at_once, len(x) - first)
        seen, out = x[first : first + time], y[first : first + time]
        put_samples(memory, net, layers, base, seen, 0, streams, input_offset, input_scale)
        forward(memory, net, layers, head, 0, base, time, streams)
        put_outputs(memory, net, head, base, out, 0, streams, output_offset, output_scale)
        _begin_at_end(memory, net, layers, base, time, streams)


@compiled
def _step(
    memory: Array, net: Any, layers: Any, head: Any, x: float, input_offset: float,
    input_scale: float, output_offset: float, output_scale: float,
) -> float:  # fmt: skip
    base = net[0].numbers
    operands = base + layers[0].operands
    memory[operands] = (x - input_offset) / input_scale
    memory[operands + 1] = 1
    forward(memory, net, layers, head, 0, base, 1, 1)
    _begin_at_end(memory, net, layers, base, 1, 1)
    value: float = memory[base + head[len(head) - 1].values] * output_scale + output_offset
    return value


@compiled
def _begin_at_end(memory: Array, net: Any, layers: Any, base: int, time: int, streams: int) -> None:
    """Make the state after the samples the one before the next."""
    size = streams * net[0].row
    cells = streams * net[0].unit
    for index in range(len(layers)):
        states = base + layers[index].states
        for j in range(size):
            memory[states + j] = memory[states + time * size + j]
        if net[0].cell == LSTM:
            states = base + layers[index].cells
            for j in range(cells):
                memory[states + j] = memory[states + time * cells + j]


@compiled
def _set_state(memory: Array, net: Any, layers: Any, state: Array) -> None:
    put_state(memory, net, layers, net[0].numbers, state, 0, state.shape[2])


@compiled
def _get_state(memory: Array, net: Any, layers: Any, state: Array) -> None:
    take_state(memory, net, layers, net[0].numbers, state, 0, state.shape[2], 0)
