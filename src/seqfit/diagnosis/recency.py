"""Whether a fit knows its newest samples better than those before."""

from __future__ import annotations

import copy
import time
from typing import final

import attrs
import numpy as np
import numpy.typing as npt
import torch

from seqfit.diagnosis.findings import Curve
from seqfit.diagnosis.judging import Suspect, judge
from seqfit.diagnosis.remedies import replay, steady
from seqfit.diagnosis.specimen import CannotTellError, Specimen, mean_of_observed, ratio_interval
from seqfit.evaluation.free_run import free_run
from seqfit.fitting import Fitter
from seqfit.fitting.losses import elementwise
from seqfit.fitting.samples import Samples
from seqfit.models.base import StreamModule, detach

SNAPSHOTS = 256
BLOCKS = 16
"""Snapshots side by side are alike, so that intervals are taken over blocks of them."""
REMEMBERED = 1500
"""Samples before a snapshot through which its weights are run."""
LEAD_IN = 200
GRADIENTS = 32
WINDOW = 100


@final
@attrs.define
class Continuation:
    """A copy of a fit that goes on, and the samples that it is given.

    Attributes:
        fitter: the copy.
        specimen: of what.
        used: samples of the past that were given once more, where the signal has ended.
    """

    fitter: Fitter
    specimen: Specimen
    used: int = 0

    @classmethod
    def of(cls, specimen: Specimen) -> Continuation:
        """The fit goes on where it is."""
        return cls(specimen.fitter.copy(), specimen)

    def go_on(self, length: int) -> tuple[Samples, Samples]:
        """Fit the next samples of each stream, and say which."""
        source, fitter = self.fitter._course.source, self.fitter
        limit = None if source is None else source.signal.length
        if source is not None and limit is None:
            samples = attrs.evolve(source).take(length)
            fitter.fit(length * fitter.schedule.streams)
            return samples
        x, y = self.specimen.past_x, self.specimen.past_y
        places = np.arange(self.used, self.used + length) % len(x)
        self.used += length
        fitter.partial_fit(x[places], y[places])
        return x[places], y[places]


