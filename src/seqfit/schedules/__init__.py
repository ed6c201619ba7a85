"""When the model learns: update schedules."""

from seqfit.schedules.base import Progress, Update, UpdateSchedule
from seqfit.schedules.replay import Replay
from seqfit.schedules.truncated import TruncatedBPTT
from seqfit.schedules.windows import Accumulate, EveryWindow

__all__ = [
    "Accumulate",
    "EveryWindow",
    "Progress",
    "Replay",
    "TruncatedBPTT",
    "Update",
    "UpdateSchedule",
]
