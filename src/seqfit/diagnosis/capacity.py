"""Whether the model could do it at all."""

from __future__ import annotations

import numpy as np
import torch

from seqfit.diagnosis.judging import Suspect, judge
from seqfit.diagnosis.recency import correlation_time
from seqfit.diagnosis.remedies import gated, replay, state_space, steady, wider
from seqfit.diagnosis.specimen import CannotTellError, Specimen
from seqfit.models.base import detach

LENGTH, STRETCHES = 100, 4
ITERATIONS = 60


def capacity(specimen: Specimen) -> list[Suspect]:
    """Whether the model fits a short stretch exactly, and how many samples it was given for that.

    A copy of the module is fitted by L-BFGS to four stretches of 100 samples, from where it is and
    with gradients through all of it. What can't even repeat these can't learn the stream.
    """
    if not specimen.learns_by_gradients:
        return []
    return [_short_stretch(specimen), _samples(specimen)]


def _short_stretch(specimen: Specimen) -> Suspect:
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
    left = float(np.sqrt(best[0])) / max(specimen.spread, 1e-30)
    return judge(
        specimen,
        "capacity_too_small",
        left,
        "error over the spread of the outputs, fitted to a short stretch alone",
        f"Fitted to {STRETCHES} stretches of {length} samples alone, the model leaves an error of "
        f"{left:.2g} of the outputs' spread.",
        remedies=tuple(
            one for one in (wider(specimen), gated(specimen), state_space(specimen)) if one
        ),
    )


def _samples(specimen: Specimen) -> Suspect:
    samples = specimen.fitter.report.samples
    independent = samples / correlation_time(specimen)
    parameters = sum(p.numel() for p in specimen.module.parameters() if p.requires_grad)
    short = parameters / max(independent, 1e-30)
    window = int(np.clip(len(specimen.past_x) // 20, 4, 50))
    return judge(
        specimen,
        "too_few_samples",
        float(np.log10(max(short, 1e-30))),
        "powers of ten of parameters for each independent sample",
        f"{samples:,} samples hold about {independent:,.0f} independent ones, for {parameters:,} "
        "parameters.",
        remedies=(replay(specimen, window), steady(specimen, window, 5e-3), state_space(specimen)),
    )
