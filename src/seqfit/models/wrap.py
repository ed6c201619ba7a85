"""Any torch module with an explicit state, as a model."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, final

import attrs
import torch
from torch import Tensor

from seqfit.models.base import Model, StreamModule
from seqfit.models.torch_layers import CompiledRecurrences
from seqfit.states import State, leaves, map_arrays
from seqfit.validators import natural


def _factory_or_module(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not callable(value):
        raise TypeError(
            f"{attribute.name} must be a torch module or a factory(inputs, outputs) of one, "
            f"got {value!r}"
        )


def _callable_or_none(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and not callable(value):
        raise TypeError(f"{attribute.name} must be a function of the streams, got {value!r}")


@final
@attrs.frozen
class Wrap(Model):
    """A torch module of your own: ``forward(x, state) -> (y, state)``, time-major.

    x has the shape (time, streams, inputs), y (time, streams, outputs); the state is a tree of
    tensors.

    Attributes:
        module: makes the module from the numbers of inputs and outputs; or a module, of which
            each build takes a copy.
        start: makes the state before the first sample from the number of streams; None where
            the module has such a method of its own, with the name ``start``.
        stream_axis: along which axis of the state's tensors the streams lie. It is 1 for
            ``torch.nn.GRU`` and its kin.

    Example:
        >>> import torch
        >>> from seqfit.models import Wrap
        >>> def start(streams):
        ...     return torch.zeros(1, streams, 3)  # (layers, streams, hidden)
        >>> model = Wrap(torch.nn.GRU, start=start, stream_axis=1)
        >>> module = model.build(inputs=2, outputs=3)
        >>> y, state = module(torch.zeros(10, 4, 2), module.start(4))
        >>> y.shape, state.shape  # streams are seqfit's first axis of a state
        (torch.Size([10, 4, 3]), torch.Size([4, 1, 3]))
    """

    module: Callable[..., Any] = attrs.field(validator=_factory_or_module)
    start: Callable[[int], State] | None = attrs.field(default=None, validator=_callable_or_none)
    stream_axis: int = attrs.field(default=0, validator=natural)

    def build(self, inputs: int, outputs: int) -> StreamModule:
        if isinstance(self.module, torch.nn.Module):
            module = copy.deepcopy(self.module)
        else:
            module = self.module(inputs, outputs)
        if not isinstance(module, torch.nn.Module):
            raise TypeError(
                f"module: the factory must return a torch.nn.Module, got {type(module).__name__}"
            )
        start = self.start if self.start is not None else getattr(module, "start", None)
        if not callable(start):
            raise TypeError(
                f"{type(module).__name__} has no method start(streams); give it one, or give "
                "Wrap a start= that makes the state before the first sample"
            )
        return _WrappedModule(module, self.start, self.stream_axis, outputs)


class _WrappedModule(StreamModule):
    def __init__(
        self,
        module: torch.nn.Module,
        start: Callable[[int], State] | None,
        stream_axis: int,
        outputs: int,
    ) -> None:
        super().__init__()
        self.module = module
        self._start = start
        self._stream_axis = stream_axis
        self._outputs = outputs
        self._has_torch_layers = any(isinstance(m, torch.nn.RNNBase) for m in module.modules())

    def start(self, streams: int) -> State:
        # The module's own method is looked up at each call: a copy of this module has its own.
        start: Any = self.module.start if self._start is None else self._start
        like = next(self.module.parameters(), torch.zeros(()))

        def place(leaf: Tensor) -> Tensor:
            if isinstance(leaf, Tensor) and leaf.is_floating_point():
                return leaf.to(like.device, like.dtype)
            return leaf

        return self._streams_first(map_arrays(place, start(streams)), streams, "start")

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        y, state = self._run(x, state)
        name = type(self.module).__name__
        return y, self._streams_first(state, x.shape[1], f"forward of {name}")

    def fast_forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        if not self._has_torch_layers:
            return super().fast_forward(x, state)
        with CompiledRecurrences():
            return super().fast_forward(x, state)

    def window_states(self, x: Tensor, state: State, window: int) -> State:
        if not self._has_torch_layers:
            return super().window_states(x, state, window)
        layers = CompiledRecurrences()
        with torch.no_grad(), layers:
            _, after = self._run(x, state)
        # Where the state is that of torch's layers, one run tells it before each window: chunks
        # make no difference, so that it is what a run up to there would have left.
        courses = [layers.course_of(leaf, len(x)) for leaf in leaves(after)]
        if None in courses:
            return super().window_states(x, state, window)

        def before_windows(leaf: Tensor) -> Tensor:
            course = layers.course_of(leaf, len(x)) or []
            states = torch.stack([states[:-1:window] for states in course], dim=1)
            return states.movedim(self._stream_axis + 1, 1).flatten(0, 1)

        return map_arrays(before_windows, after)

    def _run(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The module's outputs and state, with the streams where it has them."""
        out = self.module(x, map_arrays(self._streams_in_place, state))
        name = type(self.module).__name__
        if not isinstance(out, tuple) or len(out) != 2:
            raise TypeError(
                f"forward of {name} must return (y, state), got {type(out).__name__}"
                + (f" of {len(out)}" if isinstance(out, tuple) else "")
            )
        y, state = out
        if not isinstance(y, Tensor):
            raise TypeError(f"forward of {name} must give a tensor y, got {type(y).__name__}")
        shape = (*x.shape[:2], self._outputs)
        if y.shape != shape:
            raise ValueError(
                f"forward of {name} must give y of shape (time, streams, outputs) = {shape}, "
                f"got {tuple(y.shape)}"
            )
        return y, state

    def _streams_in_place(self, leaf: Tensor) -> Tensor:
        return leaf.movedim(0, self._stream_axis).contiguous()

    def _streams_first(self, state: State, streams: int, maker: str) -> State:
        axis = self._stream_axis

        def move(leaf: Tensor) -> Tensor:
            if not isinstance(leaf, Tensor):
                raise TypeError(
                    f"{maker} must give a state of tensors, got {type(leaf).__name__} in it"
                )
            if leaf.dim() <= axis or leaf.shape[axis] != streams:
                raise ValueError(
                    f"{maker} must give tensors with the {streams} streams along axis {axis}, "
                    f"got the shape {tuple(leaf.shape)}; stream_axis says where they are"
                )
            return leaf.movedim(axis, 0)

        return map_arrays(move, state)
