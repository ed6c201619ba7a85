"""What the samples themselves allow."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seqfit.diagnosis.findings import Curve, Suggestion
from seqfit.diagnosis.judging import Suspect, judge
from seqfit.diagnosis.remedies import (
    as_learned,
    gated,
    is_scaled,
    lags,
    longer_windows,
    scaled,
    state_space,
    steady,
    those,
)
from seqfit.diagnosis.specimen import CannotTellError, Specimen, mean_of_observed
from seqfit.diagnosis.thresholds import THRESHOLDS

STRETCH = 20
"""Samples of a stretch that may come again."""
LONG_STILL = 0.25
"""Share of a stream from which on a stretch in which an input is constant is long."""
BY_CHANCE = 1e-4
"""Expected number of such stretches below which one is there for another reason."""
REGIONS = 10
MOST_LAG = 200
CERTAIN = 4.0
"""Deviations beyond chance from which on a correlation is one."""
REGRESSED = 10
"""Samples of a channel's own past from which its news are told."""
ROUNDING = 1e-4
"""News below this share of a channel's deviation are those of rounding, as a sine has."""
MOST_SAMPLES = 20_000


def samples(specimen: Specimen) -> list[Suspect]:
    """Whether inputs are constant, come again, or are not those of the held-out streams."""
    return [_constant(specimen), _repeated(specimen), _unseen(specimen), _scale(specimen)]


def _constant(specimen: Specimen) -> Suspect:
    x, y = specimen.past_x, specimen.past_y.astype(np.float64)
    changes = np.count_nonzero(np.diff(x, axis=0), axis=0).sum(axis=0)  # of each channel
    constant = [int(c) for c in np.flatnonzero(changes < 10)]
    shares = still_shares(x)
    long = [int(c) for c in np.flatnonzero(shares > LONG_STILL) if int(c) not in constant]
    spread = np.fmax.reduce(y, axis=0) - np.fmin.reduce(y, axis=0)  # of what is not missing
    still = not np.nan_to_num(spread).any()
    what = [f"Input channel {c} changes {changes[c]} times in what was fitted." for c in constant]
    what += [
        f"Input channel {c} is constant for {shares[c]:.0%} of what was fitted on end, and moves "
        "elsewhere."
        for c in long
    ]
    what += ["The outputs are constant."] if still else []
    remedies = [
        Suggestion("Fit samples in which these channels change, or leave the channels out."),
        state_space(specimen),
    ]
    if long and not (constant or still):
        remedies = [Suggestion("Leave the stretch out, or fit samples in which the input moves.")]
    return judge(
        specimen,
        "constant_input",
        float(len(constant) + len(long) + still),
        "channels that hardly change",
        " ".join(what) or "All channels change.",
        remedies=tuple(remedies),
    )


