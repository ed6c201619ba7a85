"""How good a fit is."""

from seqfit.evaluation.scores import Scores, score

__all__ = ["Scores", "score"]
