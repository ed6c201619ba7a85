"""How good a fit is."""

from seqfit.evaluation.intervals import Interval
from seqfit.evaluation.scores import RunningScores, Scores, score

__all__ = ["Interval", "RunningScores", "Scores", "score"]
