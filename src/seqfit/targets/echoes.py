"""Echoes: outputs made of a few earlier inputs."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np

from seqfit.states import State
from seqfit.targets.base import Array, Target, require_samples
from seqfit.targets.memory import Memory
from seqfit.validators import as_tuple, finite, is_finite, is_int, must


def _a_weight_for_each(echoes: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, tuple) or not all(is_finite(weight) for weight in value):
        raise ValueError(f"{attribute.name} must be a list of finite numbers, got {value!r}")
    if len(value) != len(echoes.delays):
        raise ValueError(
            f"{attribute.name} must be as many as delays={list(echoes.delays)}, got {list(value)}"
        )


@final
@attrs.frozen
class EchoSum(Target):
    """A weighted sum of earlier inputs, ``y[t] = offset + sum_i weights[i] x[t - delays[i]]``.

    With its defaults, ``0.5 + 0.5 x[t-3] - 0.25 x[t-8]``; for inputs of 0 and 1 this is the
    probability of a 1 in the toy problem of the reference. Inputs before the first sample are 0.
    Each input channel by itself.

    References:
        Silviu Pitis (2016), "Recurrent neural networks in Tensorflow I", r2rt.com.

    Attributes:
        offset: output where all inputs are 0.
        delays: how many samples back each echo lies; 0 is the present one.
        weights: of the echoes, one for each.
    """

    offset: float = attrs.field(default=0.5, validator=finite)
    delays: tuple[int, ...] = attrs.field(
        default=(3, 8),
        converter=as_tuple,
        validator=must(
            "one or more non-negative ints",
            lambda v: isinstance(v, tuple) and len(v) > 0 and all(is_int(d) and d >= 0 for d in v),
        ),
    )
    weights: tuple[float, ...] = attrs.field(
        default=(0.5, -0.25), converter=as_tuple, validator=_a_weight_for_each
    )

    def start(self, streams: int) -> State:
        return np.zeros((max(self.delays), streams, 1))  # past inputs

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        require_samples(x, self)
        past = np.broadcast_to(state, (len(state), *x.shape[1:]))
        line = np.concatenate([past, x], dtype=np.float64)  # (past + time, streams, channels)
        y = np.full(x.shape, float(self.offset))
        for delay, weight in zip(self.delays, self.weights, strict=True):
            first = len(state) - delay
            y += weight * line[first : first + len(x)]
        return y.astype(x.dtype), line[len(x) :].copy()

    @property
    def memory(self) -> Memory:
        return Memory.finite(max(self.delays))

    @property
    def output_determines_state(self) -> bool:
        return max(self.delays) == 0
