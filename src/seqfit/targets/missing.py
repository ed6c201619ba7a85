"""Targets of which some outputs are missing."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from seqfit.randomness import MISSING, derived_seed, uniforms
from seqfit.states import State
from seqfit.targets.base import Array, Target
from seqfit.targets.memory import Memory
from seqfit.validators import fraction, must
from seqfit.validators import seed as is_a_seed


@final
@attrs.frozen
class Missing(Target):
    """The outputs of another target, some of them missing at random: they are not a number.

    Whether an output is missing is a function of the seed, the stream and the sample alone. A fit
    needs ``missing="mask"``, and is scored on all outputs.

    References:
        Rubin (1976), "Inference and missing data": missing completely at random.

    Attributes:
        target: whose outputs they are.
        share: probability that an output is missing.
        seed: of the draws.
    """

    target: Target = attrs.field(validator=must("a target", lambda v: isinstance(v, Target)))
    share: float = attrs.field(default=0.1, validator=fraction)
    seed: int = attrs.field(default=0, validator=is_a_seed)

    def start(self, streams: int) -> State:
        return {"target": self.target.start(streams), "streams": range(streams), "position": 0}

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        y, after = self.target.transform(x, state["target"])
        length, _, channels = y.shape
        position = state["position"]
        seed = derived_seed(self.seed, MISSING)  # signals may have the same seed
        u = uniforms(seed, state["streams"], position, length, draws=channels)
        y = np.where(u < self.share, y.dtype.type(np.nan), y)
        return y, state | {"target": after, "position": position + length}

    @property
    def bounds(self) -> tuple[float, float]:
        return self.target.bounds

    @property
    def memory(self) -> Memory:
        return self.target.memory

    @property
    def output_determines_state(self) -> bool:
        return False

    @property
    def has_missing(self) -> bool:
        return True

    def outputs(self, inputs: int) -> int:
        return self.target.outputs(inputs)

    def held_out(self) -> Target:
        return self.target.held_out()
