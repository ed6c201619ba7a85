"""Recurrent networks: gated recurrent unit, long short-term memory and the plain cell.

References:
    Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical
    machine translation", 2014.
    Hochreiter and Schmidhuber, "Long short-term memory", 1997.
    Elman, "Finding structure in time", 1990.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, final

import attrs
import numpy as np
import torch
from torch import Tensor

from seqfit.models.base import Compilable, Model, StreamModule
from seqfit.models.head import head_of
from seqfit.models.kernels.cells import CELLS
from seqfit.models.kernels.inference import FreeRun
from seqfit.models.kernels.recurrence import Parts, is_fast, run, run_differentiable
from seqfit.models.kernels.recurrent_network import RecurrentNetwork
from seqfit.states import State
from seqfit.validators import as_tuple, must, one_of, positive_int, positive_ints

_buildable = must("at most 100", lambda layers: layers <= 100)


@final
@attrs.frozen
class GRU(Model):
    """A gated recurrent unit and a head: the default is the network of the 2017 experiment.

    Attributes:
        hidden: units in a layer.
        layers: recurrent layers, at most 100, each fed by the one below.
        head: widths of the layers between the last recurrent one and the outputs, with a
            rectifier after each; none means one linear map.
    """

    hidden: int = attrs.field(default=50, validator=positive_int)
    layers: int = attrs.field(default=1, validator=[positive_int, _buildable])
    head: tuple[int, ...] = attrs.field(default=(50,), converter=as_tuple, validator=positive_ints)

    def build(self, inputs: int, outputs: int) -> RecurrentModule:
        recurrence = torch.nn.GRU(inputs, self.hidden, self.layers)
        return RecurrentModule(recurrence, head_of(self.hidden, self.head, outputs))


@final
@attrs.frozen
class LSTM(Model):
    """A long short-term memory and a head.

    Attributes:
        hidden: units in a layer.
        layers: recurrent layers, at most 100, each fed by the one below.
        head: widths of the layers between the last recurrent one and the outputs, with a
            rectifier after each; none means one linear map.
    """

    hidden: int = attrs.field(default=50, validator=positive_int)
    layers: int = attrs.field(default=1, validator=[positive_int, _buildable])
    head: tuple[int, ...] = attrs.field(default=(50,), converter=as_tuple, validator=positive_ints)

    def build(self, inputs: int, outputs: int) -> RecurrentModule:
        recurrence = torch.nn.LSTM(inputs, self.hidden, self.layers)
        return RecurrentModule(recurrence, head_of(self.hidden, self.head, outputs))


@final
@attrs.frozen
class RNN(Model):
    """A plain recurrent network, as Elman's, and a head.

    Attributes:
        hidden: units in a layer.
        layers: recurrent layers, at most 100, each fed by the one below.
        head: widths of the layers between the last recurrent one and the outputs, with a
            rectifier after each; none means one linear map.
        activation: of the recurrent layers.
    """

    hidden: int = attrs.field(default=50, validator=positive_int)
    layers: int = attrs.field(default=1, validator=[positive_int, _buildable])
    head: tuple[int, ...] = attrs.field(default=(50,), converter=as_tuple, validator=positive_ints)
    activation: Literal["tanh", "relu"] = attrs.field(
        default="tanh", validator=one_of("tanh", "relu")
    )

    def build(self, inputs: int, outputs: int) -> RecurrentModule:
        recurrence = torch.nn.RNN(inputs, self.hidden, self.layers, nonlinearity=self.activation)
        return RecurrentModule(recurrence, head_of(self.hidden, self.head, outputs))


@final
class RecurrentModule(Compilable, StreamModule):
    """A recurrent network of torch, and a head that maps its hidden states to outputs.

    A state is a tensor (streams, layers, hidden); of an LSTM, a tuple of two: hidden and cell.

    Attributes:
        recurrence: torch's module; its ``weight_hh_l0`` and so on are the parameters.
        head: maps (..., hidden) to (..., outputs).
    """

    def __init__(self, recurrence: torch.nn.RNNBase, head: torch.nn.Module) -> None:
        super().__init__()
        self.recurrence = recurrence
        self.head = head

    def start(self, streams: int) -> State:
        shape = (streams, self.recurrence.num_layers, self.recurrence.hidden_size)
        like = next(self.recurrence.parameters())
        parts = [like.new_zeros(shape) for _ in range(CELLS[self.recurrence.mode].parts)]
        return _as_state(tuple(parts))

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        before = [part.transpose(0, 1).contiguous() for part in _as_parts(state)]
        hidden, state = self.recurrence(x, _as_state(tuple(before)))
        after = [part.transpose(0, 1) for part in _as_parts(state)]
        return self.head(hidden), _as_state(tuple(after))

    def fast_forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        parts = _as_parts(state)
        if not self._is_fast(x, parts):
            return super().fast_forward(x, state)
        if not torch.is_grad_enabled():
            network = self.network() if x.shape[0] * x.shape[1] >= _FEWEST_COMPILED else None
            return self._in_chunks(x, parts) if network is None else _run_on(network, x, state)
        recurrence = self.recurrence
        cell = CELLS[recurrence.mode]
        after = []
        for layer, weights in enumerate(recurrence.all_weights):
            start = tuple([part[:, layer] for part in parts])
            x, last = run_differentiable(cell, x, start, weights)
            after.append(last)
        return self.head(x), _as_state(_stacked(after))

    def window_states(self, x: Tensor, state: State, window: int) -> State:
        parts = _as_parts(state)
        with torch.no_grad():
            if not self._is_fast(x, parts):
                return super().window_states(x, state, window)
            layers = self._run(x, parts)
            firsts = [[part[:-1:window].flatten(0, 1) for part in layer] for layer in layers]
            return _as_state(_stacked(firsts))

    def network(self) -> RecurrentNetwork | None:
        recurrence, layers = self.recurrence, _head_layers(self.head)
        if layers is None or type(recurrence) not in (torch.nn.GRU, torch.nn.LSTM, torch.nn.RNN):
            return None
        unusual = (recurrence.bidirectional, recurrence.dropout, recurrence.proj_size)
        if any(unusual) or recurrence.batch_first or not recurrence.bias:
            return None
        if any(m._forward_hooks or m._forward_pre_hooks for m in self.modules()):
            return None
        inputs, outputs = recurrence.input_size, layers[-1].out_features
        return RecurrentNetwork(
            mode=recurrence.mode,
            hidden=recurrence.hidden_size,
            layers=recurrence.all_weights,
            head=[(layer.weight, layer.bias) for layer in layers],
            input_offset=np.zeros(inputs),
            input_scale=np.ones(inputs),
            output_offset=np.zeros(outputs),
            output_scale=np.ones(outputs),
        )

    def _is_fast(self, x: Tensor, parts: Parts) -> bool:
        """Whether the kernels can do it, and sooner than torch; see `is_fast`."""
        recurrence: Any = self.recurrence
        by_layer = tuple([part.transpose(0, 1) for part in parts if part.dim() == 3])
        return (
            len(by_layer) == CELLS[recurrence.mode].parts
            and x.shape[-1] == recurrence.input_size
            and is_fast(x, by_layer, recurrence.weight_hh_l0, recurrence.num_layers)
        )

    def _in_chunks(self, x: Tensor, parts: Parts) -> tuple[Tensor, State]:
        """A run without gradients, in pieces that stay in the processor's cache."""
        length = max(1, _CHUNK // (x.shape[1] * self.recurrence.hidden_size))
        outputs = []
        for chunk in x.split(length) if len(x) > length else (x,):
            layers = self._run(chunk, parts)
            parts = _stacked([[part[-1] for part in layer] for layer in layers])
            outputs.append(self.head(layers[-1][0][1:]))
        return torch.cat(outputs) if len(outputs) > 1 else outputs[0], _as_state(parts)

    def _run(self, x: Tensor, parts: Parts) -> list[Parts]:
        """Each layer's states, first to last, without gradients."""
        cell = CELLS[self.recurrence.mode]
        layers = []
        for layer, weights in enumerate(self.recurrence.all_weights):
            states = run(cell, x, tuple([part[:, layer] for part in parts]), weights)
            x = states[0][1:]
            layers.append(states)
        return layers


_FEWEST_COMPILED = 256  # samples over all streams: laying out the weights takes as long

_CHUNK = 2**18  # hidden numbers of a chunk, all streams and samples: 1 MB in float32


def _run_on(network: RecurrentNetwork, x: Tensor, state: State) -> tuple[Tensor, State]:
    """A free run without gradients, head and all, in compiled code."""
    free_run = FreeRun(network, x.shape[1])
    free_run.state = network.state_array(state)
    y = torch.from_numpy(free_run(x.detach().numpy()))
    return y, network.state_of(free_run.state)


def _as_parts(state: State) -> Parts:
    return state if isinstance(state, tuple) else (state,)


def _as_state(parts: Parts) -> State:
    return parts[0] if len(parts) == 1 else parts


def _stacked(layers: Sequence[Sequence[Tensor]]) -> Parts:
    """Parts of a state, each (streams, layers, hidden), from those of each layer."""
    return tuple([torch.stack(parts, dim=1) for parts in zip(*layers, strict=True)])


def _head_layers(head: torch.nn.Module) -> list[torch.nn.Linear] | None:
    """The linear layers of a head that `head_of` made; None of another."""
    modules = [*head] if type(head) is torch.nn.Sequential else [head]
    rectifiers = modules[1::2]
    layers = [
        layer for layer in modules[::2] if type(layer) is torch.nn.Linear and layer.bias is not None
    ]
    plain = all(type(rectifier) is torch.nn.ReLU for rectifier in rectifiers)
    return layers if plain and len(layers) == len(rectifiers) + 1 else None
