"""Recurrent networks: gated recurrent unit, long short-term memory and the plain cell.

References:
    Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical
    machine translation", 2014.
    Hochreiter and Schmidhuber, "Long short-term memory", 1997.
    Elman, "Finding structure in time", 1990.

"""

from __future__ import annotations

from typing import Literal, final

import attrs
import torch
from torch import Tensor
from torch.nn.functional import linear

from seqfit.models.base import Model, StreamModule
from seqfit.models.kernels.cells import CELLS, Cell
from seqfit.models.kernels.recurrence import recur, states_after
from seqfit.states import State
from seqfit.validators import as_tuple, one_of, positive_int, positive_ints


@final
@attrs.frozen
class GRU(Model):
    """A gated recurrent unit and a head: the default is the network of the 2017 experiment.

    Attributes:
        hidden: units in a layer.
        layers: recurrent layers, each fed by the one below.
        head: widths of the layers between the last recurrent one and the outputs, with a
            rectifier after each; none means one linear map.

    """

    hidden: int = attrs.field(default=50, validator=positive_int)
    layers: int = attrs.field(default=1, validator=positive_int)
    head: tuple[int, ...] = attrs.field(
        default=(50,), converter=as_tuple, validator=positive_ints
    )

    def build(self, inputs: int, outputs: int) -> RecurrentModule:
        recurrence = torch.nn.GRU(inputs, self.hidden, self.layers)
        return RecurrentModule(recurrence, _head(self.hidden, self.head, outputs))


@final
@attrs.frozen
class LSTM(Model):
    """A long short-term memory and a head.

    Attributes:
        hidden: units in a layer.
        layers: recurrent layers, each fed by the one below.
        head: widths of the layers between the last recurrent one and the outputs, with a
            rectifier after each; none means one linear map.

    """

    hidden: int = attrs.field(default=50, validator=positive_int)
    layers: int = attrs.field(default=1, validator=positive_int)
    head: tuple[int, ...] = attrs.field(
        default=(50,), converter=as_tuple, validator=positive_ints
    )

    def build(self, inputs: int, outputs: int) -> RecurrentModule:
        recurrence = torch.nn.LSTM(inputs, self.hidden, self.layers)
        return RecurrentModule(recurrence, _head(self.hidden, self.head, outputs))


@final
@attrs.frozen
class RNN(Model):
    """A plain recurrent network, as Elman's, and a head.

    Attributes:
        hidden: units in a layer.
        layers: recurrent layers, each fed by the one below.
        head: widths of the layers between the last recurrent one and the outputs, with a
            rectifier after each; none means one linear map.
        activation: of the recurrent layers.

    """

    hidden: int = attrs.field(default=50, validator=positive_int)
    layers: int = attrs.field(default=1, validator=positive_int)
    head: tuple[int, ...] = attrs.field(
        default=(50,), converter=as_tuple, validator=positive_ints
    )
    activation: Literal["tanh", "relu"] = attrs.field(
        default="tanh", validator=one_of("tanh", "relu")
    )

    def build(self, inputs: int, outputs: int) -> RecurrentModule:
        recurrence = torch.nn.RNN(
            inputs, self.hidden, self.layers, nonlinearity=self.activation
        )
        return RecurrentModule(recurrence, _head(self.hidden, self.head, outputs))


@final
class RecurrentModule(StreamModule):
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
        like = self.recurrence.weight_hh_l0
        layers, hidden = self.recurrence.num_layers, self.recurrence.hidden_size
        parts = [like.new_zeros(streams, layers, hidden) for _ in range(self._cell.parts)]
        return _as_state(parts)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        parts = [part.transpose(0, 1).contiguous() for part in _as_parts(state)]
        hidden, after = self.recurrence(x, _as_state(parts))
        return self.head(hidden), _as_state([part.transpose(0, 1) for part in _as_parts(after)])

    def fast_forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        if not self._is_fast(x, state):
            return super().fast_forward(x, state)
        tensors = (x, *_as_parts(state), *self.parameters())
        if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
            return self._differentiable(x, state)
        with torch.no_grad():
            return self._in_chunks(x, state)

    def window_states(self, x: Tensor, state: State, window: int) -> State:
        if not self._is_fast(x, state):
            return super().window_states(x, state, window)
        with torch.no_grad():
            _, layers = self._steps(x, state)
            firsts = [states[:-1:window].flatten(0, 1) for states in layers]
            return self._unpacked(firsts)

    @property
    def _cell(self) -> Cell:
        return CELLS[self.recurrence.mode]

    def _is_fast(self, x: Tensor, state: State) -> bool:
        """Whether the kernels can do it, and sooner than torch; torch has the better errors."""
        weight: Tensor = self.recurrence.weight_hh_l0
        layers, hidden = self.recurrence.num_layers, self.recurrence.hidden_size
        parts = _as_parts(state)
        return (
            weight.dtype in (torch.float32, torch.float64)
            and x.dim() == 3
            and len(x) > 0
            and len(parts) == self._cell.parts
            and all(part.shape == (x.shape[1], layers, hidden) for part in parts)
            and all(t.dtype == weight.dtype and t.device.type == "cpu" for t in (x, *parts))
            and weight.device.type == "cpu"
            and not torch.is_autocast_enabled("cpu")
        )

    def _differentiable(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        after = []
        for layer, start in enumerate(self._packed(state)):
            weight_in, weight, bias_in, bias = self.recurrence.all_weights[layer]
            x, last = recur(self._cell, linear(x, weight_in, bias_in), weight, bias, start)
            after.append(last)
        return self.head(x), self._unpacked(after)

    def _in_chunks(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """A run without gradients, in pieces that stay in the processor's cache."""
        length = max(1, _CHUNK // (x.shape[1] * self.recurrence.hidden_size))
        outputs = []
        for chunk in x.split(length):
            hidden, layers = self._steps(chunk, state)
            state = self._unpacked([states[-1] for states in layers])
            outputs.append(self.head(hidden))
        return torch.cat(outputs) if len(outputs) > 1 else outputs[0], state

    def _steps(self, x: Tensor, state: State) -> tuple[Tensor, list[Tensor]]:
        """The last layer's hidden states, and each layer's states from the first on."""
        layers = []
        for layer, start in enumerate(self._packed(state)):
            weight_in, weight, bias_in, bias = self.recurrence.all_weights[layer]
            states = states_after(self._cell, linear(x, weight_in, bias_in), weight, bias, start)
            x = states[1:, :, : self.recurrence.hidden_size]
            layers.append(states)
        return x, layers

    def _packed(self, state: State) -> tuple[Tensor, ...]:
        """Each layer's start, (streams, parts * hidden)."""
        parts = _as_parts(state)
        return (parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)).unbind(1)

    def _unpacked(self, layers: list[Tensor]) -> State:
        """The state from each layer's; it shares no memory with theirs."""
        together = torch.stack(layers, dim=1)  # (streams, layers, parts * hidden)
        if self._cell.parts == 1:
            return together
        return _as_state(list(together.chunk(self._cell.parts, dim=2)))


_CHUNK = 2**18


def _as_parts(state: State) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


def _as_state(parts: list[Tensor]) -> State:
    return parts[0] if len(parts) == 1 else tuple(parts)


def _head(hidden: int, widths: tuple[int, ...], outputs: int) -> torch.nn.Module:
    layers: list[torch.nn.Module] = []
    for width in widths:
        layers += [torch.nn.Linear(hidden, width), torch.nn.ReLU()]
        hidden = width
    last = torch.nn.Linear(hidden, outputs)
    return torch.nn.Sequential(*layers, last) if layers else last