def still_shares(x: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Share of the longest stretch of each stream in which a channel is constant, (inputs,).

    Stretches that chance makes, where changes come as often as elsewhere, count as none.

    Args:
        x: inputs, (time, streams, inputs).
    """
    time, streams, channels = x.shape
    longest = np.zeros((streams, channels))
    moves = np.diff(x, axis=0) != 0
    for stream in range(streams):
        for channel in range(channels):
            ends = np.flatnonzero(moves[:, stream, channel])
            stretches = np.diff(np.concatenate([[-1], ends, [time - 1]]))
            longest[stream, channel] = stretches.max(initial=0)
    elsewhere = np.maximum((time - longest).sum(axis=0), 1)
    often = np.minimum(moves.sum(axis=(0, 1)) / elsewhere, 1.0)
    is_chance = time * often * (1 - often) ** longest >= BY_CHANCE
    shares: npt.NDArray[np.float64] = np.where(is_chance, 0.0, longest / max(time, 1)).mean(axis=0)
    return shares


def _repeated(specimen: Specimen) -> Suspect:
    x = specimen.past_x
    count = len(x) - STRETCH + 1
    if count < 2 * STRETCH:
        raise CannotTellError("repeated input: too few samples were fitted")
    # Rounded, so that a period whose samples differ in their last bits is one.
    whole = np.round(x.astype(np.float64) * 1e4).astype(np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(whole, STRETCH, axis=0)
    windows = windows.reshape(-1, x.shape[2] * STRETCH)  # (stretches, numbers)
    moves = np.ptp(windows.reshape(-1, x.shape[2], STRETCH), axis=2).any(axis=1)
    factors = np.random.default_rng(0).integers(1, 2**62, windows.shape[1])
    keys = windows[moves] @ factors  # wraps around: a hash of each stretch
    moving, different = len(keys), len(np.unique(keys))
    share = 1 - different / max(moving, 1)
    return judge(
        specimen,
        "repeated_input",
        share,
        "share of stretches that came before",
        f"{share:.0%} of the stretches of {STRETCH} samples in which the input moves had come "
        "before, to four decimals.",
        remedies=(
            Suggestion("Fit inputs that do not repeat: a longer recording, or another excitation."),
            state_space(specimen),
        ),
        is_possible=moving > 0,
    )


def _unseen(specimen: Specimen) -> Suspect:
    low, high = specimen.past_x.min(axis=(0, 1)), specimen.past_x.max(axis=(0, 1))
    outside = _is_beyond(specimen.past_x, specimen.x)
    error = np.abs(specimen.prediction.astype(np.float64) - specimen.y)
    share = float(outside.mean())
    words = "All inputs that are scored lie within the range of those that were fitted."
    if share:
        words = (
            f"{share:.0%} of the inputs that are scored lie outside what was fitted, "
            f"{_range(low, high)}; the error is {mean_of_observed(error[outside]):.2g} there and "
            f"{mean_of_observed(error[~outside]):.2g} elsewhere."
        )
    # A trial is judged by other streams, and would say nothing of the test stretch.
    advice = Suggestion("Fit samples of that range too, or score within the fitted one.")
    remedies = (advice, state_space(specimen)) if share > THRESHOLDS["unseen_input"] else (advice,)
    apart = specimen.scored_apart
    if apart is not None and (beyond := float(_is_beyond(*apart).mean())):
        fitted, scored = (_range(x.min(axis=(0, 1)), x.max(axis=(0, 1))) for x in apart)
        told = (
            f"{100 * beyond:.3g}% of the inputs of the test stretch, on which the fit is scored, "
            f"lie outside what was fitted: they are {scored}, and {fitted} was fitted."
        )
        words = f"{words} {told}" if share else told
        share = max(share, beyond)
    return judge(
        specimen,
        "unseen_input",
        share,
        "share of scored inputs outside the fitted range",
        words,
        remedies=remedies,
        curve=_error_by_region(specimen, error),
    )


def _is_beyond(fitted: npt.NDArray[Any], x: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Whether an input has a channel outside the range of those that were fitted."""
    low, high = fitted.min(axis=(0, 1)), fitted.max(axis=(0, 1))
    margin = 0.01 * (high - low)
    beyond: npt.NDArray[np.bool_] = ((x < low - margin) | (x > high + margin)).any(axis=2)
    return beyond


def _range(low: npt.NDArray[Any], high: npt.NDArray[Any]) -> str:
    return ", ".join(f"{a:.4g} to {b:.4g}" for a, b in zip(low, high, strict=True))


def _error_by_region(specimen: Specimen, error: npt.NDArray[np.float64]) -> Curve | None:
    x = specimen.x[..., 0]
    edges = np.linspace(x.min(), x.max(), REGIONS + 1)
    if edges[0] == edges[-1]:
        return None
    region = np.clip(np.digitize(x, edges) - 1, 0, REGIONS - 1)
    past = np.clip(np.digitize(specimen.past_x[..., 0], edges) - 1, 0, REGIONS - 1)
    within = (specimen.past_x[..., 0] >= edges[0]) & (specimen.past_x[..., 0] <= edges[-1])
    means, shares = [], []
    for number in range(REGIONS):
        here = error[region == number]
        means.append(mean_of_observed(here))
        shares.append(float(((past == number) & within).mean()))
    return Curve(
        "error by the input (first channel)",
        "input",
        "mean absolute error; share of the fitted samples",
        tuple(((edges[1:] + edges[:-1]) / 2).tolist()),
        (("error", tuple(means)), ("share of what was fitted", tuple(shares))),
    )


def _scale(specimen: Specimen) -> Suspect:
    off = []
    for values in as_learned(specimen):
        mean = np.nanmean(values, axis=(0, 1), dtype=np.float64)
        deviation = np.nanstd(values, axis=(0, 1), dtype=np.float64)
        size = np.sqrt(mean**2 + deviation**2)
        off += np.abs(np.log10(np.maximum(size, 1e-30)))[deviation > 0].tolist()
        off += np.log10(np.maximum(np.abs(mean) / np.maximum(deviation, 1e-30), 1e-30))[
            deviation > 0
        ].tolist()
    measured = max(off, default=0.0)
    remedy = scaled(specimen)
    seen = " as the scaled model hands it on" if is_scaled(specimen) else ""
    return judge(
        specimen,
        "badly_scaled",
        measured,
        "powers of ten by which a channel is off mean 0 and size 1",
        f"A channel's size, or its mean over its deviation, is off 1 by a factor of "
        f"{10**measured:.3g}{seen}.",
        remedies=() if remedy is None else (remedy,),
        is_possible=remedy is not None and specimen.learns_by_gradients,
    )


def lag(specimen: Specimen) -> list[Suspect]:
    """After how many samples a change of the input first moves the output."""
    course = correlations(specimen.past_x, specimen.past_y)
    if course is None:
        raise CannotTellError("lag between input and output: one of them follows from its own past")
    chance, most = CERTAIN / np.sqrt(min(len(specimen.past_x), MOST_SAMPLES)), len(course)
    first = int(np.argmax(course > max(chance, 0.2 * course.max())))
    is_known = bool(course.max() > chance)
    update = specimen.update
    window = min(update.window, update.span)
    seen = window - 1 if specimen.learns_by_gradients else _input_lags(specimen)
    wide = min(max(4 * first, 50), 200)
    by_gradients = (longer_windows(specimen, wide), steady(specimen, wide, 2e-3))
    remedies = (lags(specimen, first), *(by_gradients if specimen.learns_by_gradients else ()))
    return [
        judge(
            specimen,
            "input_lag",
            first / max(seen, 1) if first else 0.0,
            "lag over the samples that a gradient flows back, or that the model sees",
            f"News of the input first move the output {first} samples later"
            + ("" if is_known else ", as far as chance lets one tell")
            + f"; the fit sees {seen} back.",
            remedies=those(*remedies, gated(specimen)),
            is_possible=is_known,
            curve=Curve(
                "correlation of news of input and output",
                "lag in samples",
                "absolute correlation",
                tuple(map(float, range(most))),
                (("news", tuple(course.tolist())),),
            ),
        )
    ]


def correlations(
    past_x: npt.NDArray[Any], past_y: npt.NDArray[Any]
) -> npt.NDArray[np.float64] | None:
    """Greatest correlation of news of an input and, k samples on, of an output, by k, (lags,).

    News is what a channel's own past does not tell linearly. Neighbouring samples of an input, or
    its changes, are alike, so that these seem to move the output before they do; its news are not.
    Where these tell nothing, as of a product of inputs about 0, their squares do.

    None where one of them has no news, or there are too few samples.

    References:
        Haugh (1976), "Checking the independence of two covariance-stationary time series".
    """
    y = past_y[:MOST_SAMPLES, 0]
    x, y = _news(past_x[:MOST_SAMPLES, 0]), _news(y[:, ~np.isnan(y).all(axis=0)])
    course = _correlated(x, y)
    if course is None or course.max() > CERTAIN / np.sqrt(len(x)):
        return course
    squares = _correlated(*(np.square(news) - np.square(news).mean(axis=0) for news in (x, y)))
    return course if squares is None or squares.max() < course.max() else squares


def _correlated(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64] | None:
    most = min(MOST_LAG, len(x) // 10)
    power = np.sqrt(np.square(x).sum(axis=0)[:, None] * np.square(y).sum(axis=0)[None, :])
    if most < 2 or not power.any():
        return None
    power = np.where(power > 0, power, np.inf)
    return np.array([np.abs(x[: len(x) - k].T @ y[k:] / power).max() for k in range(most)])


def _news(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Each channel without what its last samples tell linearly, (time - REGRESSED, channels).

    What is missing is no news, and told by its channel's mean.
    """
    observed = ~np.isnan(values)
    values = values.astype(np.float64)
    values = np.where(observed, values - values.mean(axis=0, where=observed), 0.0)
    news = np.zeros((max(len(values) - REGRESSED, 0), values.shape[1]))
    if len(news) < 2 * REGRESSED:
        return news[:0]
    for channel, series in enumerate(values.T):
        windows = np.lib.stride_tricks.sliding_window_view(series, REGRESSED + 1)
        past, now = windows[:, :-1], windows[:, -1]
        gram = past.T @ past
        ridge = 1e-9 * max(float(np.trace(gram)), 1e-30) * np.eye(REGRESSED)
        here = observed[REGRESSED:, channel]
        left = (now - past @ np.linalg.solve(gram + ridge, past.T @ now))[here]
        if left.std() > ROUNDING * series.std():
            news[here, channel] = left - left.mean()
    return news


def _input_lags(specimen: Specimen) -> int:
    """Past inputs that a solved model is given; one with a state of its own sees any number."""
    model: Any = specimen.experiment.model
    return int(getattr(model, "input_lags", MOST_LAG))
