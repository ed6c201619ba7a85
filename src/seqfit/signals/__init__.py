"""What goes in: signals."""

from seqfit.signals.base import Signal
from seqfit.signals.combinators import Beside
from seqfit.signals.events import Events
from seqfit.signals.hold import RandomHold
from seqfit.signals.noise import GaussianNoise, UniformNoise
from seqfit.signals.periodic import Sine
from seqfit.signals.recorded import Recorded

__all__ = [
    "Beside",
    "Events",
    "GaussianNoise",
    "RandomHold",
    "Recorded",
    "Signal",
    "Sine",
    "UniformNoise",
]
