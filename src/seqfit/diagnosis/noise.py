"""What of the outputs neither inputs nor earlier outputs tell: noise, or what was not recorded."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.diagnosis.data import correlations
from seqfit.diagnosis.findings import Suggestion
from seqfit.diagnosis.judging import Suspect, judge
from seqfit.diagnosis.past_inputs import EDGES, features
from seqfit.diagnosis.remedies import ROBUST, falling_rate, state_space, steady, those
from seqfit.diagnosis.specimen import CannotTellError, Specimen
from seqfit.evaluation.free_run import free_run

Numbers = npt.NDArray[np.float64]

LEAST_TIME = 500
MOST_ROWS = 6000
MOST_STREAMS = 4
"""Streams among which neighbours are looked for."""
PROBES = 1000
"""Samples of which the nearest neighbours are looked for."""
NEIGHBOURS = 6
NEAR_IN_TIME = 5
"""Samples of the same stream that are no neighbours: there noise with a memory is alike too."""
STAYS = 0.5
"""Share of a difference between neighbours that is left a sample later where it has a memory."""

LITTLE = 1.2
"""Error over what can't be told up to which hardly anything is left to learn."""

RECORD = Suggestion(
    "Record what else moves the outputs (a load, a temperature, a setting) as one more input: a "
    "model can only tell what its inputs tell."
)


@final
@attrs.frozen
class Unexplained:
    """What of the outputs is not told by inputs and earlier outputs.

    Attributes:
        variance: of it, over all output channels.
        share: its deviation over that of the outputs.
        stays: share of a difference between samples alike that is left a sample later; 0 of white
            noise.
        first: samples at the start of each stream that were not looked at.
        is_exact: whether it is known to be all there is, and not more.
    """

    variance: float
    share: float
    stays: float
    first: int
    is_exact: bool = False


def noise(specimen: Specimen) -> list[Suspect]:
    """What of the outputs no model could explain, and whether it has a memory."""
    found = added_by_target(specimen)
    if found is None or (found.variance and not found.is_exact):
        others = [] if found is None else [found]
        others.append(unexplained(specimen.past_x, specimen.past_y))
        found = min(others, key=lambda one: one.variance)
    # No more than what the model itself can't explain.
    own = np.ascontiguousarray(specimen.past_x[:MOST_ROWS, :1])
    wanted = specimen.past_y[found.first : MOST_ROWS, :1].astype(np.float64)
    left = np.square(free_run(specimen.module, own)[found.first :] - wanted).sum(axis=2).mean()
    bounded = min(1.0, float(np.sqrt(float(left) / max(found.variance, 1e-30))))
    deviation, share = bounded * float(np.sqrt(found.variance)), bounded * found.share
    rest = ""
    if specimen.is_recorded and specimen.nrmse * specimen.spread < LITTLE * deviation:
        rest = (
            " The error on samples that were not fitted is hardly larger: little is left to learn."
        )
    words = f"Outputs after the same past differ by a deviation of {deviation:.2g}, {share:.1%} of "
    remedies = [state_space(specimen), ROBUST]
    if specimen.learns_by_gradients:
        remedies = [steady(specimen, 100, 2e-3), *those(falling_rate(specimen)), ROBUST]
    return [
        judge(
            specimen,
            "noisy_target",
            share,
            "noise of the outputs over their spread",
            f"{words}their spread, and a sample later by other amounts: noise.{rest}",
            remedies=tuple(remedies),
            is_possible=found.stays < STAYS,
        ),
        judge(
            specimen,
            "unrecorded_input",
            share,
            "what neither inputs nor earlier outputs tell, over the spread of the outputs",
            f"{words}their spread, {found.stays:.0%} of which is left a sample later: something "
            "else moves the output that was not recorded, or a state that neither the inputs nor "
            f"the outputs of the last samples tell.{rest}",
            remedies=(RECORD,),
            is_possible=found.stays >= STAYS,
        ),
    ]


def added_by_target(specimen: Specimen) -> Unexplained | None:
    """What a target that is known adds to its outputs: by giving it the same inputs again.

    Side by side, streams of the same inputs differ by what the target draws for each; where they
    don't, the same stretch one after the other differs by what it draws along time, or by what it
    remembers of the time before, so that this is a bound.

    Returns:
        What it adds; None of a recording.
    """
    target = specimen.experiment.target
    if target is None or specimen.is_recorded:
        return None
    x = specimen.past_x[:MOST_ROWS, :1]
    again = np.concatenate([x, x]).repeat(2, axis=1)
    try:
        y, _ = target.transform(again, target.start(2))
    except ValueError:  # a target that holds a recording has fewer streams or rows
        return None
    outputs, half = y.astype(np.float64), len(x) // 2
    beside = outputs[: len(x), 0] - outputs[: len(x), 1]
    is_exact = bool(np.nan_to_num(beside).any())
    apart = beside if is_exact else (outputs[len(x) :, 0] - outputs[: len(x), 0])[half:]
    apart = np.nan_to_num(apart)
    power = float(np.square(apart).sum())
    stays = float((apart[1:] * apart[:-1]).sum()) / power if power else 0.0
    variance = 0.5 * power / len(apart)
    spread = float(np.sqrt(np.nanvar(outputs, axis=(0, 1)).sum()))
    return Unexplained(variance, float(np.sqrt(variance)) / max(spread, 1e-30), stays, 0, is_exact)


