"""A hidden-layer map that is fed with its own values, as a torch module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, final

import attrs
import numpy as np
import torch
from torch import Tensor

from seqfit.models.base import Compilable, SingleStream, Solvable, StreamModule, TeacherForced
from seqfit.models.kernels.map_network import MapNetwork
from seqfit.models.kernels.network import Network
from seqfit.second_order.formula import formula
from seqfit.second_order.maps import Array, HiddenLayerMap
from seqfit.second_order.outcome import Status
from seqfit.second_order.recurrence import Recurrence, Steps, free_run
from seqfit.second_order.residuals import TwoValues
from seqfit.states import State


@final
@attrs.frozen(eq=False)
class Solution:
    """What a search found.

    Attributes:
        recurrence: the weights.
        start: the state its streams start with, (1, state).
        status: how it ended.
        between: the two values that outputs take, if they take no others; the recurrence then
            gives the logits of the second one.
    """

    recurrence: Recurrence
    start: Array
    status: Status
    between: TwoValues | None = None


Search: TypeAlias = Callable[[Array, Array, int, bool], Solution]
"""From inputs and outputs, each (time, streams, channels), a seed and whether outliers are to be
kept from pulling harder than others, to the best recurrence."""


@final
class RecurrentMapModule(StreamModule, Compilable, Solvable, TeacherForced):
    """``new = f(x_t .. x_{t-lags}, s)``, ``s = (new, s without its last)``, ``y = C s + e``.

    f is a hidden layer with a linear skip. Where the outputs that it was solved for take two
    values, y is the logit of the second one, and their expected value comes out. A state is a
    tuple: s, (streams, size), and the past inputs, (streams, lags, inputs), newest first. Units
    that a solution can do without have zero weights, so that shapes stay as they were configured.

    Args:
        recurrence: the first weights.
        input_lags: how many past inputs the map sees.
        trained_readout: whether C and e are parameters; otherwise they are fixed.
        search: finds the recurrence that `solve` takes over.
    """

    constant: Tensor
    linear: Tensor
    output: Tensor
    hidden: Tensor
    bias: Tensor
    readout: Tensor
    shift: Tensor
    rest: Tensor
    between: Tensor

    def __init__(
        self, recurrence: Recurrence, input_lags: int, trained_readout: bool, search: Search
    ) -> None:
        super().__init__()
        f = recurrence.f
        self._tanh = f.tanh
        self._input_lags = input_lags
        self._inputs = (f.features - recurrence.size) // (input_lags + 1)
        self._search = search
        for name in ("constant", "linear", "output", "hidden", "bias"):
            setattr(self, name, torch.nn.Parameter(_tensor(getattr(f, name))))
        for name in ("readout", "shift"):
            values = _tensor(getattr(recurrence, name))
            if trained_readout:
                setattr(self, name, torch.nn.Parameter(values))
            else:
                self.register_buffer(name, values)
        self.register_buffer("rest", torch.zeros(recurrence.size))
        # Two values for each output, (2, outputs); equal ones where it may take any.
        self.register_buffer("between", torch.zeros(2, len(recurrence.shift)))

    def start(self, streams: int) -> State:
        past = self.rest.new_zeros(streams, self._input_lags, self._inputs)
        return self.rest.repeat(streams, 1), past

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        s, past = state
        outputs = []
        for x_t in x:  # (streams, inputs)
            seen = torch.cat([x_t[:, None], past], dim=1)  # (streams, lags + 1, inputs)
            new = self._map(torch.cat([seen.flatten(1), s], dim=1))
            s = torch.cat([new, s[:, : s.shape[1] - new.shape[1]]], dim=1)
            past = seen[:, : self._input_lags]
            outputs.append(s @ self.readout.T + self.shift)
        return self._expected(torch.stack(outputs)), (s, past)

    def _map(self, p: Tensor) -> Tensor:
        z = p @ self.hidden.T + self.bias
        units = torch.tanh(z) if self._tanh else torch.relu(z)
        return self.constant + p @ self.linear.T + units @ self.output.T

    def _expected(self, y: Tensor) -> Tensor:
        low, high = self.between
        if bool((low == high).any()):
            return y
        share = torch.sigmoid(y)
        expected: Tensor = (1 - share) * low + share * high
        return expected

    def fast_forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        if torch.is_grad_enabled() or not x.is_cpu:
            return super().fast_forward(x, state)
        s, past = state
        features, past = _lagged(x, past)  # (time, streams, inputs * (lags + 1))
        y, after = free_run(self.recurrence(), features.numpy(), s.numpy())
        return self._expected(torch.from_numpy(y)), (torch.from_numpy(after), past)

    def teacher_forced(self, x: Tensor, y: Tensor, state: State) -> tuple[Tensor, State] | None:
        if not self._outputs_tell_the_state():
            return None
        s, past = state
        features, past = _lagged(x, past)
        # The state before a sample is that of the one before it, with its last output in front.
        rows = s.unflatten(1, (-1, y.shape[2]))  # (streams, lags, outputs)
        now = self.readout[:, : y.shape[2]]
        told = torch.linalg.solve(now, (y - self.shift).mT).mT  # the s_t that would give y_t
        earlier, rows = _lagged(told, rows)
        before = torch.cat([s[None], earlier[:-1, :, : s.shape[1]]])
        new = self._map(torch.cat([features, before], dim=2))
        return new @ now.T + self.shift, (rows.flatten(1), past)

    def _outputs_tell_the_state(self) -> bool:
        """Whether the state is a row of what the last outputs tell, newest first."""
        outputs = len(self.readout)
        if len(self.constant) != outputs or self._two_values() is not None:
            return False
        now, past = self.readout[:, :outputs], self.readout[:, outputs:]
        return not past.any() and int(torch.linalg.matrix_rank(now)) == outputs

    def single_stream(self) -> SingleStream | None:
        plain = not self._input_lags and self._two_values() is None and self.rest.is_cpu
        return _MapStream(self) if plain else None

    def network(self) -> Network | None:
        if self._two_values() is not None or self._forward_hooks or self._forward_pre_hooks:
            return None
        inputs, outputs = self._inputs, len(self.shift)
        return MapNetwork(
            constant=self.constant,
            linear=self.linear,
            output=self.output,
            hidden=self.hidden,
            bias=self.bias,
            readout=self.readout,
            shift=self.shift,
            trained_readout=isinstance(self.readout, torch.nn.Parameter),
            tanh=self._tanh,
            lags=self._input_lags,
            input_offset=np.zeros(inputs),
            input_scale=np.ones(inputs),
            output_offset=np.zeros(outputs),
            output_scale=np.ones(outputs),
        )

    def solve(self, x: Array, y: Array, seed: int, robust: bool) -> Status:
        found = self._search(x, y, seed, robust)
        own = _widened(found.recurrence, self.hidden.shape[0], self.readout.shape[1])
        with torch.no_grad():
            for name in ("constant", "linear", "output", "hidden", "bias"):
                getattr(self, name).copy_(_tensor(getattr(own.f, name)))
            self.readout.copy_(_tensor(own.readout))
            self.shift.copy_(_tensor(own.shift))
            self.rest.zero_()
            self.rest[: found.start.shape[1]] = _tensor(found.start[0])
            self.between.zero_()
            if found.between is not None:
                values = np.stack([found.between.low, found.between.high])
                self.between.copy_(_tensor(values))
        return found.status

    def law(self) -> str:
        start = self.rest.detach().cpu().double().numpy()
        return formula(self.recurrence(), self._inputs, self._input_lags, start, self._two_values())

    def _two_values(self) -> TwoValues | None:
        low, high = self.between.cpu().numpy()
        return None if (low == high).any() else TwoValues(low, high)

    def recurrence(self) -> Recurrence:
        """The weights as NumPy arrays, without the units that do nothing."""
        numbers: dict[str, Any] = {
            name: getattr(self, name).detach().cpu().numpy()
            for name in ("constant", "linear", "output", "hidden", "bias", "readout", "shift")
        }
        used = np.flatnonzero(numbers["output"].any(axis=0))
        f = HiddenLayerMap(
            numbers["constant"],
            numbers["linear"],
            np.ascontiguousarray(numbers["output"][:, used]),
            np.ascontiguousarray(numbers["hidden"][used]),
            np.ascontiguousarray(numbers["bias"][used]),
            self._tanh,
        )
        return Recurrence(f, numbers["readout"], numbers["shift"])


def _lagged(values: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
    """Each sample beside those before it, newest first.

    Args:
        values: (time, streams, channels).
        past: those before them, newest first, (streams, lags, channels).

    Returns:
        lagged: (time, streams, (lags + 1) * channels).
        past: after the last sample.
    """
    lags = past.shape[1]
    line = torch.cat([past.flip(1).transpose(0, 1), values])  # (lags + time, streams, channels)
    lagged = [line[lags - k :][: len(values)] for k in range(lags + 1)]
    after = line[len(line) - lags :].flip(0).transpose(0, 1)
    return torch.cat(lagged, dim=2), after.contiguous()


class _MapStream:
    """See `SingleStream`."""

    def __init__(self, module: RecurrentMapModule) -> None:
        self._recurrence = module.recurrence()
        self._past = module.start(1)[1]
        self.state = module.start(1)

    def __call__(self, x: float, /) -> float:
        return self._steps(x)

    @property
    def state(self) -> State:
        return torch.from_numpy(self._steps.state.copy()), self._past

    @state.setter
    def state(self, state: State) -> None:
        self._steps = Steps(self._recurrence, state[0].numpy())


def _widened(found: Recurrence, units: int, size: int) -> Recurrence:
    """The recurrence with zeros for hidden units and state numbers that it has less."""
    f, more = found.f, size - found.size
    inputs = f.features - found.size
    full = more > 0  # a state-space model, whose map gives every number of the state
    rows = f.outputs + more if full else f.outputs
    linear = np.zeros((rows, inputs + size))
    linear[: f.outputs, : f.features] = f.linear
    output, hidden, bias = (
        np.zeros((rows, units)),
        np.zeros((units, inputs + size)),
        np.zeros(units),
    )
    output[: f.outputs, : f.units] = f.output
    hidden[: f.units, : f.features] = f.hidden
    bias[: f.units] = f.bias
    constant = np.zeros(rows)
    constant[: f.outputs] = f.constant
    readout = np.zeros((len(found.shift), size))
    readout[:, : found.size] = found.readout
    wide = HiddenLayerMap(constant, linear, output, hidden, bias, f.tanh)
    return Recurrence(wide, readout, found.shift)


def _tensor(values: Array) -> Tensor:
    return torch.as_tensor(np.array(values), dtype=torch.get_default_dtype())
