"""Runs of a model, on its own outputs or one step ahead, without gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seqfit.models.base import StreamModule, TeacherForced
from seqfit.models.resets import run
from seqfit.states import State

Array = npt.NDArray[np.floating[Any]]
Mask = npt.NDArray[np.bool_]

SAMPLES_AT_ONCE = 2**16  # keeps the activations of a long run from filling the memory


@final
@attrs.define
class Run:
    """A module that goes on from where it is, chunk after chunk; its weights stay as they are.

    Attributes:
        module: the model.
        state: before the next sample.
    """

    module: StreamModule
    state: State

    def free(self, x: Array, reset: Mask | None = None) -> Array:
        """The outputs of a free run through the next inputs.

        Args:
            x: (time, streams, inputs), in the dtype of the weights.
            reset: before which samples a stream starts anew, bool, (time, streams); None where
                none does.

        Returns:
            y: (time, streams, outputs).
        """

        def go_on(inputs: Tensor, state: State) -> tuple[Tensor, State]:
            return self.module.fast_forward(inputs, state)

        def go_on_or_start(inputs: Tensor, anew: Tensor, state: State) -> tuple[Tensor, State]:
            return run(self.module, inputs, state, anew)

        if reset is None:
            return self._in_chunks(go_on, x)
        return self._in_chunks(go_on_or_start, x, reset)

    def one_step_ahead(self, x: Array, y: Array) -> Array:
        """Predictions from the true outputs before each sample, see `TeacherForced`.

        Args:
            x: (time, streams, inputs), in the dtype of the weights.
            y: the true outputs, (time, streams, outputs), likewise.

        Returns:
            prediction: (time, streams, outputs).

        Raises:
            ValueError: the model is not fed with its outputs.
        """

        def force(inputs: Tensor, outputs: Tensor, state: State) -> tuple[Tensor, State]:
            module = self.module
            forced = None
            if isinstance(module, TeacherForced):
                forced = module.teacher_forced(inputs, outputs, state)
            if forced is None:
                raise ValueError(
                    f"{type(module).__name__} is not fed with its outputs, so that there are no "
                    "true ones to give it; see is_teacher_forced"
                )
            return forced

        return self._in_chunks(force, x, y)

    def _in_chunks(self, step: Callable[..., tuple[Tensor, State]], *arrays: Array | Mask) -> Array:
        device = next(self.module.parameters()).device
        chunk = max(1, SAMPLES_AT_ONCE // arrays[0].shape[1])
        outputs = []
        with torch.no_grad():
            for first in range(0, len(arrays[0]), chunk):
                tensors = [torch.from_numpy(a[first : first + chunk]).to(device) for a in arrays]
                out, self.state = step(*tensors, self.state)
                outputs.append(out.cpu().numpy())
        return np.concatenate(outputs)


def free_run(module: StreamModule, x: Array, reset: Mask | None = None) -> Array:
    """The outputs of a model that starts afresh; arrays as in `Run.free`."""
    return Run(module, module.start(x.shape[1])).free(x, reset)


def is_teacher_forced(module: StreamModule, x: Array, y: Array) -> bool:
    """Whether a model can be given true outputs in place of its own.

    Args:
        module: the model.
        x: an example of its inputs, (time, streams, inputs), of which the first sample is used.
        y: of its outputs, likewise.
    """
    if not isinstance(module, TeacherForced):
        return False
    device = next(module.parameters()).device
    inputs, outputs = (torch.from_numpy(a[:1]).to(device) for a in (x, y))
    with torch.no_grad():
        return module.teacher_forced(inputs, outputs, module.start(x.shape[1])) is not None