def unexplained(past_x: npt.NDArray[Any], past_y: npt.NDArray[Any]) -> Unexplained:
    """What of the outputs is not told, by nearest neighbours.

    Samples whose inputs and outputs before them are alike should have outputs alike. Half the mean
    squared difference between nearest neighbours, extrapolated to neighbours at no distance, is
    the variance of what is not told. What lies before a sample is put in several ways; the one
    that tells most is taken.

    Args:
        past_x: inputs, (time, streams, inputs).
        past_y: outputs, (time, streams, outputs).

    Raises:
        CannotTellError: there are too few samples, or outputs are missing.

    References:
        Evans and Jones (2002), "A proof of the Gamma test".
    """
    if len(past_x) < LEAST_TIME:
        raise CannotTellError(
            f"noise of the target: fewer than {LEAST_TIME} samples of a stream were fitted"
        )
    streams = min(past_x.shape[1], MOST_STREAMS)
    time = min(len(past_x), MOST_ROWS // streams)
    x, y = (a[:time, :streams].astype(np.float64) for a in (past_x, past_y))
    if np.isnan(y).any():
        raise CannotTellError("noise of the target: outputs are missing")
    course = correlations(past_x, past_y)
    lag = max(2, 0 if course is None else int(np.argmax(course)))
    first = max(lag, min(EDGES[-1] - 1, time // 20))
    wanted = y[first:]
    spread = float(np.sqrt(wanted.var(axis=(0, 1)).sum()))
    if not spread:
        raise CannotTellError("noise of the target: outputs are constant")
    pasts = [_scaled(past) for past in _pasts(x, y, first, lag)]
    variance, stays = min(_floor(past, wanted) for past in pasts if past.shape[2])
    return Unexplained(variance, float(np.sqrt(variance)) / spread, stays, first)


def _pasts(x: Numbers, y: Numbers, first: int, lag: int) -> list[Numbers]:
    """What lies before each sample from `first` on, put in several ways."""
    end = len(x)

    def ago(values: Numbers, *lags: int) -> list[Numbers]:
        return [values[first - one : end - one] for one in lags]

    stretches = sum(edge <= first + 1 for edge in EDGES) - 1
    means = features(x, first)[:, :, 1:]
    moving = int((np.ptp(x, axis=(0, 1)) > 0).sum())
    linear = means[:, :, : stretches * moving]
    parts = [
        [*ago(x, 0, 1, 2, lag), *ago(y, 1, 2)],
        [*ago(x, 0), *ago(y, 1)],
        [*ago(x, lag), *ago(y, 1)],
        [*ago(x, 0, 1, 2, 3, 4), *ago(y, 1, 2, 3, 4, 5)],
        [linear, *ago(y, 1, 2)],
        [linear],
    ]
    return [np.concatenate(part, axis=2) for part in parts]


def _scaled(past: Numbers) -> Numbers:
    spread = past.std(axis=(0, 1))
    scaled: Numbers = past[:, :, spread > 0] / spread[spread > 0]
    return scaled


def _floor(past: Numbers, wanted: Numbers) -> tuple[float, float]:
    """Variance that is not told, and the share of a difference that is left a sample later.

    Args:
        past: features of each sample, (time, streams, features).
        wanted: what comes out, (time, streams, outputs).
    """
    streams = past.shape[1]
    rows = past[:-1].reshape(-1, past.shape[2])  # a sample later is looked at too
    now, later = (part.reshape(-1, wanted.shape[2]) for part in (wanted[:-1], wanted[1:]))
    # Neighbours share what is linear in the features: without it they need not be as near.
    known = np.column_stack([rows, np.ones(len(rows))])
    unlike = now - known @ np.linalg.lstsq(known, now)[0]
    places = np.linspace(0, len(rows) - 1, min(PROBES, len(rows))).astype(int)
    squared = np.square(rows).sum(axis=1)
    between = squared[places, None] + squared - 2 * rows[places] @ rows.T
    for step in range(-NEAR_IN_TIME, NEAR_IN_TIME + 1):
        others = places + step * streams
        there = (others >= 0) & (others < len(rows))
        between[np.flatnonzero(there), others[there]] = np.inf
    neighbours = np.argpartition(between, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    distances = np.maximum(np.take_along_axis(between, neighbours, axis=1), 0.0)
    order = np.argsort(distances, axis=1)
    neighbours = np.take_along_axis(neighbours, order, axis=1)
    far = np.sort(distances, axis=1).mean(axis=0)  # squared, of the nearest to the farthest
    apart = unlike[places, None] - unlike[neighbours]
    differ = 0.5 * np.square(apart).sum(axis=2).mean(axis=0)
    floor = np.polyfit(far, differ, 1)[1] if np.ptp(far) > 0 else differ[0]
    after = later[places, None] - later[neighbours]
    stays = float((apart * after).sum() / max(float(np.square(apart).sum()), 1e-30))
    return max(min(float(floor), float(differ[0])), 0.0), stays
