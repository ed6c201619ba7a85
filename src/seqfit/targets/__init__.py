"""What should come out: targets."""

from seqfit.targets.base import ChannelError, Target
from seqfit.targets.blocks import Hammerstein, Wiener, WienerHammerstein
from seqfit.targets.bouc_wen import BoucWen
from seqfit.targets.chain import Chain
from seqfit.targets.channels import Channels, Quantiser
from seqfit.targets.combinators import Beside, Product, Sum, Switch
from seqfit.targets.controllers import PID
from seqfit.targets.decisions import ContextIntegration, DelayedMatch
from seqfit.targets.delays import Delay
from seqfit.targets.echoes import EchoSum
from seqfit.targets.filters import FIR, IIR, Butterworth, FilteredDerivative
from seqfit.targets.holds import PeakHold, SampleHold, TriggeredHold
from seqfit.targets.hysteresis import Play, Relay, Stop
from seqfit.targets.integrals import (
    BackCalculatedIntegral,
    ClippedSum,
    DeadZoneIntegral,
    LeakyIntegral,
    ResettableIntegral,
    SaturatedIntegral,
)
from seqfit.targets.limiters import DeadZone, RateLimiter
from seqfit.targets.logic import Counter, Debounce, DelayedParity, RunningParity, Threshold
from seqfit.targets.memory import Memory
from seqfit.targets.missing import Missing
from seqfit.targets.narma import NARMA
from seqfit.targets.narx import NARX, Term
from seqfit.targets.noise import Noisy
from seqfit.targets.oscillators import BoucWenOscillator, Duffing
from seqfit.targets.recall import Adding, Copy, FlipFlop
from seqfit.targets.recorded import RecordedOutput
from seqfit.targets.static import PiecewiseLinear, Polynomial, Saturation, Sigmoid
from seqfit.targets.step import target
from seqfit.targets.superpositions import PrandtlIshlinskii, Preisach
from seqfit.targets.tanks import CascadedTanks
from seqfit.targets.windows import MovingStatistic

__all__ = [
    "FIR",
    "IIR",
    "NARMA",
    "NARX",
    "PID",
    "Adding",
    "BackCalculatedIntegral",
    "Beside",
    "BoucWen",
    "BoucWenOscillator",
    "Butterworth",
    "CascadedTanks",
    "Chain",
    "ChannelError",
    "Channels",
    "ClippedSum",
    "ContextIntegration",
    "Copy",
    "Counter",
    "DeadZone",
    "DeadZoneIntegral",
    "Debounce",
    "Delay",
    "DelayedMatch",
    "DelayedParity",
    "Duffing",
    "EchoSum",
    "FilteredDerivative",
    "FlipFlop",
    "Hammerstein",
    "LeakyIntegral",
    "Memory",
    "Missing",
    "MovingStatistic",
    "Noisy",
    "PeakHold",
    "PiecewiseLinear",
    "Play",
    "Polynomial",
    "PrandtlIshlinskii",
    "Preisach",
    "Product",
    "Quantiser",
    "RateLimiter",
    "RecordedOutput",
    "Relay",
    "ResettableIntegral",
    "RunningParity",
    "SampleHold",
    "SaturatedIntegral",
    "Saturation",
    "Sigmoid",
    "Stop",
    "Sum",
    "Switch",
    "Target",
    "Term",
    "Threshold",
    "TriggeredHold",
    "Wiener",
    "WienerHammerstein",
    "target",
]
