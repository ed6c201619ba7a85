"""Why a fit is bad, and what to do: findings that are measured."""

from seqfit.diagnosis.changes import follow
from seqfit.diagnosis.diagnose import diagnose
from seqfit.diagnosis.findings import Curve, Diagnosis, Finding, Suggestion
from seqfit.diagnosis.thresholds import THRESHOLDS

__all__ = ["THRESHOLDS", "Curve", "Diagnosis", "Finding", "Suggestion", "diagnose", "follow"]
