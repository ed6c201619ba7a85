"""How updates are carried out: engines."""

from seqfit.fitting.engines.base import Engine, Outcome, Run, RunOutcome, Segment
from seqfit.fitting.engines.captured import CapturedEngine
from seqfit.fitting.engines.compiled import CompiledUpdates
from seqfit.fitting.engines.compiled_gradient import CompiledGradient
from seqfit.fitting.engines.compiled_optimizer import UnknownToCompiledError
from seqfit.fitting.engines.eager import EagerEngine
from seqfit.fitting.engines.summed import SummedGradient
from seqfit.fitting.engines.windowed import WindowedEngine

ENGINES: tuple[Engine, ...] = (EagerEngine(), WindowedEngine())
ENGINE_NAMES = ("auto", *(engine.name for engine in ENGINES), CompiledUpdates.name)


def choose_engine(name: str) -> Engine:
    """The engine of a name; else the fastest that works for every model and every update."""
    return next((engine for engine in ENGINES if engine.name == name), ENGINES[-1])


__all__ = [
    "ENGINE_NAMES",
    "CapturedEngine",
    "CompiledGradient",
    "CompiledUpdates",
    "EagerEngine",
    "Engine",
    "Outcome",
    "Run",
    "RunOutcome",
    "Segment",
    "SummedGradient",
    "UnknownToCompiledError",
    "WindowedEngine",
    "choose_engine",
]
