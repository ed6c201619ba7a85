"""What should come out: targets."""

from seqfit.targets.base import ChannelError, Target
from seqfit.targets.chain import Chain
from seqfit.targets.channels import Channels, Quantiser
from seqfit.targets.combinators import Beside, Product, Sum, Switch
from seqfit.targets.decisions import ContextIntegration, DelayedMatch
from seqfit.targets.delays import Delay
from seqfit.targets.echoes import EchoSum
from seqfit.targets.holds import PeakHold, SampleHold, TriggeredHold
from seqfit.targets.hysteresis import Play, Relay, Stop
from seqfit.targets.integrals import LeakyIntegral, SaturatedIntegral
from seqfit.targets.limiters import DeadZone, RateLimiter
from seqfit.targets.logic import Counter, Debounce, DelayedParity, RunningParity, Threshold
from seqfit.targets.memory import Memory
from seqfit.targets.narma import NARMA
from seqfit.targets.noise import Noisy
from seqfit.targets.recall import Adding, Copy, FlipFlop
from seqfit.targets.recorded import RecordedOutput
from seqfit.targets.step import target
from seqfit.targets.windows import MovingStatistic

__all__ = [
    "NARMA",
    "Adding",
    "Beside",
    "Chain",
    "ChannelError",
    "Channels",
    "ContextIntegration",
    "Copy",
    "Counter",
    "DeadZone",
    "Debounce",
    "Delay",
    "DelayedMatch",
    "DelayedParity",
    "EchoSum",
    "FlipFlop",
    "LeakyIntegral",
    "Memory",
    "MovingStatistic",
    "Noisy",
    "PeakHold",
    "Play",
    "Product",
    "Quantiser",
    "RateLimiter",
    "RecordedOutput",
    "Relay",
    "RunningParity",
    "SampleHold",
    "SaturatedIntegral",
    "Stop",
    "Sum",
    "Switch",
    "Target",
    "Threshold",
    "TriggeredHold",
    "target",
]
