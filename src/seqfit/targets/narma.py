"""Nonlinear autoregressive moving averages, the benchmark of reservoir computing."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled
from seqfit.states import State
from seqfit.targets.base import Array, Target
from seqfit.targets.memory import Memory
from seqfit.targets.recursion import each_channel
from seqfit.validators import above, finite, positive_int


def _at_most_zero(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    finite(_instance, attribute, value)
    if value > 0:
        raise ValueError(f"{attribute.name} must be at most 0, where y begins, got {value!r}")


def _at_least_zero(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    above("low")(_instance, attribute, value)
    if value < 0:
        raise ValueError(f"{attribute.name} must be at least 0, where y begins, got {value!r}")


@final
@attrs.frozen
class NARMA(Target):
    """A nonlinear autoregressive moving average (NARMA-10 by default), kept within bounds.

    ``y[t] = clip(alpha y[t-1] + beta y[t-1] (y[t-1] + .. + y[t-n]) + gamma x[t-n+1] x[t] + delta,
    low, high)`` with n = order; x and y before the first sample are 0. Each input channel by
    itself.

    Two pairings are published. This is the one that gives out ``y(t+1)`` beside ``x(t)``, so that
    an input acts at once (Jaeger 2003). The other, ``y(t)`` beside ``x(t)``, comes one sample
    later: ``NARMA() >> Delay(1)``.

    Inputs are meant to be independent and from U(0, 0.5); any are taken. Without bounds the
    recursion diverges on others, such as a constant 0.5, and on those too in the long run: most
    streams within 100,000 samples. So the bounds act inside the recursion. Until an output reaches
    one (the upper one about once in 20,000 samples) it is the published recursion.

    References:
        Atiya and Parlos (2000), "New results on recurrent network training"; Jaeger (2003),
        "Adaptive nonlinear system identification with echo state networks"; Kubota, Nakajima and
        Takahashi (2019), "Dynamical anatomy of NARMA10 benchmark task", on where it diverges. The
        usual NARMA-30 has alpha 0.2, beta 0.004, gamma 1.5 and delta 0.001 (Schrauwen et al. 2008,
        "Improving reservoirs using intrinsic plasticity").

    Attributes:
        order: how many earlier outputs are added up, and how far apart the two inputs are, plus 1.
        alpha: weight of the last output.
        beta: weight of the last output times the sum of the last `order` outputs.
        gamma: weight of the product of two inputs.
        delta: output where all else is 0.
        low: lower bound, at most 0.
        high: upper bound, at least 0.
    """

    order: int = attrs.field(default=10, validator=positive_int)
    alpha: float = attrs.field(default=0.3, validator=finite)
    beta: float = attrs.field(default=0.05, validator=finite)
    gamma: float = attrs.field(default=1.5, validator=finite)
    delta: float = attrs.field(default=0.1, validator=finite)
    low: float = attrs.field(default=0.0, validator=_at_most_zero)
    high: float = attrs.field(default=1.0, validator=_at_least_zero)

    def start(self, streams: int) -> State:
        return np.zeros((2 * self.order, streams, 1))  # the last outputs, then the last inputs

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        weights = self.alpha, self.beta, self.gamma, self.delta
        return each_channel(self, _narma, x, state, *weights, self.low, self.high)

    @property
    def bounds(self) -> tuple[float, float]:
        return self.low, self.high

    @property
    def memory(self) -> Memory:
        return Memory.INFINITE  # large inputs may leave it in one of two basins

    @property
    def output_determines_state(self) -> bool:
        return self.order == 1


@compiled
def _narma(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    state: npt.NDArray[np.float64],
    alpha: float,
    beta: float,
    gamma: float,
    delta: float,
    low: float,
    high: float,
) -> None:
    order = state.shape[0] // 2
    for line in range(x.shape[1]):
        ys, xs = state[:order, line].copy(), state[order:, line].copy()  # the oldest first
        for t in range(x.shape[0]):
            last, total = ys[order - 1], 0.0
            for i in range(order):
                total += ys[i]
            for i in range(order - 1):
                ys[i], xs[i] = ys[i + 1], xs[i + 1]
            xs[order - 1] = x[t, line]
            out = alpha * last + beta * last * total + gamma * xs[0] * xs[order - 1] + delta
            ys[order - 1] = min(max(out, low), high)
            y[t, line] = ys[order - 1]
        state[:order, line], state[order:, line] = ys, xs
