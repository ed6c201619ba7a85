"""torch's recurrent layers within any module, run by compiled kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, final

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from seqfit.models.kernels.cells import CELLS
from seqfit.models.kernels.recurrence import is_fast, run, run_differentiable

_MODES: dict[Any, str] = {
    torch._VF.gru: "GRU",
    torch._VF.lstm: "LSTM",
    torch._VF.rnn_tanh: "RNN_TANH",
    torch._VF.rnn_relu: "RNN_RELU",
}


@final
class CompiledRecurrences(TorchFunctionMode):
    """Within it, torch's recurrent layers compute the same, to rounding, by compiled kernels.

    Layers that the kernels don't know, or that torch is faster with, stay torch's.
    """

    def __init__(self) -> None:
        super().__init__()
        self._courses: list[tuple[Tensor, list[Tensor]]] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        mode = _MODES.get(func)
        if mode is not None and not kwargs:
            out = self._run(mode, *args)
            if out is not None:
                return out
        return func(*args, **(kwargs or {}))

    def course_of(self, state: Tensor, time: int) -> list[Tensor] | None:
        """The course of which a tensor is the end, if a layer left it there without gradients.

        Args:
            state: a tensor; what counts is that it is the layer's own.
            time: samples that the layer must have run through.

        Returns:
            Of each layer the states before the first sample and after each, (time + 1, streams,
            hidden).
        """
        for end, course in self._courses:
            if end is state and len(course[0]) == time + 1:
                return course
        return None

    def _run(
        self, mode: str, x: Tensor, start: Any, weights: Any, has_biases: Any, layers: Any,
        dropout: Any, training: Any, bidirectional: Any, batch_first: Any = True,
    ) -> tuple[Tensor, ...] | None:  # fmt: skip
        """What torch's function gives; None where it is left to torch.

        Packed sequences have no last argument.
        """
        cell = CELLS[mode]
        parts = tuple(start) if isinstance(start, list | tuple) else (start,)
        unusual = bidirectional or batch_first or (dropout and training) or not has_biases
        if unusual or not isinstance(weights, Sequence) or len(weights) != 4 * layers:
            return None
        if len(parts) != cell.parts or not is_fast(x, parts, weights[1], layers):
            return None
        ends = []
        for layer in range(layers):
            own = weights[4 * layer : 4 * layer + 4]
            first = tuple([part[layer] for part in parts])
            if torch.is_grad_enabled():
                x, last = run_differentiable(cell, x, first, own)
                ends.append(last)
            else:
                states = run(cell, x, first, own)
                x = states[0][1:]
                ends.append(states)
        if torch.is_grad_enabled():
            return x, *(torch.stack(part) for part in zip(*ends, strict=True))
        courses = [list(part) for part in zip(*ends, strict=True)]
        last = tuple([torch.stack([states[-1] for states in course]) for course in courses])
        self._courses += zip(last, courses, strict=True)
        return x, *last
