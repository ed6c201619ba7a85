"""The same defects planted in fits of other targets: to learn from, and never looked at before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.planted import HEALTHY, Case, Lingering, Unruly, adam, cycle, fit, sgd
from seqfit import Experiment, Signal, Target, recipes
from seqfit.models import GRU
from seqfit.recordings import Recording, pair
from seqfit.schedules import Accumulate, EveryWindow, TruncatedBPTT
from seqfit.signals import Multisine, RandomHold, UniformNoise
from seqfit.targets import (
    IIR,
    NARMA,
    NARX,
    BackCalculatedIntegral,
    BoucWen,
    Butterworth,
    CascadedTanks,
    DeadZone,
    Delay,
    Duffing,
    Hammerstein,
    LeakyIntegral,
    MovingStatistic,
    PeakHold,
    PiecewiseLinear,
    Play,
    PrandtlIshlinskii,
    Preisach,
    SaturatedIntegral,
    Saturation,
    Sigmoid,
    Stop,
    Wiener,
    WienerHammerstein,
)

Planted = Callable[[int, Signal, Target], Experiment]
Columns = dict[str, npt.NDArray[np.float64]]

HOLD, BOTH, WIDE = RandomHold(), RandomHold(low=-1.0, high=1.0), UniformNoise(low=-1.0, high=1.0)
System = tuple[str, Signal, Target]
SYSTEMS: tuple[System, ...] = (
    ("Duffing", BOTH, Duffing()),
    ("Preisach", HOLD, Preisach()),
    ("Wiener", WIDE, Wiener(IIR(), Sigmoid(gain=4.0))),
    ("Bouc-Wen", BOTH, BoucWen()),
    ("Butterworth", BOTH, Butterworth()),
    ("cascaded tanks", RandomHold(0.05), CascadedTanks()),
    ("NARX", WIDE, NARX()),
    ("Prandtl-Ishlinskii", BOTH, PrandtlIshlinskii()),
    ("Hammerstein", WIDE, Hammerstein(Saturation(), IIR())),
    ("play", BOTH, Play()),
)
"""Systems on which measures were made better."""

OTHERS: tuple[System, ...] = (
    (
        "Wiener-Hammerstein",
        WIDE,
        WienerHammerstein(IIR(), Saturation(-0.2, 0.3), Butterworth(edges=(0.1,))),
    ),
    ("back-calculated integral", HOLD, BackCalculatedIntegral()),
    ("NARMA", UniformNoise(high=0.5), NARMA()),
    ("stop", BOTH, Stop()),
    ("filter", BOTH, IIR()),
    ("peak hold", HOLD, PeakHold(decay=0.98)),
    ("moving mean", WIDE, MovingStatistic("mean", window=10)),
    ("bent, then leaky", BOTH, PiecewiseLinear() >> LeakyIntegral(leak=0.05, gain=0.1)),
    ("dead zone, then filter", WIDE, Hammerstein(DeadZone(), Butterworth())),
    ("product of integrals", HOLD, SaturatedIntegral() * LeakyIntegral(leak=0.2, gain=0.2)),
)
"""Systems that nothing was changed for, each of the kind of the one above."""


def _with(samples: int = 20_000, **parts: Any) -> Planted:
    return lambda seed, signal, target: fit(seed, samples, signal=signal, target=target, **parts)


def _recorded(alter: Callable[[Columns, Any], Columns], samples: int = 20_000) -> Planted:
    """Recorded from a system, and then altered: columns u, y, and v where it makes a second."""

    def plant(seed: int, signal: Signal, target: Target) -> Experiment:
        x, _ = signal.generate(signal.start(1, seed), samples)
        y, _ = target.transform(x, target.start(1))
        columns = {"u": x[:, 0, 0].astype(np.float64), "y": y[:, 0, 0].astype(np.float64)}
        columns = alter(columns, np.random.default_rng(seed))
        inputs = [name for name in columns if name != "y"]
        recording = Recording(columns, stretch="train", repeat=True)
        signal, target = pair(recording, inputs, "y")
        return fit(seed, samples, signal=signal, target=target)

    return plant


def _idle(columns: Columns, _rng: Any) -> Columns:
    return columns | {"v": np.full(len(columns["u"]), 0.3)}


def _tiled(columns: Columns, _rng: Any) -> Columns:
    length = len(columns["u"])
    return {name: np.tile(values[100:350], length // 250) for name, values in columns.items()}


def _thousands(columns: Columns, _rng: Any) -> Columns:
    return {"u": 1000 * columns["u"], "y": columns["y"]}


def _kelvin(columns: Columns, _rng: Any) -> Columns:
    return {"u": columns["u"], "y": columns["y"] / columns["y"].std() + 293.0}


def _noisy(columns: Columns, rng: Any) -> Columns:
    y = columns["y"]
    return {"u": columns["u"], "y": y + 0.3 * y.std() * rng.normal(size=len(y))}


def _outliers(columns: Columns, rng: Any) -> Columns:
    y, hit = columns["y"], rng.uniform(size=len(columns["y"])) < 0.1
    return {"u": columns["u"], "y": y + hit * 2 * y.std() * rng.normal(size=len(y))}


def _louder(seed: int, signal: Signal, target: Target) -> Experiment:
    """Fitted at a third of the amplitude that is scored."""
    length = 20_000
    x, _ = signal.generate(signal.start(1, seed), length)
    x[: int(0.7 * length)] /= 3
    y, _ = target.transform(x, target.start(1))
    columns = {"u": x[:, 0, 0], "y": y[:, 0, 0]}
    signal, target = pair(Recording(columns, stretch="train", repeat=True), "u", "y")
    return fit(seed, length, signal=signal, target=target)


def _delayed(seed: int, _signal: Signal, target: Target) -> Experiment:
    late = Delay(25) >> target
    return fit(seed, signal=WIDE, target=late, schedule=EveryWindow(12))


def _rarely_jumping(seed: int, _signal: Signal, target: Target) -> Experiment:
    rare = RandomHold(jump_probability=0.01)
    return fit(seed, 30_000, signal=rare, target=target, **adam(2e-3, schedule=EveryWindow(10)))


def _hardly_a_jump(seed: int, _signal: Signal, target: Target) -> Experiment:
    rare = RandomHold(jump_probability=2e-4, initial=0.5)
    return fit(seed, signal=rare, target=target)


PLANTED: tuple[tuple[str, str, Planted, tuple[int, ...]], ...] = (
    ("hardly_learned", "Adam at 1e-6", _with(**adam(1e-6)), (0, 6)),
    ("hardly_learned", "25 updates", _with(5_000, schedule=Accumulate(50, 200)), (3, 5)),
    (
        "recency_overfitting",
        "an update every 2 samples, rate 2e-3",
        _with(30_000, **adam(2e-3, schedule=EveryWindow(2))),
        (3, 4, 9),
    ),
    (
        "recency_overfitting",
        "inputs that rarely jump",
        _rarely_jumping,
        (1, 5),
    ),
    ("truncation_too_short", "windows of 1", _with(schedule=Accumulate(1, 5)), (4, 8)),
    ("truncation_too_short", "windows of 2", _with(schedule=Accumulate(2, 6)), (0, 5)),
    ("forgetting", "weak recurrence", _with(model=Unruly(recurrent=0.05), **adam(1e-4)), (1, 5)),
    ("start_sensitivity", "a sum that lingers", _with(model=Lingering(gain=0.01)), (0, 3)),
    ("capacity_too_small", "GRU of 1", _with(50_000, model=GRU(hidden=1, head=())), (0, 3)),
    ("capacity_too_small", "GRU of 2", _with(50_000, model=GRU(hidden=2, head=())), (1, 7)),
    ("step_too_large", "Adam at 0.1", _with(**adam(0.1)), (0, 8)),
    ("step_too_large", "one cycle of Adam up to 0.1", _with(**cycle(0.1)), (3, 4)),
    ("step_too_small", "Adam at 1e-5", _with(**adam(1e-5)), (5, 6)),
    ("step_too_small", "SGD at 1e-3", _with(**sgd(1e-3)), (4, 7)),
    (
        "too_few_updates",
        "an update in 1,000 samples",
        _with(50_000, schedule=Accumulate(50, 1000)),
        (2, 5),
    ),
    ("vanishing_gradient", "weak recurrence", _with(model=Unruly(0.1), **adam(1e-4)), (7, 9)),
    ("exploding_gradient", "recurrent weights times 8", _with(model=Unruly(8.0)), (4, 6)),
    ("dead_units", "90% of the head", _with(model=Unruly(dead=0.9)), (0, 2)),
    ("saturated_units", "inward weights times 1,000", _with(model=Unruly(1.0, 1e3)), (3, 8)),
    ("too_few_samples", "600 samples", _with(600), (0, 9)),
    ("constant_input", "hardly a jump", _hardly_a_jump, (1, 4)),
    ("constant_input", "a channel that is idle", _recorded(_idle), (0, 7)),
    ("repeated_input", "250 samples again and again", _recorded(_tiled), (2, 3)),
    (
        "repeated_input",
        "one period again and again",
        lambda s, _signal, target: fit(s, signal=Multisine(period=400), target=target),
        (0, 5),
    ),
    ("unseen_input", "three times as loud where it is scored", _louder, (0, 8)),
    ("noisy_target", "normal noise, 0.3 of the spread", _recorded(_noisy), (0, 2, 3)),
    ("noisy_target", "outliers in a tenth", _recorded(_outliers), (4, 7)),
    ("input_lag", "25 samples late, windows of 12", _delayed, (2, 6)),
    ("badly_scaled", "inputs up to 1,000", _recorded(_thousands), (0, 6)),
    ("badly_scaled", "outputs about 293", _recorded(_kelvin), (4, 5)),
    (
        "capacity_too_small",
        "a filter of second order from its last output alone",
        lambda s, signal, target: recipes.exact(5_000, s, signal=signal, target=target),
        (4, 8),
    ),
)


def _bound(plant: Planted, signal: Signal, target: Target) -> Callable[[int], Experiment]:
    return lambda seed: plant(seed, signal, target)


def cases(systems: tuple[System, ...]) -> tuple[Case, ...]:
    """Healthy fits of each system, and fits of some of them with each defect."""
    windows = TruncatedBPTT(k1=5, k2=400, loss_on="all")  # some of them remember as long
    healthy = [
        Case(HEALTHY, f"GRU, {name}", _bound(_with(100_000, schedule=windows), signal, target))
        for name, signal, target in systems
    ]
    planted = [
        Case(kind, f"{systems[number][0]}, {title}", _bound(plant, *systems[number][1:]))
        for kind, title, plant, numbers in PLANTED
        for number in numbers
    ]
    return (*healthy, *planted)
