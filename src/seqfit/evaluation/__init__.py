"""How good a fit is."""

from seqfit.evaluation.drift import Drift
from seqfit.evaluation.examination import Evaluation, Horizon, examine
from seqfit.evaluation.intervals import Interval
from seqfit.evaluation.kinks import KinkErrors
from seqfit.evaluation.scores import RunningScores, Scores, score
from seqfit.evaluation.starts import Starts

__all__ = [
    "Drift",
    "Evaluation",
    "Horizon",
    "Interval",
    "KinkErrors",
    "RunningScores",
    "Scores",
    "Starts",
    "examine",
    "score",
]
