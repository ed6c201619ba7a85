"""Whether anything was learned at all."""

from __future__ import annotations

import numpy as np

from seqfit.diagnosis.judging import Suspect, judge
from seqfit.diagnosis.remedies import gated, state_space, steady, those
from seqfit.diagnosis.specimen import Specimen
from seqfit.evaluation.intervals import mean_interval


def hardly_learned(specimen: Specimen) -> list[Suspect]:
    """The error of the free run over that of the best constant."""
    prediction = np.clip(specimen.prediction[specimen.washout :].astype(np.float64), -1e30, 1e30)
    y = specimen.y[specimen.washout :]
    there = ~np.isnan(y)
    squared = np.where(there, np.square(prediction - y), 0.0).sum(axis=(0, 2))
    mean_squares = squared / np.maximum(there.sum(axis=(0, 2)), 1)  # (streams,)
    shares = np.sqrt(mean_squares) / max(specimen.spread, 1e-30)
    window = int(np.clip(len(specimen.past_x) // 20, 4, 100))
    updates = specimen.fitter.report.updates
    return [
        judge(
            specimen,
            "hardly_learned",
            specimen.nrmse,
            "error of a free run over that of the best constant",
            f"A free run leaves {specimen.nrmse:.0%} of the error that the best constant leaves, "
            f"after {updates:,} update{'s' * (updates != 1)}.",
            interval=mean_interval(shares),
            remedies=those(
                steady(specimen, window, 5e-3) if specimen.learns_by_gradients else None,
                state_space(specimen),
                gated(specimen) if specimen.learns_by_gradients else None,
            ),
            is_possible=specimen.spread > 0 and not specimen.is_before_a_lower_rate,
        )
    ]
