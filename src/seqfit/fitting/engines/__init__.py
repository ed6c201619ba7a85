"""How updates are carried out: engines."""

from seqfit.fitting.engines.base import Engine, Outcome, Segment
from seqfit.fitting.engines.eager import EagerEngine
from seqfit.fitting.engines.windowed import WindowedEngine

ENGINES: tuple[Engine, ...] = (EagerEngine(), WindowedEngine())
ENGINE_NAMES = ("auto", *(engine.name for engine in ENGINES))


def choose_engine(name: str) -> Engine:
    """The engine of a name; ``"auto"`` is the fastest that works for every model."""
    wanted = WindowedEngine.name if name == "auto" else name
    return next(engine for engine in ENGINES if engine.name == wanted)


__all__ = [
    "ENGINE_NAMES",
    "EagerEngine",
    "Engine",
    "Outcome",
    "Segment",
    "WindowedEngine",
    "choose_engine",
]
