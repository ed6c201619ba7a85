"""What should come out: targets."""

from seqfit.targets.base import Target
from seqfit.targets.chain import Chain
from seqfit.targets.delays import Delay
from seqfit.targets.integrals import LeakyIntegral, SaturatedIntegral
from seqfit.targets.recorded import RecordedOutput

__all__ = ["Chain", "Delay", "LeakyIntegral", "RecordedOutput", "SaturatedIntegral", "Target"]
