"""Whether a model that is fed with its own outputs bears them."""

from __future__ import annotations

import numpy as np

from seqfit.diagnosis.judging import Suspect, judge
from seqfit.diagnosis.remedies import gated, state_space, those
from seqfit.diagnosis.specimen import (
    CannotTellError,
    Specimen,
    error_of_streams,
    ratio_interval,
)
from seqfit.evaluation.free_run import Run, is_teacher_forced


def exposure(specimen: Specimen) -> list[Suspect]:
    """The error of the free run over that of predictions one step ahead."""
    x, y = specimen.x, specimen.y
    if np.isnan(y).any() or not is_teacher_forced(specimen.module, x, y):
        raise CannotTellError("exposure: the model is not fed with its outputs")
    ahead = Run(specimen.module, specimen.module.start(x.shape[1])).one_step_ahead(x, y)
    one_step = error_of_streams(ahead, y, specimen.washout)
    free = specimen.absolute_error
    ratio, interval = ratio_interval(free, one_step)
    return [
        judge(
            specimen,
            "exposure",
            ratio,
            "error of the free run over that one step ahead",
            f"The error is {one_step.mean():.2g} one step ahead, with the true outputs before, and "
            f"{free.mean():.2g} in the free run, on the model's own: {ratio:.3g} times as much.",
            interval=interval,
            remedies=those(state_space(specimen), gated(specimen)),
        )
    ]
