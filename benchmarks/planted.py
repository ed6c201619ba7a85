"""Fits with a defect that was planted, at least two of each kind, and fits that are healthy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import attrs
import numpy as np
import torch

from seqfit import Experiment, Model, StreamModule, recipes
from seqfit.fitting import TorchLearningRate, TorchOptimizer
from seqfit.models import GRU, LSTM, RNN, DiagonalStateSpace
from seqfit.recordings import Recording, pair
from seqfit.schedules import Accumulate, EveryWindow, TruncatedBPTT
from seqfit.signals import RandomHold, Sine, UniformNoise
from seqfit.targets import (
    Delay,
    LeakyIntegral,
    Noisy,
    PeakHold,
    RateLimiter,
    SaturatedIntegral,
)

HEALTHY = "healthy"
SMALL = GRU(hidden=16, head=(16,))
WINDOWS = TruncatedBPTT(k1=5, k2=50, loss_on="all")
LONG = TruncatedBPTT(k1=5, k2=100, loss_on="all")


@final
@attrs.frozen
class Case:
    """A fit of which it is known what is wrong.

    Attributes:
        kind: of the finding that is to be made; `HEALTHY` where none is.
        title: what was done.
        experiment: of a seed.
        until: after which share of its samples it is looked at.
    """

    kind: str
    title: str
    experiment: Callable[[int], Experiment]
    until: float = 1.0


@final
@attrs.frozen
class Unruly(Model):
    """A network with unusual first weights.

    Attributes:
        recurrent: factor of the weights by which states go into states.
        inward: factor of the weights by which inputs go into states.
        dead: share of the head's units that no input moves.
    """

    recurrent: float = 1.0
    inward: float = 1.0
    dead: float = 0.0

    def build(self, inputs: int, outputs: int) -> StreamModule:
        module = RNN(hidden=16, head=(32,)).build(inputs, outputs)
        with torch.no_grad():
            module.recurrence.weight_hh_l0.mul_(self.recurrent)
            module.recurrence.weight_ih_l0.mul_(self.inward)
            count = round(32 * self.dead)
            module.head[0].bias[:count] = -100.0
        return module


@final
class LingeringModule(StreamModule):
    """A network to whose outputs a sum of past inputs is added, which decays over 1,000 samples."""

    def __init__(self, inner: StreamModule, gain: float) -> None:
        super().__init__()
        self.inner, self.gain = inner, gain

    def start(self, streams: int) -> Any:
        like = next(self.inner.parameters())
        return self.inner.start(streams), like.new_zeros(streams, 1)

    def forward(self, x: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        y, inner = self.inner.fast_forward(x, state[0])
        ages = 0.001 * torch.arange(1, len(x) + 1, dtype=x.dtype).reshape(-1, 1, 1)
        total = torch.exp(-ages) * (state[1] + torch.cumsum(torch.exp(ages) * (x - 0.5), dim=0))
        return y + self.gain * total, (inner, total[-1])


@final
@attrs.frozen
class Lingering(Model):
    """A network that forgets late.

    Attributes:
        gain: how much of the sum of past inputs is added to the outputs.
    """

    gain: float

    def build(self, inputs: int, outputs: int) -> StreamModule:
        return LingeringModule(SMALL.build(inputs, outputs), self.gain)


def fit(seed: int, samples: int = 20_000, **parts: Any) -> Experiment:
    """By windows of 100 and a one-cycle rate, but for some parts."""
    defaults = {"target": LeakyIntegral(leak=0.1, gain=0.2), "model": SMALL, "schedule": WINDOWS}
    parts = defaults | parts
    return recipes.gru(samples=samples, seed=seed, **parts)


def adam(rate: float, **parts: Any) -> dict[str, Any]:
    """At a constant rate."""
    optimizer = TorchOptimizer("Adam", {"lr": rate})
    return {"optimizer": optimizer, "learning_rate": None, "clip": None} | parts


def sgd(rate: float) -> dict[str, Any]:
    """By plain gradient descent at a constant rate."""
    return adam(rate) | {"optimizer": TorchOptimizer("SGD", {"lr": rate})}


def cycle(rate: float, **parts: Any) -> dict[str, Any]:
    """By a rate that rises to this one, and falls."""
    options = {"max_lr": rate, "pct_start": 0.1, "cycle_momentum": False}
    learning_rate = TorchLearningRate("OneCycleLR", options)
    return {
        "optimizer": TorchOptimizer("Adam", {"lr": rate}),
        "learning_rate": learning_rate,
    } | parts


def _recorded(
    seed: int,
    make: Callable[[Any], tuple[Any, Any]],
    samples: int = 20_000,
    alter: Callable[[Any, Any], Any] = lambda y, _: y,
) -> Any:
    """A recording of an input and the leaky integral of it, altered with a generator."""
    rng = np.random.default_rng(seed)
    u, second = make(rng)
    y, level = np.empty(len(u)), 0.0
    for t, value in enumerate(u):
        level += 0.1 * (2 * value - level)
        y[t] = level
    columns = {"u": u, "y": alter(y, rng)} | ({} if second is None else {"v": second})
    names = [name for name in columns if name != "y"]
    signal, target = pair(Recording(columns, stretch="train", repeat=True), names, "y")
    return fit(seed, samples, signal=signal, target=target)


def _held(rng: Any, length: int) -> Any:
    """Values from U(0, 1), each for 10 samples."""
    return np.repeat(rng.uniform(size=-(-length // 10)), 10)[:length]


def _rising(rng: Any) -> tuple[Any, None]:
    return _held(rng, 20_000) * np.linspace(0.2, 2.0, 20_000), None


def _shifted(rng: Any) -> tuple[Any, None]:
    return _held(rng, 20_000) + (np.arange(20_000) >= 14_000), None


def _idle(rng: Any) -> tuple[Any, Any]:
    return _held(rng, 20_000), np.full(20_000, 0.3)


def _plain(rng: Any) -> tuple[Any, None]:
    return _held(rng, 20_000), None


def _valve_shut(rng: Any) -> tuple[Any, None]:
    u = _held(rng, 20_000)
    u[4_000:11_000] = 0.0
    return u, None


def _second_still(rng: Any) -> tuple[Any, Any]:
    second = _held(rng, 20_000)
    second[3_000:10_000] = second[3_000]
    return _held(rng, 20_000), second


def _flipped(y: Any, _: Any) -> Any:
    return np.where(np.arange(len(y)) < 7_000, y, -y)


def _jumping(y: Any, _: Any) -> Any:
    return y + y.std() * (np.arange(len(y)) >= 7_000)


def _drifting(y: Any, _: Any) -> Any:
    return y + y.std() * np.linspace(0.0, 3.0, len(y))


def _ageing(y: Any, _: Any) -> Any:
    return y - 2 * y.std() * np.linspace(0.0, 1.0, len(y)) ** 2


def _loaded(y: Any, rng: Any) -> Any:
    """With a load that jumps and is not recorded."""
    load = np.repeat(rng.uniform(size=-(-len(y) // 30)), 30)[: len(y)]
    return y + 3 * y.std() * load


def _warmed(y: Any, rng: Any) -> Any:
    """With something slow that is not recorded: a process of first order."""
    slow, level = np.empty(len(y)), 0.0
    for t, news in enumerate(rng.normal(size=len(y))):
        slow[t] = level = 0.95 * level + 0.312 * news
    return y + y.std() * slow


def _tiled(rng: Any) -> tuple[Any, None]:
    return np.tile(_held(rng, 200), 100), None


LOWPASS = LeakyIntegral(leak=0.1, gain=0.1) >> LeakyIntegral(leak=0.15, gain=0.15)
INTEGRAL = SaturatedIntegral()
SLOW = LeakyIntegral(leak=0.02, gain=0.02)

CASES = (
    Case(HEALTHY, "GRU, leaky integral", lambda s: fit(s, 50_000)),
    Case(
        HEALTHY,
        "GRU, saturated integral",
        lambda s: fit(s, 100_000, target=INTEGRAL, schedule=LONG),
    ),
    Case(
        HEALTHY,
        "GRU, rate limiter",
        lambda s: fit(s, 50_000, target=RateLimiter(up=0.05, down=0.03)),
    ),
    Case(
        HEALTHY,
        "LSTM, delay by 3 of noise",
        lambda s: fit(
            s, 50_000, signal=UniformNoise(), target=Delay(3), model=LSTM(hidden=16, head=(16,))
        ),
    ),
    Case(
        HEALTHY,
        "RNN, leaky integral",
        lambda s: fit(s, 50_000, model=RNN(hidden=16, head=(16,)), **cycle(1e-3)),
    ),
    Case(HEALTHY, "GRU, leaky integral, half-way", lambda s: fit(s, 50_000), 0.5),
    Case(
        HEALTHY,
        "GRU, saturated integral, half-way",
        lambda s: fit(s, 100_000, target=INTEGRAL, schedule=LONG),
        0.5,
    ),
    Case(HEALTHY, "solved, 2017", lambda s: recipes.exact(samples=5_000, seed=s)),
    Case(HEALTHY, "solved, low-pass", lambda s: recipes.exact_hidden(5_000, s, target=LOWPASS)),
    Case(
        HEALTHY,
        "GRU, a recording",
        lambda s: _recorded(s, lambda rng: (_held(rng, 30_000), None), 50_000),
    ),
    Case("hardly_learned", "Adam at 1e-6", lambda s: fit(s, **adam(1e-6))),
    Case(
        "hardly_learned",
        "25 updates",
        lambda s: fit(s, 5_000, schedule=Accumulate(window=50, every=200)),
    ),
    Case("recency_overfitting", "question_2017", lambda s: recipes.question_2017(100_000, s)),
    Case(
        "recency_overfitting",
        "an update every 2 samples, rate 1e-3",
        lambda s: fit(s, 30_000, target=INTEGRAL, **adam(1e-3, schedule=EveryWindow(2))),
    ),
    Case(
        "recency_overfitting",
        "inputs that rarely jump",
        lambda s: fit(
            s,
            30_000,
            signal=RandomHold(jump_probability=0.01),
            **adam(2e-3, schedule=EveryWindow(10)),
        ),
    ),
    Case(
        "recency_overfitting",
        "a constant rate of 3e-4",
        lambda s: fit(s, 50_000, **adam(3e-4)),
    ),
    Case(
        "truncation_too_short",
        "slow leak, windows of 1",
        lambda s: fit(s, target=SLOW, schedule=Accumulate(window=1, every=5)),
    ),
    Case(
        "truncation_too_short",
        "saturated integral, windows of 2",
        lambda s: fit(s, target=INTEGRAL, schedule=Accumulate(window=2, every=6)),
    ),
    Case(
        "forgetting",
        "delay by 40, RNN",
        lambda s: fit(s, signal=UniformNoise(), target=Delay(40), model=RNN(hidden=16, head=(16,))),
    ),
    Case(
        "forgetting",
        "slow leak, modes that decay at once",
        lambda s: fit(
            s,
            target=SLOW,
            model=DiagonalStateSpace(size=8, head=(16,), slowest=1.5),
            schedule=EveryWindow(8),
        ),
    ),
    Case(
        "start_sensitivity",
        "a sum that decays over 1,000 samples, times 0.01",
        lambda s: fit(s, model=Lingering(gain=0.01)),
    ),
    Case(
        "start_sensitivity",
        "a sum that decays over 1,000 samples, times 0.003",
        lambda s: fit(s, model=Lingering(gain=0.003)),
    ),
    Case(
        "drift",
        "a slower ramp without bounds",
        lambda s: fit(s, 2_000, target=SaturatedIntegral(offset=0.45, low=-1e4, high=1e4)),
    ),
    Case(
        "drift",
        "a ramp without bounds",
        lambda s: fit(s, 2_000, target=SaturatedIntegral(offset=0.4, low=-1e4, high=1e4)),
    ),
    Case("capacity_too_small", "GRU of 1", lambda s: fit(s, model=GRU(hidden=1, head=()))),
    Case(
        "capacity_too_small",
        "RNN of 1, integral",
        lambda s: fit(s, target=INTEGRAL, model=RNN(hidden=1, head=())),
    ),
    Case("step_too_large", "Adam at 0.03", lambda s: fit(s, **adam(0.03))),
    Case(
        "step_too_large",
        "Adam at 0.01, a step every 5 samples",
        lambda s: fit(s, **adam(0.01, schedule=TruncatedBPTT(k1=5, k2=50, loss_on="all"))),
    ),
    Case("step_too_small", "Adam at 2e-5", lambda s: fit(s, **adam(2e-5))),
    Case("step_too_small", "SGD at 1e-3", lambda s: fit(s, **sgd(1e-3))),
    Case(
        "too_few_updates",
        "an update in 500 samples",
        lambda s: fit(s, schedule=Accumulate(window=50, every=500)),
    ),
    Case("too_few_updates", "answer_2017", lambda s: recipes.answer_2017(100_000, s)),
    Case(
        "vanishing_gradient",
        "RNN of 4 layers, slow leak",
        lambda s: fit(s, target=SLOW, model=RNN(hidden=16, layers=4, head=()), **adam(1e-4)),
    ),
    Case(
        "vanishing_gradient",
        "weak recurrence, slow leak",
        lambda s: fit(s, target=SLOW, model=Unruly(recurrent=0.1), **adam(1e-4)),
    ),
    Case(
        "exploding_gradient",
        "recurrent weights times 5",
        lambda s: fit(s, model=Unruly(recurrent=5.0), **adam(1e-4)),
    ),
    Case(
        "exploding_gradient",
        "recurrent weights times 10",
        lambda s: fit(s, model=Unruly(recurrent=10.0), **adam(1e-4)),
    ),
    Case("dead_units", "90% of the head", lambda s: fit(s, model=Unruly(dead=0.9))),
    Case("dead_units", "the whole head", lambda s: fit(s, model=Unruly(dead=1.0))),
    Case("saturated_units", "inward weights times 1,000", lambda s: fit(s, model=Unruly(1.0, 1e3))),
    Case(
        "saturated_units",
        "inputs about 1,000",
        lambda s: fit(s, signal=RandomHold(low=1e3, high=1.001e3, initial=1e3)),
    ),
    Case("too_few_samples", "600 samples", lambda s: fit(s, 600)),
    Case(
        "too_few_samples",
        "1,500 samples of the integral",
        lambda s: fit(s, 1_500, target=INTEGRAL),
    ),
    Case(
        "constant_input",
        "hardly a jump",
        lambda s: fit(s, signal=RandomHold(jump_probability=2e-4, initial=0.5)),
    ),
    Case("constant_input", "a channel that is idle", lambda s: _recorded(s, _idle)),
    Case("repeated_input", "a sine", lambda s: fit(s, signal=Sine(period=50.0))),
    Case("repeated_input", "200 samples again and again", lambda s: _recorded(s, _tiled)),
    Case("unseen_input", "rising", lambda s: _recorded(s, _rising)),
    Case("unseen_input", "shifted after the fitted stretch", lambda s: _recorded(s, _shifted)),
    Case(
        "noisy_target",
        "normal noise of 0.2",
        lambda s: fit(s, target=Noisy(RateLimiter(up=0.02, down=0.03), 0.2), **adam(2e-3)),
    ),
    Case(
        "noisy_target",
        "outliers, squares",
        lambda s: attrs.evolve(fit(s, target=Noisy(INTEGRAL, 0.05, outliers=0.1)), loss="mse"),
    ),
    Case(
        "input_lag",
        "delay by 20, windows of 10",
        lambda s: fit(s, signal=UniformNoise(), target=Delay(20), schedule=EveryWindow(10)),
    ),
    Case("input_lag", "delay by 5, solved", lambda s: recipes.exact(5_000, s, target=Delay(5))),
    Case(
        "badly_scaled",
        "inputs up to 1,000",
        lambda s: fit(s, signal=RandomHold(high=1e3), target=LeakyIntegral(leak=0.1, gain=2e-4)),
    ),
    Case(
        "badly_scaled",
        "outputs about 300",
        lambda s: fit(s, signal=RandomHold(low=10.0, high=20.0), target=LeakyIntegral(gain=1.0)),
    ),
    Case("exposure", "low-pass, solved", lambda s: recipes.exact(5_000, s, target=LOWPASS)),
    Case(
        "exposure",
        "peak hold of a low-pass, solved",
        lambda s: recipes.exact(5_000, s, target=LOWPASS >> PeakHold(decay=0.98)),
    ),
    Case(
        "changing_relation",
        "the sign flips half-way",
        lambda s: _recorded(s, _plain, alter=_flipped),
    ),
    Case(
        "changing_relation",
        "the outputs jump half-way",
        lambda s: _recorded(s, _plain, alter=_jumping),
    ),
    Case("output_trend", "a steady drift", lambda s: _recorded(s, _plain, alter=_drifting)),
    Case("output_trend", "ageing", lambda s: _recorded(s, _plain, alter=_ageing)),
    Case("unrecorded_input", "a load that jumps", lambda s: _recorded(s, _plain, alter=_loaded)),
    Case("unrecorded_input", "something slow", lambda s: _recorded(s, _plain, alter=_warmed)),
    Case("constant_input", "still for half of it", lambda s: _recorded(s, _valve_shut)),
    Case("constant_input", "a second input, still for half", lambda s: _recorded(s, _second_still)),
)
