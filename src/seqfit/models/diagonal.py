"""Linear recurrences without mixing, read out by a network."""

from __future__ import annotations

import math
from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqfit.compiling import compiled
from seqfit.models.base import Model, StreamModule
from seqfit.models.head import head_of
from seqfit.states import State
from seqfit.validators import as_tuple, is_finite, must, positive_int, positive_ints

Array = npt.NDArray[Any]

_at_least_one = must("a finite number of at least 1", lambda v: is_finite(v) and v >= 1)


@final
@attrs.frozen
class DiagonalStateSpace(Model):
    """Complex numbers that each decay and turn at a rate of their own, and a head.

    ``s_i[t] = lambda_i s_i[t-1] + sqrt(1 - |lambda_i|**2) (B x[t])_i`` with ``|lambda_i| < 1``;
    the head maps the real and imaginary parts of s, and x, to the outputs. All memory is linear
    and fades; what is not linear is in the head.

    References:
        Orvieto et al. (2023), "Resurrecting recurrent neural networks for long sequences": the
        linear recurrent unit, its parameters and their first values.

    Attributes:
        size: complex numbers in the state.
        head: widths of the layers between the state and the outputs, with a rectifier after each;
            none means one linear map.
        slowest: the longest time constant at first, in samples; the shortest is 1.
    """

    size: int = attrs.field(default=32, validator=positive_int)
    head: tuple[int, ...] = attrs.field(default=(50,), converter=as_tuple, validator=positive_ints)
    slowest: float = attrs.field(default=1000.0, validator=_at_least_one)

    def build(self, inputs: int, outputs: int) -> StreamModule:
        return DiagonalModule(inputs, outputs, self)


@final
class DiagonalModule(StreamModule):
    """See `DiagonalStateSpace`. A state is a tensor (streams, size, 2): real, imaginary."""

    def __init__(self, inputs: int, outputs: int, model: DiagonalStateSpace) -> None:
        super().__init__()
        size = model.size
        times = torch.exp(torch.rand(size) * math.log(model.slowest))
        self.log_rate = torch.nn.Parameter(-torch.log(times))  # |lambda| = exp(-exp(log_rate))
        self.angle = torch.nn.Parameter(torch.rand(size) * math.pi / times)
        self.into = torch.nn.Parameter(torch.randn(size, inputs, 2) / math.sqrt(2 * inputs))
        self.head = head_of(2 * size + inputs, model.head, outputs)

    def start(self, streams: int) -> State:
        return self.log_rate.new_zeros(streams, len(self.log_rate), 2)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        factors, driven = self._driven(x)
        s, states = torch.view_as_complex(state.contiguous()), []
        for u in driven:  # (streams, size)
            s = factors * s + u
            states.append(s)
        return self._read(torch.stack(states), x)

    def fast_forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        if not x.is_cpu:
            return super().fast_forward(x, state)
        factors, driven = self._driven(x)
        s = torch.view_as_complex(state.contiguous())
        states: Tensor = _Scan.apply(factors, driven, s)  # type: ignore[no-untyped-call]
        return self._read(states, x)

    def window_states(self, x: Tensor, state: State, window: int) -> State:
        if not x.is_cpu:
            return super().window_states(x, state, window)
        with torch.no_grad():
            factors, driven = self._driven(x)
            s = torch.view_as_complex(state.contiguous())
            states = _Scan.apply(factors, driven, s)  # type: ignore[no-untyped-call]
            firsts = torch.cat([s[None], states[window - 1 : len(x) - 1 : window]])
            return torch.view_as_real(firsts.flatten(0, 1))

    def _driven(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The factors lambda, (size,), and what the inputs add, (time, streams, size)."""
        size = torch.exp(-torch.exp(self.log_rate))
        factors = torch.polar(size, self.angle)
        gain = torch.sqrt(-torch.expm1(-2 * torch.exp(self.log_rate)))  # sqrt(1 - |lambda|**2)
        into = gain[:, None, None] * self.into
        return factors, torch.complex(x @ into[..., 0].T, x @ into[..., 1].T)

    def _read(self, states: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        parts = torch.view_as_real(states)  # (time, streams, size, 2)
        return self.head(torch.cat([parts.flatten(2), x], dim=2)), parts[-1]


class _Scan(torch.autograd.Function):
    """``s[t] = factors * s[t-1] + driven[t]``, all states after the first."""

    @staticmethod
    def forward(ctx: Any, factors: Tensor, driven: Tensor, start: Tensor) -> Tensor:
        inputs = _array(driven)
        states = np.empty_like(inputs)
        _scan(_array(factors), inputs, _array(start), states)
        found = torch.from_numpy(states)
        ctx.save_for_backward(factors, found, start)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        factors, states, start = map(_array, ctx.saved_tensors)
        gradient = _array(by_states)
        by_driven, by_start = np.empty_like(gradient), np.empty_like(start)
        by_factors = np.zeros_like(factors)
        _scan_back(factors, start, states, gradient, by_driven, by_factors, by_start)
        return torch.from_numpy(by_factors), torch.from_numpy(by_driven), torch.from_numpy(by_start)


def _array(tensor: Tensor) -> Array:
    array: Array = tensor.detach().resolve_conj().contiguous().numpy()
    return array


@compiled
def _scan(factors: Array, driven: Array, start: Array, states: Array) -> None:
    time, streams, size = driven.shape
    for b in range(streams):
        for i in range(size):
            if time:
                states[0, b, i] = factors[i] * start[b, i] + driven[0, b, i]
    for t in range(1, time):
        for b in range(streams):
            for i in range(size):
                states[t, b, i] = factors[i] * states[t - 1, b, i] + driven[t, b, i]


@compiled
def _scan_back(
    factors: Array, start: Array, states: Array, gradient: Array, by_driven: Array,
    by_factors: Array, by_start: Array,
) -> None:  # fmt: skip
    time, streams, size = gradient.shape
    by_start[:] = 0  # the gradient by the state after the sample that comes next
    for t in range(time - 1, -1, -1):
        for b in range(streams):
            for i in range(size):
                slope = gradient[t, b, i] + by_start[b, i]
                before = states[t - 1, b, i] if t > 0 else start[b, i]
                by_driven[t, b, i] = slope
                by_factors[i] += slope * np.conj(before)
                by_start[b, i] = slope * np.conj(factors[i])
