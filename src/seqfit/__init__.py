"""Fit recurrent networks to streams: signal -> target -> model -> schedule -> fitter.

The names below are loaded when they are first used, so that ``import seqfit.signals`` does not
import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqfit.fitting import Experiment, Fitter
    from seqfit.models import Model, StreamModule
    from seqfit.schedules import Update, UpdateSchedule
    from seqfit.signals import Signal
    from seqfit.targets import Target, target

__version__ = "0.1.0"

_HOMES = {
    "Experiment": "seqfit.fitting",
    "Fitter": "seqfit.fitting",
    "Model": "seqfit.models",
    "Signal": "seqfit.signals",
    "StreamModule": "seqfit.models",
    "Target": "seqfit.targets",
    "Update": "seqfit.schedules",
    "UpdateSchedule": "seqfit.schedules",
    "target": "seqfit.targets",
}

__all__ = [
    "Experiment",
    "Fitter",
    "Model",
    "Signal",
    "StreamModule",
    "Target",
    "Update",
    "UpdateSchedule",
    "target",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'seqfit' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
