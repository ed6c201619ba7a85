"""Targets that are observed with noise."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from seqfit.randomness import OBSERVATION, box_muller, derived_seed, uniforms
from seqfit.states import State
from seqfit.targets.base import Array, Target
from seqfit.targets.memory import Memory
from seqfit.validators import fraction, must, non_negative
from seqfit.validators import seed as is_a_seed


@final
@attrs.frozen
class Noisy(Target):
    """The outputs of another target with independent normal noise, and with outliers if wanted.

    The noise of an output is from N(0, outlier_deviation^2) with the probability `outliers`, else
    from N(0, deviation^2): the contaminated normal distribution. It is a function of the seed, the
    stream and the sample alone. It is not held out: a fit is scored on the outputs without noise.

    References:
        Tukey (1960), "A survey of sampling from contaminated distributions".

    Attributes:
        target: what is observed.
        deviation: standard deviation of the noise.
        outliers: probability that an output is an outlier.
        outlier_deviation: standard deviation of the noise of outliers.
        seed: of the noise.
    """

    target: Target = attrs.field(validator=must("a target", lambda v: isinstance(v, Target)))
    deviation: float = attrs.field(default=0.05, validator=non_negative)
    outliers: float = attrs.field(default=0.0, validator=fraction)
    outlier_deviation: float = attrs.field(default=2.0, validator=non_negative)
    seed: int = attrs.field(default=0, validator=is_a_seed)

    def start(self, streams: int) -> State:
        return {"target": self.target.start(streams), "streams": range(streams), "position": 0}

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        y, after = self.target.transform(x, state["target"])
        length, streams, channels = y.shape
        u = uniforms(
            derived_seed(self.seed, OBSERVATION),  # signals may have the same seed
            state["streams"],
            state["position"],
            length,
            draws=3 * channels,
        ).reshape(length, streams, channels, 3)
        far = u[..., 2] < self.outliers
        noise = (
            np.where(far, self.outlier_deviation, self.deviation) * box_muller(u[..., :2])[..., 0]
        )
        after = state | {"target": after, "position": state["position"] + length}
        return (y + noise).astype(x.dtype), after

    @property
    def memory(self) -> Memory:
        return self.target.memory

    @property
    def output_determines_state(self) -> bool:
        return False

    @property
    def has_missing(self) -> bool:
        return self.target.has_missing

    def outputs(self, inputs: int) -> int:
        return self.target.outputs(inputs)

    def held_out(self) -> Target:
        return self.target.held_out()
