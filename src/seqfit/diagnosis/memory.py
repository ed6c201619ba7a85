"""How far back the past matters: to the target, to the model, and to its gradients."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt
import torch

from seqfit.diagnosis.findings import Curve
from seqfit.diagnosis.judging import Suspect, judge
from seqfit.diagnosis.remedies import (
    gated,
    lags,
    longer_windows,
    rate_times,
    replay,
    scaled,
    steady,
    those,
)
from seqfit.diagnosis.specimen import (
    CannotTellError,
    Specimen,
    error_of_streams,
    first_below,
    ratio_interval,
)
from seqfit.evaluation.drift import TENTHS
from seqfit.evaluation.free_run import free_run
from seqfit.evaluation.intervals import mean_interval
from seqfit.fitting.losses import elementwise
from seqfit.models.base import detach
from seqfit.states import rows

REACH = 1000
"""Samples through which the traces of another past are followed."""
PAST = 500
SHARE = 0.1
"""What is left of a trace where it counts as gone."""
SEGMENTS, GROUPS = 64, 16
LONG = 128
MOST_LAGS = 50
"""Past inputs at most that a network is fed with, where it forgets too soon."""


@final
@attrs.frozen(eq=False)
class Traces:
    """What is left of another past, by how many samples it is ago.

    Attributes:
        target: mean absolute difference of what should come out, (lags,); None where it can't be
            told from the target, as of a recording.
        model: of what the model gives, (lags,).
        lingers: what is left of it in the model once the target has forgotten, beyond what is
            left in the target, of each stream, (streams,).
        error: of the model there, (streams,).
        washout: after how many samples that is.
    """

    target: npt.NDArray[np.float64] | None
    model: npt.NDArray[np.float64]
    lingers: npt.NDArray[np.float64]
    error: npt.NDArray[np.float64]
    washout: int

    @property
    def target_memory(self) -> int | None:
        """Samples until the target has forgotten; None where that is not known or never."""
        return None if self.target is None else first_below(self.target, SHARE)

    @property
    def model_memory(self) -> int | None:
        """Samples until the model has forgotten; None where it never does."""
        return first_below(self.model, SHARE)


def traces(specimen: Specimen) -> Traces:
    """Give streams the same inputs after different pasts, and see how long they differ.

    Raises:
        CannotTellError: there are too few samples that were not fitted.
    """
    length = min(REACH, len(specimen.x) // 2)
    past = min(PAST, len(specimen.x) - length)
    if length < 8:
        raise CannotTellError(f"memory: {len(specimen.x)} held-out samples are too few")
    x, y = specimen.x[: past + length], specimen.y[: past + length]
    other = x.copy()
    if x.shape[1] > 1:
        other[:past] = np.roll(x[:past], 1, axis=1)
    else:
        other[:past] = specimen.x[-past:]
    right, wrong = free_run(specimen.module, x), free_run(specimen.module, other)
    observed = np.where(np.isnan(y), np.nan, right)
    by_target = _trace_of_target(specimen, x, other, past)
    memory = None if by_target is None else first_below(by_target, SHARE)
    washout = min(2 * (memory or length), length // 2)
    left = 0.0 if by_target is None else by_target[washout:].mean()
    return Traces(
        by_target,
        np.abs(wrong - right)[past:].mean(axis=(1, 2), dtype=np.float64),
        np.maximum(error_of_streams(wrong, observed, past + washout) - left, 0.0),
        error_of_streams(right, y, past + washout),
        washout,
    )


def target_memory(specimen: Specimen) -> int | None:
    """Samples until the target has forgotten; None where that is beyond what is looked at.

    Raises:
        CannotTellError: it can't be told from the target nor from the samples.
    """
    found = traces(specimen)
    return memory_from_data(specimen) if found.target is None else found.target_memory


def _trace_of_target(
    specimen: Specimen, x: Any, other: Any, past: int
) -> npt.NDArray[np.float64] | None:
    target = specimen.experiment.target
    if target is None:
        return None
    target = target.held_out()
    try:
        y, _ = target.transform(x, target.start(x.shape[1]))
        swapped, _ = target.transform(other, target.start(x.shape[1]))
    except ValueError:  # a recording has fewer streams or rows
        return None
    difference = np.abs(swapped.astype(np.float64) - y)
    if not difference.any():  # it does not look at its inputs: it was recorded
        return None
    trace: npt.NDArray[np.float64] = np.nan_to_num(difference[past:]).mean(axis=(1, 2))
    return trace if trace.any() else np.zeros(len(trace)) + (np.arange(len(trace)) == 0) * 1e-30


def memory_from_data(specimen: Specimen) -> int:
    """Up to which lag past inputs explain the outputs linearly, to 95% of what they explain.

    Regressions on the inputs of the last 1, 2, 4, ... samples, by ridge on the first two thirds
    of what was fitted, judged on the last third.

    Raises:
        CannotTellError: they explain less than a tenth of the outputs.
    """
    x, y = specimen.past_x[:, 0].astype(np.float64), specimen.past_y[:, 0].astype(np.float64)
    x, y = x[:20_000], y[:20_000]
    observed = np.asarray(~np.isnan(y).any(axis=1))
    end, explained, reach = 2 * len(x) // 3, [], []
    if observed[:end].sum() < 2 or observed[end:].sum() < 2:
        raise CannotTellError("the target's memory: it was recorded, and outputs are missing")
    x, y = x - x.mean(axis=0), y - y[observed].mean(axis=0)
    lag = 1
    while lag <= min(256, len(x) // 10):
        columns = [np.roll(x, k, axis=0) for k in range(lag)]
        features = np.concatenate(columns, axis=1)[lag:]
        there = observed[lag:]
        features, wanted, split = features[there], y[lag:][there], int(there[: end - lag].sum())
        gram = features[:split].T @ features[:split]
        ridge = 1e-6 * max(float(np.trace(gram)) / len(gram), 1e-30) * np.eye(len(gram))
        weights = np.linalg.solve(gram + ridge, features[:split].T @ wanted[:split])
        left = np.square(wanted[split:] - features[split:] @ weights).mean()
        explained.append(1 - left / max(np.square(wanted[split:]).mean(), 1e-30))
        reach.append(lag)
        lag *= 2
    if not explained or max(explained) < 0.1:
        raise CannotTellError(
            "the target's memory: it was recorded, and past inputs explain less than a tenth of it "
            "linearly"
        )
    return next(
        lag for lag, part in zip(reach, explained, strict=True) if part >= 0.95 * max(explained)
    )


def memory(specimen: Specimen) -> list[Suspect]:
    """Whether the model forgets too soon, or too late, or drifts."""
    found = traces(specimen)
    of_target, of_model = target_memory(specimen), found.model_memory
    reach = len(found.model)
    target_lags, model_lags = of_target or reach, max(of_model or reach, 1)
    lines = [("model", tuple((found.model / max(found.model.max(), 1e-30)).tolist()))]
    if found.target is not None:
        whole = max(float(found.target.max()), 1e-30)
        lines.insert(0, ("target", tuple((found.target / whole).tolist())))
    curve = Curve(
        "what is left of another past",
        "samples ago",
        "share of the difference",
        tuple(map(float, range(reach))),
        tuple(lines),
    )
    window = int(np.clip(2 * target_lags, 50, 200))
    suspects = [
        judge(
            specimen,
            "forgetting",
            target_lags / model_lags,
            "the target's memory over the model's",
            f"A tenth of another past is left in the target after {_lags(of_target, reach)}, "
            f"in the model after {_lags(of_model, reach)}.",
            remedies=those(
                gated(specimen),
                steady(specimen, window, 5e-3),
                rate_times(specimen, 16.0),
                lags(specimen, min(target_lags, MOST_LAGS)),
            ),
            curve=curve,
            is_possible=target_lags >= 4,
        )
    ]
    shares = found.lingers / np.maximum(found.error, 1e-30)
    suspects.append(
        judge(
            specimen,
            "start_sensitivity",
            float(shares.mean()),
            "what another past leaves in the model, over its error",
            f"{found.washout} samples on, when the target has forgotten, another past still moves "
            f"the model's output by {found.lingers.mean():.2g}; its error is "
            f"{found.error.mean():.2g}.",
            interval=mean_interval(shares),
            remedies=those(
                gated(specimen), steady(specimen, window, 2e-3), replay(specimen, window)
            ),
            is_possible=of_target is not None,
        )
    )
    return suspects


def drift(specimen: Specimen) -> list[Suspect]:
    """Whether the error of a free run grows: from the tenth where it is least to the last one.

    Not from the first: there a model may be off as it is later, but for the other side. Tenths of
    one stream differ by chance, so that it takes several to be bad.
    """
    if len(specimen.x) < 1000:
        raise CannotTellError("drift: fewer than 1,000 samples were held out")
    error = np.abs(specimen.prediction.astype(np.float64) - specimen.y)
    tenths = [np.nanmean(part, axis=(0, 2)) for part in np.array_split(error, TENTHS)]
    course = np.array(tenths)  # (tenths, streams)
    if not (np.isfinite(course).all() and course.all()):
        raise CannotTellError("drift: a tenth of a run has no error, or one without bounds")
    means = course.mean(axis=1)
    best = int(means[:-1].argmin())
    ratio, interval = ratio_interval(course[-1], course[best])
    return [
        judge(
            specimen,
            "drift",
            ratio,
            "error in the last tenth of a free run over that in its best tenth",
            f"In a free run of {len(specimen.y):,} samples the error is {means[best]:.2g} in tenth "
            f"{best + 1} and {means[-1]:.2g} in the last: {ratio:.3g} times as much.",
            interval=interval,
            is_possible=interval is not None,
            remedies=those(scaled(specimen), steady(specimen, 100, 5e-3), gated(specimen)),
            curve=Curve(
                "error along a free run",
                "tenth of the run",
                "mean absolute error",
                tuple(map(float, range(1, TENTHS + 1))),
                (("free run", tuple(means.tolist())),),
            ),
        )
    ]


def truncation(specimen: Specimen) -> list[Suspect]:
    """Whether gradients are cut where the past still matters.

    For several truncation lengths, how much of a gradient that flows 128 samples further is
    missing: 1 minus the cosine between both, over groups of stretches of what was fitted.
    """
    if not specimen.learns_by_gradients:
        return []
    memory_of_target, update = target_memory(specimen), specimen.update
    own = min(update.window, update.span)
    windows = sorted({1, 2, 4, 8, 16, 32, 64, 128, own} - {w for w in (128,) if own < 64})
    time = len(specimen.past_x)
    long = min(LONG, time // 4)
    windows = [w for w in windows if w + long < time // 2]
    if own not in windows:
        raise CannotTellError(f"truncation: {time} samples are too few for windows of {own}")
    scored = update.span - update.washout  # samples at the end of a window that are scored
    missing = {w: _missing(specimen, w, long, min(w, scored)) for w in windows}
    mean = float(missing[own].mean())
    reach = "more than 1,000" if memory_of_target is None else f"{memory_of_target}"
    lags_wanted = memory_of_target or REACH
    better = [w for w in windows if w > own and missing[w].mean() < 0.5 * mean]
    window = int(np.clip(max(min(2 * lags_wanted, 100), *(better[:1] or [0]), 2 * own), 20, 200))
    window = min(window, max(4, time // 10))
    curve = Curve(
        "gradient that is missing",
        "truncation length",
        "1 - cosine with the gradient that flows further",
        tuple(map(float, windows)),
        (("mean", tuple(float(missing[w].mean()) for w in windows)),),
        is_logarithmic=True,
    )
    return [
        judge(
            specimen,
            "truncation_too_short",
            mean,
            "1 - cosine of an update's gradient with one that flows further",
            f"Gradients flow back {own} sample{'s' * (own > 1)}, the target remembers {reach}. "
            f"An update's gradient has a cosine of {1 - mean:.2f} with one that flows {long} "
            "samples further.",
            interval=mean_interval(missing[own]),
            remedies=(longer_windows(specimen, window), steady(specimen, window, 2e-3)),
            curve=curve,
            is_possible=lags_wanted > own,
        )
    ]


def _missing(specimen: Specimen, window: int, long: int, scored: int) -> npt.NDArray[np.float64]:
    """1 minus the cosine of both gradients for each group of stretches, (groups,)."""
    state, x, y = specimen.segments(long + window, SEGMENTS, min(200, len(specimen.past_x) // 4))
    module = specimen.module_of_its_own()
    loss = elementwise(specimen.experiment.loss, specimen.experiment.missing)
    parameters = [p for p in module.parameters() if p.requires_grad]
    inputs, outputs = specimen.tensors(x, y)
    found = np.empty(GROUPS)
    size = SEGMENTS // GROUPS
    for group in range(GROUPS):
        streams = slice(group * size, (group + 1) * size)
        start = detach(rows(state, streams.start, streams.stop))
        _, middle = module.fast_forward(inputs[:long, streams], start)
        gradients = []
        for before in (middle, detach(middle)):
            prediction, _ = module.fast_forward(inputs[long:, streams], before)
            value = loss(prediction, outputs[long:, streams])[-scored:].mean()
            parts = torch.autograd.grad(value, parameters, allow_unused=True, retain_graph=True)
            gradients.append(
                [
                    torch.zeros_like(p) if g is None else g
                    for p, g in zip(parameters, parts, strict=True)
                ]
            )
        # What lies behind the state, as a head does, has the same gradient either way.
        pairs = [(a, b) for a, b in zip(*gradients, strict=True) if not _same(a, b)]
        if not pairs:
            found[group] = 0.0
            continue
        whole, cut = (
            torch.cat([part.reshape(-1) for part in side]).double()
            for side in zip(*pairs, strict=True)
        )
        norms = whole.norm() * cut.norm()
        found[group] = 1.0 - float(whole @ cut / norms) if norms > 0 else 0.0
    return found


def _same(a: torch.Tensor, b: torch.Tensor) -> bool:
    return bool((a - b).norm() <= 1e-4 * a.norm())


def _lags(memory: int | None, reach: int) -> str:
    return f"more than {reach} samples" if memory is None else f"{memory} samples"
