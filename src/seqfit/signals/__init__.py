"""What goes in: signals."""

from seqfit.signals.altered import Clip, Dropout, Gain, Noisy
from seqfit.signals.base import Signal
from seqfit.signals.binary import APRBS, PRBS
from seqfit.signals.chaotic_flows import Lorenz, Roessler
from seqfit.signals.chaotic_maps import HenonMap, LogisticMap
from seqfit.signals.combinators import Beside, Product, Sum, Switch
from seqfit.signals.events import Events, PoissonEvents
from seqfit.signals.gauss_markov import OrnsteinUhlenbeck, RandomWalk
from seqfit.signals.hold import RandomHold
from seqfit.signals.mackey_glass import MackeyGlass
from seqfit.signals.markov import MarkovLevels
from seqfit.signals.multisine import Multisine
from seqfit.signals.noise import GaussianNoise, UniformNoise
from seqfit.signals.periodic import Chirp, PulseTrain, Sine, Square
from seqfit.signals.recorded import Recorded

__all__ = [
    "APRBS",
    "PRBS",
    "Beside",
    "Chirp",
    "Clip",
    "Dropout",
    "Events",
    "Gain",
    "GaussianNoise",
    "HenonMap",
    "LogisticMap",
    "Lorenz",
    "MackeyGlass",
    "MarkovLevels",
    "Multisine",
    "Noisy",
    "OrnsteinUhlenbeck",
    "PoissonEvents",
    "Product",
    "PulseTrain",
    "RandomHold",
    "RandomWalk",
    "Recorded",
    "Roessler",
    "Signal",
    "Sine",
    "Square",
    "Sum",
    "Switch",
    "UniformNoise",
]
