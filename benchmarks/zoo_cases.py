"""What the zoo fits: each registered target, on a signal that brings out what it does."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import final

import attrs
import numpy as np

from seqfit import Signal, Target
from seqfit.recordings import Recording, pair
from seqfit.signals import Beside, Events, GaussianNoise, RandomHold, UniformNoise
from seqfit.targets import (
    FIR,
    IIR,
    NARMA,
    NARX,
    PID,
    Adding,
    BackCalculatedIntegral,
    BoucWen,
    BoucWenOscillator,
    Butterworth,
    CascadedTanks,
    Channels,
    ClippedSum,
    ContextIntegration,
    Copy,
    Counter,
    DeadZone,
    DeadZoneIntegral,
    Debounce,
    Delay,
    DelayedMatch,
    DelayedParity,
    Duffing,
    EchoSum,
    FilteredDerivative,
    FlipFlop,
    Hammerstein,
    LeakyIntegral,
    Missing,
    MovingStatistic,
    Noisy,
    PeakHold,
    PiecewiseLinear,
    Play,
    Polynomial,
    PrandtlIshlinskii,
    Preisach,
    Quantiser,
    RateLimiter,
    Relay,
    ResettableIntegral,
    RunningParity,
    SampleHold,
    SaturatedIntegral,
    Saturation,
    Sigmoid,
    Stop,
    Switch,
    Threshold,
    TriggeredHold,
    Wiener,
    WienerHammerstein,
)
from seqfit.targets import Beside as TargetsBeside


@final
@attrs.frozen
class Case:
    """A row of the table.

    Attributes:
        name: under which the target is registered.
        signal: what goes in.
        shown: the signal in words.
        target: what should come out.
        hard: why, where no model learns it.
    """

    name: str
    signal: Signal
    shown: str
    target: Target
    hard: str = ""


@final
@attrs.frozen
class Family:
    """Cases that share a page of pictures.

    Attributes:
        title: what they have in common.
        picture: name of the page of pictures.
        cases: in the order of the table.
    """

    title: str
    picture: str
    cases: tuple[Case, ...]


STREAMS = 8
"""Streams that the networks are fitted on: a recording must hold as many."""


def laser() -> Case:
    """The Santa Fe laser, each sample beside the next one, cut into as many streams as are fitted.

    Raises:
        SystemExit: the package that it ships with is not there.
    """
    package = importlib.util.find_spec("reservoirpy")
    if package is None or package.origin is None:
        raise SystemExit("the laser ships with reservoirpy: pip install reservoirpy")
    series = np.load(Path(package.origin).parent / "datasets" / "santafe_laser.npy").ravel()
    length = (len(series) - 1) // STREAMS * STREAMS
    now, after = (series[first : first + length].reshape(STREAMS, -1).T for first in (0, 1))
    recording = Recording({"now": now, "next": after}, stretch="train", repeat=True)
    signal, target = pair(recording, "now", "next")
    return Case("recorded", signal, "Santa Fe laser, one sample ahead", target)


def cases() -> tuple[Case, ...]:
    """All of them."""
    return tuple(case for family in FAMILIES for case in family.cases)


HOLD, HELD = RandomHold(), "held levels, U(0, 1)"
BOTH, BOTH_SIDES = RandomHold(low=-1.0, high=1.0), "held levels, U(-1, 1)"
UNIFORM, WHITE = UniformNoise(), "white, U(0, 1)"
WIDE, WHITE_WIDE = UniformNoise(low=-1.0, high=1.0), "white, U(-1, 1)"
BITS, COINS = Events(probability=0.5), "bits, half of them 1"
SECOND_ORDER = IIR()

FAMILIES = (
    Family(
        "Integrals and filters",
        "zoo_integrals.png",
        (
            Case("saturated_integral", HOLD, HELD, SaturatedIntegral()),
            Case("leaky_integral", HOLD, HELD, LeakyIntegral()),
            Case(
                "clipped_sum",
                RandomHold(0.5),
                "short-held levels, U(0, 1)",
                ClippedSum(),
                hard="The sum wanders far beyond its bounds: when it comes back is told by all "
                "inputs since it left.",
            ),
            Case("back_calculated_integral", HOLD, HELD, BackCalculatedIntegral()),
            Case("dead_zone_integral", HOLD, HELD, DeadZoneIntegral()),
            Case(
                "resettable_integral",
                Beside([HOLD, Events(0.02)]),
                "held levels; resets, 2%",
                ResettableIntegral(),
            ),
            Case("fir", WIDE, WHITE_WIDE, FIR()),
            Case("iir", WIDE, WHITE_WIDE, SECOND_ORDER),
            Case("butterworth", BOTH, BOTH_SIDES, Butterworth()),
            Case("filtered_derivative", BOTH, BOTH_SIDES, FilteredDerivative()),
            Case(
                "pid",
                Beside([RandomHold(0.02, low=-1.0, high=1.0), BOTH]),
                "setpoint and measurement, held levels",
                PID(),
            ),
        ),
    ),
    Family(
        "Hysteresis, limiters and holds",
        "zoo_hysteresis.png",
        (
            Case("play", BOTH, BOTH_SIDES, Play()),
            Case("stop", BOTH, BOTH_SIDES, Stop()),
            Case("relay", HOLD, HELD, Relay()),
            Case("prandtl_ishlinskii", BOTH, BOTH_SIDES, PrandtlIshlinskii()),
            Case("preisach", HOLD, HELD, Preisach()),
            Case("bouc_wen", BOTH, BOTH_SIDES, BoucWen()),
            Case("rate_limiter", HOLD, HELD, RateLimiter(up=0.05, down=0.08)),
            Case("dead_zone", BOTH, BOTH_SIDES, DeadZone()),
            Case(
                "sample_hold",
                UNIFORM,
                WHITE,
                SampleHold(),
                hard="Nothing in the input tells when it is sampled: that takes a clock of 10 "
                "samples, right from the start.",
            ),
            Case(
                "triggered_hold",
                Beside([UNIFORM, Events()]),
                "white; triggers, 10%",
                TriggeredHold(),
            ),
            Case("peak_hold", HOLD, HELD, PeakHold(decay=0.98)),
            Case("moving_statistic", UNIFORM, WHITE, MovingStatistic("maximum", window=10)),
        ),
    ),
    Family(
        "System identification",
        "zoo_systems.png",
        (
            Case("polynomial", BOTH, BOTH_SIDES, Polynomial((0.0, 1.0, 0.5, -0.8))),
            Case("saturation", BOTH, BOTH_SIDES, Saturation()),
            Case("sigmoid", BOTH, BOTH_SIDES, Sigmoid(gain=3.0)),
            Case("piecewise_linear", BOTH, BOTH_SIDES, PiecewiseLinear()),
            Case("narx", WIDE, WHITE_WIDE, NARX()),
            Case("wiener", WIDE, WHITE_WIDE, Wiener(SECOND_ORDER, Sigmoid(gain=4.0))),
            Case("hammerstein", WIDE, WHITE_WIDE, Hammerstein(Saturation(), SECOND_ORDER)),
            Case(
                "wiener_hammerstein",
                WIDE,
                WHITE_WIDE,
                WienerHammerstein(SECOND_ORDER, Saturation(-0.2, 0.3), Butterworth(edges=(0.1,))),
            ),
            Case(
                "bouc_wen_oscillator",
                GaussianNoise(deviation=50.0),
                "white, N(0, 50²), in N",
                BoucWenOscillator() >> Polynomial((0.0, 1000.0)),  # in mm
            ),
            Case("duffing", BOTH, BOTH_SIDES, Duffing()),
            Case("cascaded_tanks", RandomHold(0.05), "long-held levels, U(0, 1)", CascadedTanks()),
            Case("narma", UniformNoise(high=0.5), "white, U(0, 0.5)", NARMA()),
        ),
    ),
    Family(
        "Memory and computation",
        "zoo_memory.png",
        (
            Case("delay", HOLD, HELD, Delay(10)),
            Case("echo_sum", BITS, COINS, EchoSum()),
            Case("threshold", UNIFORM, WHITE, Threshold()),
            Case("debounce", RandomHold(0.3), "short-held levels, U(0, 1)", Debounce()),
            Case(
                "running_parity",
                Events(0.3),
                "events, 30%",
                RunningParity(),
                hard="Each event turns all later outputs, so that a model that is almost right is "
                "no better than chance.",
            ),
            Case("delayed_parity", BITS, COINS, DelayedParity()),
            Case(
                "counter", Beside([Events(0.3), Events(0.03)]), "events, 30%; resets, 3%", Counter()
            ),
            Case(
                "flip_flop",
                GaussianNoise(channels=3),
                "3 x white, N(0, 1)",
                FlipFlop(threshold=1.5),
            ),
            Case("adding", Beside([UNIFORM, Events(0.05)]), "white; marks, 5%", Adding()),
            Case("copy", Beside([BITS, Events(0.05)]), "bits; delimiters, 5%", Copy(length=5)),
            Case(
                "delayed_match",
                Beside([BITS, Events()]),
                "bits; cues, 10%",
                DelayedMatch(),
                hard="A bit and whose turn it is have to be held from cue to cue, and neither is "
                "of use without the other.",
            ),
            Case(
                "context_integration",
                Beside([GaussianNoise(channels=2), RandomHold(0.05), RandomHold(0.05)]),
                "2 x evidence, N(0, 1); 2 x context, long-held",
                ContextIntegration(),
                hard="White noise is summed up for as long as its context lasts, so that an error "
                "in one sample stays.",
            ),
        ),
    ),
    Family(
        "Combinations, noise and recorded data",
        "zoo_combinations.png",
        (
            Case("quantiser", HOLD, HELD, Quantiser()),
            Case("channels", Beside([HOLD, BOTH]), "2 x held levels", Channels((1, 0))),
            Case(
                "chain", HOLD, HELD, LeakyIntegral(leak=0.1, gain=0.1) >> LeakyIntegral(0.15, 0.15)
            ),
            Case("sum", HOLD, HELD, SaturatedIntegral() + Delay(1)),
            Case("product", HOLD, HELD, SaturatedIntegral() * LeakyIntegral(leak=0.2, gain=0.2)),
            Case(
                "switch",
                Beside([HOLD, RandomHold(0.02)]),
                "held levels; regime, long-held",
                Switch([SaturatedIntegral(), PeakHold(decay=0.95)]),
            ),
            Case("beside", HOLD, HELD, TargetsBeside([SaturatedIntegral(), RateLimiter(0.05)])),
            Case("noisy", HOLD, HELD, Noisy(SaturatedIntegral())),
            Case("missing", HOLD, HELD, Missing(SaturatedIntegral())),
            laser(),
        ),
    ),
)