def recency(specimen: Specimen) -> list[Suspect]:
    """Errors by how long ago a sample was learned from, with weights that stand still.

    The fit goes on in a copy. Again and again its weights are taken as they are and run through
    what came before, up to the newest sample. Where a fit knows the stream, the error is the same
    everywhere; where it follows its newest samples, it is small on these alone.
    """
    if not specimen.learns_by_gradients:
        return []
    update = specimen.update
    newest = int(np.clip(update.length, 10, 100))
    if len(specimen.past_x) < 4 * newest:
        raise CannotTellError("recency: too few samples were fitted")
    fitted = specimen.fitter.report.samples // specimen.past_x.shape[1]
    gap = max(newest, update.length, int(np.clip(fitted // 1000, 50, 250)))
    going = Continuation.of(specimen)
    xs: list[Samples] = []
    ys: list[Samples] = []
    steps = _steps(gap, newest)
    lead = -(-REMEMBERED // gap)
    later = np.full((lead + SNAPSHOTS, len(steps)), np.nan)  # errors by stretch and step
    moves: list[tuple[float, float]] = []  # gained on the newest, lost on older ones
    until = time.perf_counter() + 0.2 * specimen.seconds_left
    for number in range(lead + SNAPSHOTS):
        if number >= lead + 4 * BLOCKS and time.perf_counter() > until:
            break
        is_looked_at = number >= lead
        is_followed = is_looked_at and number % 8 == 0
        before = copy.deepcopy(going.fitter.module) if is_followed else None
        x, y = going.go_on(gap)
        xs, ys = [*xs[-lead:], x], [*ys[-lead:], y]
        if not is_looked_at:
            continue
        seen = np.concatenate(xs)[-REMEMBERED:], np.concatenate(ys)[-REMEMBERED:]
        after = _by_age(going.fitter.module, *seen, steps, gap, newest)
        later[number - steps, np.arange(len(steps))] = after
        if before is not None:
            was = _by_age(before, *seen, steps, gap, newest)
            moves.append((was[0] - after[0], float(np.mean(after[1:] - was[1:]))))
    moves = [move for move in moves if np.isfinite(move).all()]  # others are of missing outputs
    old = steps * gap >= min(200, steps[-1] * gap)
    whole = np.flatnonzero(np.isfinite(later).all(axis=1))
    if not moves or len(whole) < BLOCKS:
        raise CannotTellError("recency: too many outputs are missing")
    blocks = np.array_split(whole, BLOCKS)
    ratio, interval = ratio_interval(
        np.array([later[block][:, old].mean() for block in blocks]),
        np.array([later[block][:, 0].mean() for block in blocks]),
    )
    independent = update.length * specimen.past_x.shape[1] / correlation_time(specimen)
    alike = _gradients_by_lag(specimen, update.length)
    profile = later[whole].mean(axis=0)
    words = (
        f"On the {newest} samples that it has just learned from, the fit's error is "
        f"{profile[0]:.2g}; on the same samples {steps[old][0] * gap} to {steps[-1] * gap} samples "
        f"later it is {ratio:.2g} times as large. {_moves(moves, gap)}"
        f"An update of {update.length} sample{'s' * (update.length > 1)} holds about "
        f"{independent:.2g} independent ones; gradients of successive updates point alike by "
        f"{alike[0]:.2f} (1 is the same)."
    )
    rate = 2e-3
    curve = Curve(
        "error on samples by how long ago they were learned from",
        "samples ago",
        "mean absolute error",
        tuple((steps * gap).tolist()),
        (("weights held", tuple(profile.tolist())),),
    )
    window = max(WINDOW, update.window)
    window = min(window, max(8, len(specimen.past_x) // 20))
    return [
        judge(
            specimen,
            "recency_overfitting",
            ratio,
            "error on older samples over that on the newest",
            words,
            interval=interval,
            remedies=(steady(specimen, window, rate), replay(specimen, window // 2)),
            curve=curve,
            is_possible=not specimen.is_before_a_lower_rate,
        )
    ]


def correlation_time(specimen: Specimen) -> float:
    """After how many samples of the input one is as good as a new one, ``1 + 2 sum(rho)``.

    The sum goes up to where the correlation first falls below 0.05.
    """
    x = specimen.past_x.astype(np.float64)
    x = x - x.mean(axis=0)
    power = np.square(x).mean()
    if not power > 0:
        return float(len(x))
    total = 1.0
    for lag in range(1, len(x) // 4):
        rho = float((x[lag:] * x[:-lag]).mean() / power)
        if rho < 0.05:
            break
        total += 2 * rho
    return total


def _steps(gap: int, newest: int) -> npt.NDArray[np.int64]:
    """After how many gaps a stretch is looked at again: at once, then ever later."""
    most = (REMEMBERED - LEAD_IN - newest) // gap
    steps = [0, *(2**power for power in range(12) if 2**power < most), most]
    return np.array(sorted({step for step in steps if step <= max(most, 0)}))


def _by_age(
    module: StreamModule,
    x: Samples,
    y: Samples,
    steps: npt.NDArray[np.int64],
    gap: int,
    newest: int,
) -> npt.NDArray[np.float64]:
    """Mean absolute errors on stretches some steps ago, of a run through all of it."""
    error = np.abs(free_run(module, x) - y)
    ends = len(error) - steps * gap
    return np.array([mean_of_observed(error[end - newest : end]) for end in ends])


def _moves(moves: list[tuple[float, float]], gap: int) -> str:
    gained, lost = np.array(moves).T
    return (
        f"Learning from {gap} samples lowers the error on the newest of them by "
        f"{gained.mean():.2g} and moves that on earlier ones by "
        f"{np.sqrt(np.square(lost).mean()):.2g}, in {np.mean(lost > 0):.0%} of cases for the "
        "worse. "
    )


def _gradients_by_lag(specimen: Specimen, length: int) -> npt.NDArray[np.float64]:
    """How alike gradients of successive windows are: mean cosines by the windows between them."""
    length = min(length, 100)
    count = min(GRADIENTS, len(specimen.past_x) // length - 1)
    module, loss = (
        specimen.module_of_its_own(),
        elementwise(specimen.experiment.loss, specimen.experiment.missing),
    )
    x, y = specimen.tensors(specimen.past_x, specimen.past_y)
    state, gradients = module.start(x.shape[1]), []
    parameters = [p for p in module.parameters() if p.requires_grad]
    for i in range(count):
        window = slice(i * length, (i + 1) * length)
        prediction, state = module.fast_forward(x[window], detach(state))
        found = torch.autograd.grad(
            loss(prediction, y[window]).mean(), parameters, allow_unused=True
        )
        gradients.append(torch.cat([g.reshape(-1) for g in found if g is not None]))
    if count < 3:
        return np.zeros(1)
    stacked = torch.stack(gradients).double()
    stacked = stacked / stacked.norm(dim=1, keepdim=True).clamp(min=1e-30)
    cosines = (stacked @ stacked.T).numpy()
    return np.array([np.diagonal(cosines, lag).mean() for lag in range(1, min(count, 9))])
