"""Recall: outputs that are inputs which were marked, held or asked for."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled
from seqfit.states import State
from seqfit.targets.base import Array, Target, require_samples
from seqfit.targets.hysteresis import Relay
from seqfit.targets.memory import Memory
from seqfit.validators import finite, natural, positive, positive_int


@final
@attrs.frozen
class FlipFlop(Target):
    """Bits that are set and cleared by pulses, and held between them; 3 of them by default.

    ``y[t] = 1`` where ``x[t] > threshold``, -1 where ``x[t] < -threshold``, else ``y[t-1]``; 0
    before the first pulse. One input channel for each bit.

    References:
        Sussillo and Barak (2013), "Opening the black box: low-dimensional dynamics in
        high-dimensional recurrent neural networks".

    Attributes:
        bits: number of channels.
        threshold: the greatest size of an input that is no pulse.
    """

    bits: int = attrs.field(default=3, validator=positive_int)
    threshold: float = attrs.field(default=0.5, validator=positive)

    def start(self, streams: int) -> State:
        return np.zeros((streams, self.bits))

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        require_samples(x, self, inputs=self.bits)
        relay = Relay(low=-self.threshold, high=self.threshold, off=-1.0, on=1.0)
        return relay.transform(x, state)

    @property
    def bounds(self) -> tuple[float, float]:
        return -1.0, 1.0

    @property
    def memory(self) -> Memory:
        return Memory.INFINITE

    @property
    def output_determines_state(self) -> bool:
        return True


@final
@attrs.frozen
class Adding(Target):
    """The sum of the last inputs that were marked: the adding problem, without episodes.

    ``y[t] = x[s_1] + .. + x[s_n]`` of the last n = terms samples s up to t whose marker is above
    the threshold; of those that there are, while they are fewer. The first input channel is x, the
    second one the marker.

    References:
        Hochreiter and Schmidhuber (1997), "Long short-term memory", experiment 4, which scales the
        sum of two: ``Adding() >> EchoSum(0.5, delays=[0], weights=[0.25])``.

    Attributes:
        terms: how many marked inputs are added up.
        threshold: the greatest marker that does not mark.
    """

    terms: int = attrs.field(default=2, validator=positive_int)
    threshold: float = attrs.field(default=0.5, validator=finite)

    def start(self, streams: int) -> State:
        return np.zeros((streams, self.terms))  # marked inputs, the oldest first

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        require_samples(x, self, inputs=2)
        marked, x = np.array(state), np.ascontiguousarray(x)
        y = np.empty((*x.shape[:2], 1), x.dtype)
        _add_marked(x, y, marked, float(self.threshold))
        return y, marked

    @property
    def memory(self) -> Memory:
        return Memory.INFINITE

    @property
    def output_determines_state(self) -> bool:
        return self.terms == 1


@final
@attrs.frozen
class Copy(Target):
    """What came before a delimiter, once more after it: the copy task, without episodes.

    The last input channel is the delimiter, the others are data x. Where it was above the
    threshold within the last `length` samples before t, ``y[t] = x[t - length - delay - 1]``,
    else 0. So after a delimiter at sample d come ``x[d - delay - length] .. x[d - delay - 1]``.

    References:
        Hochreiter and Schmidhuber (1997), "Long short-term memory"; Graves, Wayne and Danihelka
        (2014), "Neural Turing machines", section 4.1 (without delay); Arjovsky, Shah and Bengio
        (2016), "Unitary evolution recurrent neural networks", section 5.1 (length 10).

    Attributes:
        length: samples that are copied.
        delay: samples between the last of them and the delimiter.
        threshold: the greatest input that is no delimiter.
    """

    length: int = attrs.field(default=10, validator=positive_int)
    delay: int = attrs.field(default=0, validator=natural)
    threshold: float = attrs.field(default=0.5, validator=finite)

    def start(self, streams: int) -> State:
        return {
            "data": np.zeros((self.memory.samples, streams, 1)),
            "asked": np.zeros((self.length, streams), dtype=bool),
        }

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        require_samples(x, self, inputs=2, or_more=True)
        now = x.astype(np.float64)
        past = np.broadcast_to(state["data"], (len(state["data"]), x.shape[1], x.shape[2] - 1))
        data = np.concatenate([past, now[..., :-1]])  # (past + time, streams, channels)
        asked = np.concatenate([state["asked"], now[..., -1] > self.threshold])
        counts = np.cumsum(np.concatenate([np.zeros_like(asked[:1]), asked]), axis=0, dtype=int)
        recalls = counts[self.length : self.length + len(x)] > counts[: len(x)]  # (time, streams)
        y = np.where(recalls[..., None], data[: len(x)], 0.0)
        after = {"data": data[len(x) :].copy(), "asked": asked[len(x) :].copy()}
        return y.astype(x.dtype), after

    @property
    def memory(self) -> Memory:
        return Memory.finite(self.length + self.delay + 1)

    @property
    def output_determines_state(self) -> bool:
        return False


@compiled
def _add_marked(
    x: npt.NDArray[Any], y: npt.NDArray[Any], marked: npt.NDArray[np.float64], threshold: float
) -> None:
    terms = marked.shape[1]
    for t in range(x.shape[0]):
        for stream in range(x.shape[1]):
            if x[t, stream, 1] > threshold:
                for i in range(terms - 1):
                    marked[stream, i] = marked[stream, i + 1]
                marked[stream, terms - 1] = x[t, stream, 0]
            total = 0.0
            for i in range(terms):
                total += marked[stream, i]
            y[t, stream, 0] = total
