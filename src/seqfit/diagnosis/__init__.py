"""Why a fit is bad, and what to do: findings that are measured."""

from seqfit.diagnosis.findings import Curve, Diagnosis, Finding, Suggestion

__all__ = ["Curve", "Diagnosis", "Finding", "Suggestion"]
