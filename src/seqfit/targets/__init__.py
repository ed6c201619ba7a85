"""What should come out: targets."""

from seqfit.targets.base import ChannelError, Target
from seqfit.targets.chain import Chain
from seqfit.targets.delays import Delay
from seqfit.targets.integrals import LeakyIntegral, SaturatedIntegral
from seqfit.targets.memory import Memory
from seqfit.targets.recorded import RecordedOutput

__all__ = [
    "Chain",
    "ChannelError",
    "Delay",
    "LeakyIntegral",
    "Memory",
    "RecordedOutput",
    "SaturatedIntegral",
    "Target",
]
