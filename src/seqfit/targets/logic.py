"""Logic: outputs from whether inputs are above a threshold, which makes them bits."""

from __future__ import annotations

import math
from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled
from seqfit.states import State
from seqfit.targets.base import Array, Target, require_samples
from seqfit.targets.memory import Memory
from seqfit.targets.recursion import each_channel
from seqfit.validators import finite, natural, positive_int


@final
@attrs.frozen
class Threshold(Target):
    """Whether an input is above a threshold, 1 or 0; it has no memory.

    Attributes:
        threshold: the greatest input whose output is 0.
    """

    threshold: float = attrs.field(default=0.5, validator=finite)

    def start(self, streams: int) -> State:
        return None

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        require_samples(x, self)
        return (x.astype(np.float64) > self.threshold).astype(x.dtype), state

    @property
    def bounds(self) -> tuple[float, float]:
        return 0.0, 1.0

    @property
    def memory(self) -> Memory:
        return Memory.finite(0)

    @property
    def output_determines_state(self) -> bool:
        return True


@final
@attrs.frozen
class Debounce(Target):
    """A bit that changes once the input has been on its other side for some samples in a row.

    ``y[t] = 1 - y[t-1]`` where ``(x[s] > threshold) != y[t-1]`` for each s from t - samples + 1 to
    t, else ``y[t] = y[t-1]``; 0 before the first sample. Each input channel by itself.

    Attributes:
        samples: how many in a row; 1 is a bare threshold.
        threshold: the greatest input that counts as 0.
    """

    samples: int = attrs.field(default=3, validator=positive_int)
    threshold: float = attrs.field(default=0.5, validator=finite)

    def start(self, streams: int) -> State:
        return np.zeros((2, streams, 1))  # y, and for how many samples the input has differed

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        return each_channel(self, _debounce, x, state, self.samples, self.threshold)

    @property
    def bounds(self) -> tuple[float, float]:
        return 0.0, 1.0

    @property
    def memory(self) -> Memory:
        return Memory.finite(0) if self.samples == 1 else Memory.INFINITE

    @property
    def output_determines_state(self) -> bool:
        return self.samples == 1


@final
@attrs.frozen
class RunningParity(Target):
    """Whether the number of inputs above a threshold has been odd so far, 1 or 0.

    ``y[t] = y[t-1] xor (x[t] > threshold)``; each input channel by itself.

    References:
        Hochreiter and Schmidhuber (1996), "Bridging long time lags by weight guessing and long
        short-term memory".

    Attributes:
        threshold: the greatest input that does not count.
    """

    threshold: float = attrs.field(default=0.5, validator=finite)

    def start(self, streams: int) -> State:
        return np.zeros((streams, 1))

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        return each_channel(self, _running_parity, x, state, self.threshold)

    @property
    def bounds(self) -> tuple[float, float]:
        return 0.0, 1.0

    @property
    def memory(self) -> Memory:
        return Memory.INFINITE

    @property
    def output_determines_state(self) -> bool:
        return True


@final
@attrs.frozen
class DelayedParity(Target):
    """Whether the number of ones among some earlier bits is odd, 1 or 0.

    ``y[t] = b[t-delay] xor .. xor b[t-delay-bits+1]`` of the bits ``b[t] = x[t] > threshold``;
    0 before the first sample. Each input channel by itself.

    References:
        Bertschinger and Natschläger (2004), "Real-time computation at the edge of chaos in
        recurrent neural networks": a test of memory and of nonlinearity.

    Attributes:
        bits: how many.
        delay: how many samples ago the last of them was.
        threshold: the greatest input that counts as 0.
    """

    bits: int = attrs.field(default=3, validator=positive_int)
    delay: int = attrs.field(default=1, validator=natural)
    threshold: float = attrs.field(default=0.5, validator=finite)

    def start(self, streams: int) -> State:
        return np.zeros((self.memory.samples or 0, streams, 1), dtype=bool)

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        require_samples(x, self)
        past = np.broadcast_to(state, (len(state), *x.shape[1:]))
        ones = np.concatenate([past, x.astype(np.float64) > self.threshold])
        counts = np.cumsum(np.concatenate([np.zeros_like(ones[:1]), ones]), axis=0, dtype=np.int64)
        odd = (counts[self.bits : self.bits + len(x)] - counts[: len(x)]) % 2
        return odd.astype(x.dtype), ones[len(x) :].copy()

    @property
    def bounds(self) -> tuple[float, float]:
        return 0.0, 1.0

    @property
    def memory(self) -> Memory:
        return Memory.finite(self.delay + self.bits - 1)

    @property
    def output_determines_state(self) -> bool:
        return self.memory.samples == 0


@final
@attrs.frozen
class Counter(Target):
    """How many inputs have been above a threshold since the last reset.

    Of two input channels a and b it makes one: ``y[t] = 0`` where ``b[t] > threshold``, else
    ``y[t-1] + 1`` where ``a[t] > threshold``, else ``y[t-1]``; 0 before the first sample.

    Attributes:
        threshold: the greatest input that neither counts nor resets.
    """

    threshold: float = attrs.field(default=0.5, validator=finite)

    def start(self, streams: int) -> State:
        return np.zeros((streams, 1))

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        require_samples(x, self, inputs=2)
        above = x.astype(np.float64) > self.threshold
        # One channel that says what happens: 1 counts, 2 resets, 0 neither.
        events = np.where(above[..., 1], 2, above[..., 0]).astype(x.dtype)
        return each_channel(self, _count, events[..., None], state)

    @property
    def bounds(self) -> tuple[float, float]:
        return 0.0, math.inf

    @property
    def memory(self) -> Memory:
        return Memory.INFINITE

    @property
    def output_determines_state(self) -> bool:
        return True


@compiled
def _debounce(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    state: npt.NDArray[np.float64],
    samples: float,
    threshold: float,
) -> None:
    for t in range(x.shape[0]):
        for line in range(x.shape[1]):
            differs = (x[t, line] > threshold) != (state[0, line] == 1.0)
            state[1, line] = state[1, line] + 1.0 if differs else 0.0
            if state[1, line] == samples:
                state[0, line] = 1.0 - state[0, line]
                state[1, line] = 0.0
            y[t, line] = state[0, line]


@compiled
def _running_parity(
    x: npt.NDArray[Any], y: npt.NDArray[Any], last: npt.NDArray[np.float64], threshold: float
) -> None:
    for t in range(x.shape[0]):
        for line in range(x.shape[1]):
            if x[t, line] > threshold:
                last[line] = 1.0 - last[line]
            y[t, line] = last[line]


@compiled
def _count(x: npt.NDArray[Any], y: npt.NDArray[Any], last: npt.NDArray[np.float64]) -> None:
    for t in range(x.shape[0]):
        for line in range(x.shape[1]):
            last[line] = 0.0 if x[t, line] == 2.0 else last[line] + x[t, line]
            y[t, line] = last[line]
