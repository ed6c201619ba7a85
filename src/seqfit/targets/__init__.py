"""What should come out: targets."""

from seqfit.targets.base import ChannelError, Target
from seqfit.targets.chain import Chain
from seqfit.targets.delays import Delay
from seqfit.targets.holds import PeakHold, SampleHold, TriggeredHold
from seqfit.targets.hysteresis import Play, Relay, Stop
from seqfit.targets.integrals import LeakyIntegral, SaturatedIntegral
from seqfit.targets.limiters import DeadZone, RateLimiter
from seqfit.targets.logic import Counter, Debounce, DelayedParity, RunningParity, Threshold
from seqfit.targets.memory import Memory
from seqfit.targets.missing import Missing
from seqfit.targets.noise import Noisy
from seqfit.targets.recorded import RecordedOutput
from seqfit.targets.windows import MovingStatistic

__all__ = [
    "Chain",
    "ChannelError",
    "Counter",
    "DeadZone",
    "Debounce",
    "Delay",
    "DelayedParity",
    "LeakyIntegral",
    "Memory",
    "Missing",
    "MovingStatistic",
    "Noisy",
    "PeakHold",
    "Play",
    "RateLimiter",
    "RecordedOutput",
    "Relay",
    "RunningParity",
    "SampleHold",
    "SaturatedIntegral",
    "Stop",
    "Target",
    "Threshold",
    "TriggeredHold",
]
