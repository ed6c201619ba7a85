"""Statistics of the last inputs."""

from __future__ import annotations

from typing import Any, Literal, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled
from seqfit.states import State
from seqfit.targets.base import Array, Target, require_samples
from seqfit.targets.memory import Memory
from seqfit.validators import one_of, positive_int


@final
@attrs.frozen
class MovingStatistic(Target):
    """A statistic of the last inputs, ``y[t] = statistic(x[t - window + 1] .. x[t])``.

    At the first samples it is that of the inputs that there are. Each input channel by itself.

    Attributes:
        statistic: "mean", "maximum" or "minimum".
        window: number of inputs.
    """

    statistic: Literal["mean", "maximum", "minimum"] = attrs.field(
        default="mean", validator=one_of("mean", "maximum", "minimum")
    )
    window: int = attrs.field(default=10, validator=positive_int)

    def start(self, streams: int) -> State:
        return np.zeros((0, streams, 1))  # past inputs, as far as a window reaches back

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        require_samples(x, self)
        past = np.broadcast_to(state, (len(state), *x.shape[1:]))
        inputs = np.concatenate([past, x], dtype=np.float64)  # (past + time, streams, channels)
        y = np.empty(x.shape)
        lines = x.shape[1] * x.shape[2]
        _STATISTICS[self.statistic](
            inputs.reshape(len(inputs), lines), y.reshape(len(x), lines), self.window
        )
        return y.astype(x.dtype), inputs[max(0, len(inputs) - self.window + 1) :].copy()

    @property
    def memory(self) -> Memory:
        return Memory.finite(self.window - 1)

    @property
    def output_determines_state(self) -> bool:
        return self.window == 1


@compiled
def _mean(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], window: int) -> None:
    past = x.shape[0] - y.shape[0]
    for t in range(y.shape[0]):
        first, end = max(0, past + t + 1 - window), past + t + 1
        for line in range(y.shape[1]):
            # Summed anew: a running sum would keep the rounding of inputs that have left.
            total = 0.0
            for s in range(first, end):
                total += x[s, line]
            y[t, line] = total / (end - first)


@compiled
def _maximum(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], window: int) -> None:
    past = x.shape[0] - y.shape[0]
    for t in range(y.shape[0]):
        first, end = max(0, past + t + 1 - window), past + t + 1
        for line in range(y.shape[1]):
            extreme = x[first, line]
            for s in range(first + 1, end):
                extreme = max(extreme, x[s, line])
            y[t, line] = extreme


def _minimum(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], window: int) -> None:
    _maximum(-x, y, window)
    np.negative(y, out=y)


_STATISTICS: dict[str, Any] = {"mean": _mean, "maximum": _maximum, "minimum": _minimum}
