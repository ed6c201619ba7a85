"""A fitted model that runs sample by sample."""

from __future__ import annotations

import copy
import math
from typing import Any, final

import attrs
import numpy as np
import torch

from seqfit.models.base import SingleStream, StreamModule
from seqfit.models.resets import started_anew
from seqfit.states import State


@final
@attrs.define
class Predictor:
    """Gives the output for one input sample after the other, and remembers its state.

    It has weights of its own: fitting on does not change it. Make one with `Fitter.predictor`.

    Attributes:
        module: the model.
        inputs: channels of an input sample.
        streams: number of streams.
        state: the model's state before the next sample.
    """

    module: StreamModule
    inputs: int
    streams: int
    _state: State
    _single: SingleStream | None

    @classmethod
    def of(cls, module: StreamModule, inputs: int, outputs: int, streams: int) -> Predictor:
        """A predictor from the start of the streams, with a copy of the weights."""
        module = copy.deepcopy(module)
        single = module.single_stream() if inputs == outputs == streams == 1 else None
        return cls(module, inputs, streams, module.start(streams), single)

    @property
    def state(self) -> State:
        return self._state if self._single is None else self._single.state

    @state.setter
    def state(self, state: State) -> None:
        self._state = state
        if self._single is not None:
            self._single.state = state

    def reset(self, streams: Any = None) -> None:
        """Start streams anew before the next sample; the others run on.

        Args:
            streams: which of them, bool, (streams,); None for all.

        Raises:
            ValueError: the shape is another; nothing is broadcast.
            TypeError: the values are not bool.
        """
        anew = np.ones(self.streams, np.bool_) if streams is None else np.asarray(streams)
        wanted = f"streams must be an array of bool of the shape ({self.streams},)"
        if anew.dtype != np.bool_:
            raise TypeError(f"{wanted}, got dtype {anew.dtype} of {anew.shape}")
        if anew.shape != (self.streams,):
            raise ValueError(f"{wanted}, got {anew.shape}")
        start = self.module.start(self.streams)
        which = torch.from_numpy(anew).to(next(self.module.parameters()).device)
        with torch.no_grad():
            self.state = started_anew(self.state, start, which)

    def __call__(self, x_t: Any) -> Any:
        """The output for the next sample.

        Args:
            x_t: (streams, inputs); (inputs,) where there is one stream; a number where there is
                one input too.

        Returns:
            An array of shape (streams, outputs), (outputs,), or, for a number and one output, a
            number.

        Raises:
            ValueError: the sample has another shape or is not finite.
        """
        if self._single is not None and isinstance(x_t, float) and math.isfinite(x_t):
            return self._single(x_t)
        array = np.asarray(x_t)
        if array.dtype.kind not in "fiub":
            raise ValueError(f"a sample must hold numbers, got {x_t!r}")
        sample = array.reshape(1, 1) if array.ndim == 0 else np.atleast_2d(array)
        if sample.shape != (self.streams, self.inputs):
            raise ValueError(
                f"a sample must have the shape ({self.streams}, {self.inputs}), got {array.shape}"
            )
        if not np.isfinite(sample).all():
            raise ValueError(f"a sample must be finite, got {x_t}")
        weight = next(self.module.parameters())
        x = torch.as_tensor(sample, dtype=weight.dtype, device=weight.device)
        with torch.no_grad():
            y, self.state = self.module.fast_forward(x[None], self.state)
        output = y[0].cpu().numpy()  # (streams, outputs)
        if array.ndim == 2:
            return output
        return output[0] if array.ndim == 1 or output.size > 1 else float(output[0, 0])
