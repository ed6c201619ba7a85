"""Decisions: tasks from which neuroscience tells how networks compute."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled
from seqfit.states import State
from seqfit.targets.base import Array, Target, require_samples
from seqfit.targets.memory import Memory
from seqfit.validators import finite, non_negative, positive, positive_int


@final
@attrs.frozen
class DelayedMatch(Target):
    """Whether a stimulus is that which was shown before it: delayed match to sample.

    The last input channel is a cue, the others are a stimulus, which counts where the cue is above
    the threshold. The first stimulus, the third and so on are samples, those between them tests.
    ``y[t] = 1`` from a test that matches its sample in each channel until the next sample, -1 from
    one that does not, and 0 from a sample until its test and before the first one.

    References:
        Fuster and Jervey (1981), "Inferotemporal neurons distinguish and retain behaviorally
        relevant features of visual stimuli"; Kim, Li and Sejnowski (2019), "Simple framework for
        constructing functional spiking recurrent neural networks".

    Attributes:
        tolerance: the greatest difference that matches.
        threshold: the greatest cue that shows nothing.
    """

    tolerance: float = attrs.field(default=0.1, validator=non_negative)
    threshold: float = attrs.field(default=0.5, validator=finite)

    def start(self, streams: int) -> State:
        # The sample; and for each stream whether it waits for its test, and the output.
        return {"sample": np.zeros((streams, 1)), "trial": np.zeros((streams, 2))}

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        require_samples(x, self, inputs=2, or_more=True)
        x = np.ascontiguousarray(x)
        sample = np.array(np.broadcast_to(state["sample"], (x.shape[1], x.shape[2] - 1)), order="C")
        trial = np.array(state["trial"])
        y = np.empty((*x.shape[:2], 1), x.dtype)
        _match(x, y, sample, trial, float(self.tolerance), float(self.threshold))
        return y, {"sample": sample, "trial": trial}

    @property
    def bounds(self) -> tuple[float, float]:
        return -1.0, 1.0

    @property
    def memory(self) -> Memory:
        return Memory.INFINITE

    @property
    def output_determines_state(self) -> bool:
        return False


@final
@attrs.frozen
class ContextIntegration(Target):
    """Sums up the evidence that the context makes relevant, and ignores the rest.

    Of 2 n input channels, n = modalities, the first n are evidence x and the others their contexts
    c. Where a context is above the threshold, ``y[t] = clip(y[t-1] + gain e[t], -bound, bound)``
    with e the sum of the evidence whose context is; where none is, ``y[t] = 0``: that ends a
    trial. 0 before the first sample.

    References:
        Mante, Sussillo, Shenoy and Newsome (2013), "Context-dependent computation by recurrent
        dynamics in prefrontal cortex": two modalities, motion and colour.

    Attributes:
        modalities: kinds of evidence.
        gain: weight of a sample of evidence.
        bound: where a decision is reached, either way.
        threshold: the greatest context that makes nothing relevant.
    """

    modalities: int = attrs.field(default=2, validator=positive_int)
    gain: float = attrs.field(default=0.1, validator=finite)
    bound: float = attrs.field(default=1.0, validator=positive)
    threshold: float = attrs.field(default=0.5, validator=finite)

    def start(self, streams: int) -> State:
        return np.zeros((streams, 1))

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        require_samples(x, self, inputs=2 * self.modalities)
        last, x = np.array(state), np.ascontiguousarray(x)
        y = np.empty((*x.shape[:2], 1), x.dtype)
        _integrate(x, y, last, float(self.gain), float(self.bound), float(self.threshold))
        return y, last

    @property
    def bounds(self) -> tuple[float, float]:
        return -self.bound, self.bound

    @property
    def memory(self) -> Memory:
        return Memory.INFINITE

    @property
    def output_determines_state(self) -> bool:
        return True


@compiled
def _match(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    sample: npt.NDArray[np.float64],
    trial: npt.NDArray[np.float64],
    tolerance: float,
    threshold: float,
) -> None:
    channels = sample.shape[1]
    for t in range(x.shape[0]):
        for stream in range(x.shape[1]):
            if x[t, stream, channels] > threshold:
                if trial[stream, 0] == 0.0:
                    for i in range(channels):
                        sample[stream, i] = x[t, stream, i]
                    trial[stream, 0], trial[stream, 1] = 1.0, 0.0
                else:
                    trial[stream, 0], trial[stream, 1] = 0.0, 1.0
                    for i in range(channels):
                        if abs(x[t, stream, i] - sample[stream, i]) > tolerance:
                            trial[stream, 1] = -1.0
            y[t, stream, 0] = trial[stream, 1]


@compiled
def _integrate(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    last: npt.NDArray[np.float64],
    gain: float,
    bound: float,
    threshold: float,
) -> None:
    modalities = x.shape[2] // 2
    for t in range(x.shape[0]):
        for stream in range(x.shape[1]):
            evidence, relevant = 0.0, False
            for i in range(modalities):
                if x[t, stream, modalities + i] > threshold:
                    evidence += x[t, stream, i]
                    relevant = True
            total = last[stream, 0] + gain * evidence if relevant else 0.0
            last[stream, 0] = min(max(total, -bound), bound)
            y[t, stream, 0] = last[stream, 0]
