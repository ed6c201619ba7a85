"""A model in the units of its data."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seqfit.models.base import Compilable, Model, StreamModule, TeacherForced
from seqfit.models.kernels.network import Network
from seqfit.states import State
from seqfit.validators import as_tuple, is_finite


def _numbers(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not value or not all(is_finite(v) for v in value):
        raise ValueError(f"{attribute.name} must be one or more finite numbers, got {value!r}")


def _model(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, Model):
        raise TypeError(f"{attribute.name} must be a Model, got {value!r}")


def _positive_numbers(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    _numbers(instance, attribute, value)
    if min(value) <= 0:
        raise ValueError(f"{attribute.name} must be positive, got {value!r}")


@final
@attrs.frozen
class Scaled(Model):
    """Another model between two affine maps: it sees ``(x - offset) / scale`` of each channel.

    What comes out of it is multiplied by the output's scale and shifted by its offset, so that
    losses, scores and predictions stay in the units of the data.

    Attributes:
        model: the model in between.
        input_offset: what is taken off each input channel.
        input_scale: what each input channel is then divided by.
        output_offset: what is added to each output channel.
        output_scale: what each output channel is multiplied by before.
    """

    model: Model = attrs.field(validator=_model)
    input_offset: tuple[float, ...] = attrs.field(converter=as_tuple, validator=_numbers)
    input_scale: tuple[float, ...] = attrs.field(converter=as_tuple, validator=_positive_numbers)
    output_offset: tuple[float, ...] = attrs.field(converter=as_tuple, validator=_numbers)
    output_scale: tuple[float, ...] = attrs.field(converter=as_tuple, validator=_positive_numbers)

    @classmethod
    def to_data(
        cls, model: Model, x: npt.NDArray[np.floating[Any]], y: npt.NDArray[np.floating[Any]]
    ) -> Scaled:
        """Scale by the mean and standard deviation of some data; constant channels keep theirs.

        Args:
            model: the model in between.
            x: inputs, (time, streams, inputs).
            y: outputs, (time, streams, outputs); NaN where one is missing.

        Raises:
            ValueError: an input is not finite, or all outputs of a channel are missing.
        """
        without = np.flatnonzero(np.isnan(y).all(axis=(0, 1)))
        if len(without):
            raise ValueError(
                f"output channel {without[0]} can't be scaled: all of its {len(y):,} samples are "
                "missing"
            )
        return cls(model, *_mean_and_deviation(x), *_mean_and_deviation(y, leave_out=np.isnan(y)))

    def build(self, inputs: int, outputs: int) -> StreamModule:
        for name, numbers, channels in (
            ("input_offset", self.input_offset, inputs),
            ("input_scale", self.input_scale, inputs),
            ("output_offset", self.output_offset, outputs),
            ("output_scale", self.output_scale, outputs),
        ):
            if len(numbers) != channels:
                raise ValueError(f"{name} must have {channels} numbers, got {len(numbers)}")
        return _ScaledModule(self.model.build(inputs, outputs), self)


class _ScaledModule(Compilable, TeacherForced, StreamModule):
    input_offset: Tensor
    input_scale: Tensor
    output_offset: Tensor
    output_scale: Tensor

    def __init__(self, inner: StreamModule, scaling: Scaled) -> None:
        super().__init__()
        self.inner = inner
        for name in ("input_offset", "input_scale", "output_offset", "output_scale"):
            self.register_buffer(name, torch.tensor(getattr(scaling, name)), persistent=False)

    def start(self, streams: int) -> State:
        return self.inner.start(streams)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        y, state = self.inner(self._in(x), state)
        return self._out(y), state

    def fast_forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        y, state = self.inner.fast_forward(self._in(x), state)
        return self._out(y), state

    def window_states(self, x: Tensor, state: State, window: int) -> State:
        return self.inner.window_states(self._in(x), state, window)

    def teacher_forced(self, x: Tensor, y: Tensor, state: State) -> tuple[Tensor, State] | None:
        if not isinstance(self.inner, TeacherForced):
            return None
        scaled = (y - self.output_offset) / self.output_scale
        out = self.inner.teacher_forced(self._in(x), scaled, state)
        return None if out is None else (self._out(out[0]), out[1])

    def network(self) -> Network | None:
        inner: Any = self.inner.network() if isinstance(self.inner, Compilable) else None
        if inner is None or inner.is_scaled:
            return None
        if self._forward_hooks or self._forward_pre_hooks:
            return None
        own: dict[str, Any] = {
            name: buffer.cpu().numpy() for name, buffer in self.named_buffers(recurse=False)
        }
        scaled: Network = attrs.evolve(inner, **own)
        return scaled

    def _in(self, x: Tensor) -> Tensor:
        return (x - self.input_offset) / self.input_scale

    def _out(self, y: Tensor) -> Tensor:
        return y * self.output_scale + self.output_offset


def _mean_and_deviation(
    values: npt.NDArray[np.floating[Any]], leave_out: npt.NDArray[np.bool_] | None = None
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    samples = values.reshape(-1, values.shape[2]).astype(np.float64)
    used: Any = True if leave_out is None else ~leave_out.reshape(samples.shape)
    deviations = samples.std(axis=0, where=used)
    deviations[deviations == 0] = 1.0
    return tuple(samples.mean(axis=0, where=used).tolist()), tuple(deviations.tolist())
