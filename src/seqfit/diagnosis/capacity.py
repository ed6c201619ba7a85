"""Whether the model could do it at all."""

from __future__ import annotations

import numpy as np
import torch

from seqfit.diagnosis.judging import Suspect, judge
from seqfit.diagnosis.recency import correlation_time
from seqfit.diagnosis.remedies import more_samples, replay, steady
from seqfit.diagnosis.specimen import CannotTellError, Specimen
from seqfit.models.base import detach

LENGTH, STRETCHES = 100, 4
ITERATIONS = 60


def left_of_short_stretch(specimen: Specimen) -> float:
    """What error is left where the model is fitted to a few short stretches alone.

    A copy of the module is fitted by L-BFGS to four stretches of 100 samples, from where it is and
    with gradients through all of it. The error is in units of the outputs' spread.
    """
    length = min(LENGTH, len(specimen.past_x) // 2)
    if length < 10:
        raise CannotTellError("capacity: too few samples were fitted")
    state, x, y = specimen.segments(length, STRETCHES, min(200, len(specimen.past_x) // 2))
    module = specimen.module_of_its_own()
    inputs, outputs = specimen.tensors(x, y)
    there = ~outputs.isnan()
    wanted = torch.where(there, outputs, 0)
    start = detach(state)
    optimizer = torch.optim.LBFGS(
        module.parameters(), max_iter=ITERATIONS, history_size=20, line_search_fn="strong_wolfe"
    )
    best = [np.inf]

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        prediction, _ = module.fast_forward(inputs, start)
        value = ((prediction - wanted) * there).square().mean()
        if bool(value.isfinite()):
            best[0] = min(best[0], float(value.detach()))
        value.backward()
        return value

    optimizer.step(closure)
    return float(np.sqrt(best[0])) / max(specimen.spread, 1e-30)


def number_of_samples(specimen: Specimen) -> list[Suspect]:
    """How many independent samples there are for each parameter."""
    if not specimen.learns_by_gradients:
        return []
    fitted = specimen.fitter.report.samples
    samples = min(fitted, specimen.most_different)
    again = f", {samples:,} recorded ones again and again," if samples < fitted else ""
    independent = samples / correlation_time(specimen)
    parameters = sum(p.numel() for p in specimen.module.parameters() if p.requires_grad)
    short = parameters / max(independent, 1e-30)
    window = int(np.clip(len(specimen.past_x) // 20, 4, 50))
    return [
        judge(
            specimen,
            "too_few_samples",
            float(np.log10(max(short, 1e-30))),
            "powers of ten of parameters for each independent sample",
            f"{fitted:,} samples{again} hold about {independent:,.0f} independent ones, for "
            f"{parameters:,} parameters.",
            remedies=(
                more_samples(specimen),
                steady(specimen, window, 5e-3),
                replay(specimen, window),
            ),
            is_possible=samples == fitted or not specimen.generalises,
        )
    ]
