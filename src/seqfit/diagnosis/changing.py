"""Whether the relation of inputs and outputs stays the same along what was fitted."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.diagnosis.findings import Curve, Suggestion
from seqfit.diagnosis.judging import Suspect, judge
from seqfit.diagnosis.past_inputs import REACH, features
from seqfit.diagnosis.specimen import CannotTellError, Specimen
from seqfit.diagnosis.thresholds import THRESHOLDS
from seqfit.evaluation.intervals import Interval

Numbers = npt.NDArray[np.float64]

LEAST_TIME = 400
"""Samples of a stream below which the start of a target looks like a change."""
MOST_CHANNELS = 32
MOST_BLOCKS = 20
LEAST_BLOCK = 50
RIDGE = 1e-4
ORDERS = 60
"""Random orders of the blocks, by which it is told what chance does."""
SPLITS = (0.25, 0.375, 0.5, 0.625, 0.75)
"""Shares of a stream after which a change is looked for."""
CERTAIN = 3.0
"""Deviations beyond chance from which on a change, or that of the inputs, is certain."""
DIFFERENT, VERY_DIFFERENT = 0.05, 0.18
"""Share of a feature's variance that lies between two parts of a stream whose inputs differ."""
TOO_FEW = 0.1
"""Likewise of parts that differ by chance alone, where there are too few different inputs."""
WANDERING = 0.3
"""Share of the variance of what no relation explains, from block to block, that a change exceeds.

What wanders slowly, as a sum does, changes along the stream by itself.
"""
STEADY = 1.0
"""Share of a change that a steady drift explains too, from which on it is that: of a jump that it
has half-way a drift explains three quarters, of a drift a jump three quarters."""

_STEADY = Suggestion(
    "Fit a stretch in which the relation is the same, or record what changed as one more input."
)
_DRIFT = Suggestion(
    "Take the drift off the outputs, or record what it follows (time, temperature) as one more "
    "input."
)


@final
@attrs.frozen
class Change:
    """How the relation of inputs and outputs differs along the stream.

    Attributes:
        share: share of the outputs' variance that one relation for the part before a split and
            one for that after it explain, and a common one does not, beyond chance.
        interval: where it lies by chance with a confidence of 95%.
        is_certain: whether it exceeds chance, and what wanders from block to block by itself.
        length: samples of each stream that are looked at, up to its end.
        after: sample of each stream at the split.
        gain: what follows from the inputs after the split over what does before it.
        offset: by how many deviations outputs are shifted after it.
        drift: by how many deviations outputs drift over that length, whatever the inputs.
        drift_interval: where that lies with a confidence of 95%.
        is_drift: whether a steady drift explains it too.
        means: mean of what a common relation leaves of each block, in deviations, (blocks,).
    """

    share: float
    interval: Interval
    is_certain: bool
    length: int
    after: int
    gain: float
    offset: float
    drift: float
    drift_interval: Interval
    is_drift: bool
    means: Numbers

    @property
    def is_another(self) -> bool:
        """Whether the relation is another one later on, for certain and so that it matters."""
        matters = self.interval.low > THRESHOLDS["changing_relation"]
        return self.is_certain and not self.is_drift and matters

    @property
    def drift_size(self) -> Interval:
        """Where the size of the drift lies, whichever way it goes."""
        low, high = sorted(map(abs, (self.drift_interval.low, self.drift_interval.high)))
        return Interval(0.0 if 0.0 in self.drift_interval else low, high)


def changing(specimen: Specimen) -> list[Suspect]:
    """Whether inputs move outputs in another way later on, or outputs drift by themselves."""
    time = len(specimen.past_x)
    change = change_along(specimen.past_x, specimen.past_y)
    places = (np.arange(len(change.means)) + 0.5) * time / len(change.means)
    curve = Curve(
        "outputs without what the inputs explain",
        "sample of each stream",
        "mean of a block, in deviations of the output",
        tuple(places.tolist()),
        (("left", tuple(change.means.tolist())),),
    )
    return [
        judge(
            specimen,
            "changing_relation",
            change.share,
            "share of the outputs' variance that two relations explain and one does not",
            f"After about sample {change.after:,} of {time:,} the same inputs move the outputs "
            f"{change.gain:.2g} times as much as before, and {change.offset:+.2g} deviations are "
            f"added: one relation for all of them leaves {change.share:.1%} of the outputs' "
            "variance that two explain.",
            interval=change.interval,
            remedies=(_STEADY,),
            curve=curve,
            is_possible=change.is_another,
        ),
        judge(
            specimen,
            "output_trend",
            abs(change.drift),
            "deviations by which outputs drift along the stream",
            f"Over the last {change.length:,} samples the outputs drift by {change.drift:+.2g} of "
            "their deviation, which the inputs do not explain.",
            interval=change.drift_size,
            is_possible=not change.is_another,
            remedies=(_DRIFT,),
            curve=curve,
        ),
    ]


def change_along(past_x: npt.NDArray[Any], past_y: npt.NDArray[Any]) -> Change:
    """How the relation differs along streams.

    Outputs are regressed on past inputs, their squares and products, in blocks of time. A split
    into what came first and what came later is held against splits of the same blocks in random
    orders: what is gained there is what chance, and too simple a regression, gain.

    Args:
        past_x: inputs, (time, streams, inputs).
        past_y: outputs, (time, streams, outputs).

    Raises:
        CannotTellError: there are too few samples or different inputs; inputs differ themselves
            along the streams, so that another relation and too simple a regression look alike.

    References:
        Chow (1960), "Tests of equality between sets of coefficients in two linear regressions".
    """
    name = "changing relation: "
    time, streams, channels = past_x.shape
    if time < LEAST_TIME:
        raise CannotTellError(f"{name}{time} samples of a stream are fewer than {LEAST_TIME}")
    if channels > MOST_CHANNELS:
        raise CannotTellError(f"{name}{channels} input channels are more than {MOST_CHANNELS}")
    blocks = _Blocks.of(past_x, past_y)
    count = len(blocks.moments)
    splits = sorted({max(2, round(count * share)) for share in SPLITS})
    rng = np.random.default_rng(0)
    chance = np.argsort(rng.random((ORDERS, count, streams)), axis=1)
    orders = np.concatenate(
        [np.broadcast_to(np.arange(count)[:, None], (1, count, streams)), chance]
    )
    gained = np.empty((len(orders), len(splits), blocks.outputs))
    between = np.empty((len(orders), len(splits)))
    for place, split in enumerate(splits):
        before = blocks.sums(orders[:, :split])
        gained[:, place] = blocks.gained(before, split / count)
        between[:, place] = blocks.between(before)
    between = between.max(axis=1)
    usual, spread = float(between[1:].mean()), float(between[1:].std())
    differ = float(between[0])
    if differ > VERY_DIFFERENT or (differ > DIFFERENT and differ > usual + CERTAIN * spread):
        raise CannotTellError(f"{name}the inputs themselves differ along the stream")
    if usual > TOO_FEW:
        raise CannotTellError(f"{name}the inputs that were fitted differ too seldom")
    own, others = gained[0].max(axis=1), gained[1:].max(axis=2)
    excess = own - others.mean(axis=0)
    place = int(excess.argmax())
    output, share = int(gained[0, place].argmax()), float(excess[place])
    null = (others - others.mean(axis=0)).max(axis=1)
    half = float(np.quantile(null, 0.975))
    left = blocks.two(splits[place], output)[2]
    wanders = float(np.square(_without_lines(left, splits[place])).mean())
    split = blocks.best_split(output)
    first, second, _ = blocks.two(split, output)
    drift, drift_interval, explained, means = blocks.drift(output)
    spread_before = float(first[1:] @ blocks.covariance @ first[1:])
    return Change(
        share=share,
        interval=Interval(share - half, share + half),
        is_certain=share > max(float(null.mean() + CERTAIN * null.std()), WANDERING * wanders),
        length=count * blocks.length,
        after=blocks.begin + split * blocks.length,
        gain=float(first[1:] @ blocks.covariance @ second[1:]) / max(spread_before, 1e-30),
        offset=float(blocks.center @ (second - first)),
        drift=drift,
        drift_interval=drift_interval,
        is_drift=explained > STEADY * float(own[place]) and 0.0 not in drift_interval,
        means=means,
    )


def _without_lines(left: Numbers, split: int) -> Numbers:
    """Means of blocks, (blocks, streams), without a line common to streams on either side."""
    parts = []
    for part in (left[:split], left[split:]):
        places, mean = np.arange(len(part)), part.mean(axis=1)
        line = np.polyval(np.polyfit(places, mean, 1), places) if len(part) > 2 else 0 * mean
        parts.append(part - line[:, None])
    return np.concatenate(parts)


@final
@attrs.frozen(eq=False)
class _Blocks:
    """Moments of features and outputs in blocks of time: all that regressions need.

    Attributes:
        moments: sums of products, the features before the outputs in deviations,
            (blocks, streams, features + outputs, features + outputs).
        begin: first sample of the first block.
        length: samples of a block.
        outputs: channels of an output.
    """

    moments: Numbers
    begin: int
    length: int
    outputs: int

    @classmethod
    def of(cls, past_x: npt.NDArray[Any], past_y: npt.NDArray[Any]) -> _Blocks:
        """Those of inputs and outputs; samples with a missing output are left out."""
        reach = int(np.clip(len(past_x) // 20, 4, REACH))
        y = past_y.astype(np.float64)
        seen = ~np.isnan(y)
        if not seen.any(axis=(0, 1)).all():
            raise CannotTellError("changing relation: every output of a channel is missing")
        spread = np.nanstd(y, axis=(0, 1))
        if not (spread > 0).any():
            raise CannotTellError("changing relation: outputs are constant")
        y = ((y - np.nanmean(y, axis=(0, 1))) / np.where(spread > 0, spread, 1))[:, :, spread > 0]
        x = features(past_x, reach)
        if x.shape[2] == 1:
            raise CannotTellError("changing relation: inputs are constant")
        begin = reach + len(x) // 8  # a target's state takes a while to settle
        both = np.concatenate([x[begin - reach :], y[begin:]], axis=2)
        count = int(np.clip(len(both) // LEAST_BLOCK, 4, MOST_BLOCKS))
        length = len(both) // count
        begin += len(both) - count * length
        both = both[-count * length :]
        both[np.isnan(both).any(axis=2)] = 0.0
        blocks = both.reshape(count, length, *both.shape[1:]).swapaxes(1, 2)
        return cls(blocks.swapaxes(2, 3) @ blocks, begin, length, y.shape[2])

    @property
    def features(self) -> int:
        """Number of features."""
        return int(self.moments.shape[2]) - self.outputs

    @property
    def whole(self) -> Numbers:
        """Moments of all blocks."""
        total: Numbers = self.moments.sum(axis=(0, 1))
        return total

    @property
    def center(self) -> Numbers:
        """Mean of each feature."""
        center: Numbers = self.whole[0, : self.features] / self.whole[0, 0]
        return center

    @property
    def covariance(self) -> Numbers:
        """Of the features but for the first, which is constant."""
        inner = self.whole[1 : self.features, 1 : self.features] / self.whole[0, 0]
        covariance: Numbers = inner - np.outer(self.center[1:], self.center[1:])
        return covariance

    def sums(self, chosen: npt.NDArray[np.int64]) -> Numbers:
        """Moments of several choices of blocks, (choices, blocks, streams)."""
        streams = np.arange(self.moments.shape[1])
        return np.stack([self.moments[some, streams].sum(axis=(0, 1)) for some in chosen])

    def solved(self, moments: Numbers, share: float) -> tuple[Numbers, Numbers]:
        """Coefficients of a share of the samples, and the squared errors that they leave."""
        count = self.features
        ridge = RIDGE * share * self.whole[0, 0] * np.eye(count)
        inner, outer = moments[..., :count, :count], moments[..., :count, count:]
        weights: Numbers = np.linalg.solve(inner + ridge, outer)
        power = np.diagonal(moments[..., count:, count:], axis1=-2, axis2=-1)
        errors = power - 2 * (weights * outer).sum(-2) + (weights * (inner @ weights)).sum(-2)
        return weights, errors

    def gained(self, before: Numbers, share: float) -> Numbers:
        """Share of variance that coefficients on either side gain, (choices, outputs)."""
        whole = self.whole
        common = self.solved(whole, 1.0)[1]
        apart = self.solved(before, share)[1] + self.solved(whole - before, 1 - share)[1]
        power = np.diagonal(whole[self.features :, self.features :])
        gained: Numbers = (common - apart) / np.maximum(power, 1e-30)
        return gained

    def best_split(self, output: int) -> int:
        """Number of blocks before the split that gains most."""
        count = len(self.moments)
        along = self.moments.sum(axis=1).cumsum(axis=0)  # of the first blocks
        splits = range(2, count - 1)
        gains = [self.gained(along[n - 1][None], n / count)[0, output] for n in splits]
        return splits[int(np.argmax(gains))]

    def between(self, before: Numbers) -> Numbers:
        """Greatest share of a feature's variance that lies between two parts, (choices,)."""
        whole, count = self.whole, self.features
        total = whole[0, 0]
        first = np.maximum(before[:, 0, 0], 1.0)
        rest = np.maximum(total - first, 1.0)
        variance = np.diagonal(whole)[:count] / total - self.center**2
        apart = before[:, 0, :count] / first[:, None]
        apart = apart - (whole[0, :count] - before[:, 0, :count]) / rest[:, None]
        shares = (first * rest / total**2)[:, None] * apart**2 / np.maximum(variance, 1e-9)
        greatest: Numbers = shares.max(axis=1)
        return greatest

    def two(self, split: int, output: int) -> tuple[Numbers, Numbers, Numbers]:
        """Coefficients on either side, and the mean error of each block, (blocks, streams)."""
        before, share = self.moments[:split].sum(axis=(0, 1)), split / len(self.moments)
        first = self.solved(before, share)[0][:, output]
        second = self.solved(self.whole - before, 1 - share)[0][:, output]
        left = [self._means(self.moments[:split], first, output)]
        left.append(self._means(self.moments[split:], second, output))
        return first, second, np.concatenate(left)

    def _means(self, moments: Numbers, weights: Numbers, output: int) -> Numbers:
        sums = moments[:, :, 0]  # (blocks, streams, features + outputs)
        errors = sums[..., self.features + output] - sums[..., : self.features] @ weights
        means: Numbers = errors / np.maximum(sums[..., 0], 1.0)
        return means

    def drift(self, output: int) -> tuple[float, Interval, float, Numbers]:
        """A line in time beside the features.

        Returns:
            drift: from the start to the end, in deviations of the output.
            interval: where it lies with a confidence of 95%; errors of neighbouring blocks may be
                alike, as a process of first order has them.
            explained: share of the outputs' variance that it adds.
            means: of what the features leave of each block, (blocks,).
        """
        count, features = len(self.moments), self.features
        line = (np.arange(count) + 0.5) / count - 0.5
        along = np.tensordot(line, self.moments.sum(axis=1), axes=1)[0]  # with each column
        square = float(line**2 @ self.moments[:, :, 0, 0].sum(axis=1))
        wanted = self.whole[:, [*range(features), features + output]]
        moments = np.zeros((features + 2, features + 2))
        order = [*range(features), features, features + 1]
        columns = [*range(features), features + output]
        inner = np.array([i for i in order if i != features])
        moments[np.ix_(inner, inner)] = wanted[columns]
        moments[features, inner] = moments[inner, features] = along[columns]
        moments[features, features] = square
        ridge = RIDGE * self.whole[0, 0] * np.eye(features + 1)
        ridge[-1, -1] = 1e-9
        known = moments[:-1, :-1]
        weights = np.linalg.solve(known + ridge, moments[:-1, -1])
        error = moments[-1, -1] - 2 * weights @ moments[:-1, -1] + weights @ known @ weights
        before = self.solved(self.whole, 1.0)[1][output]
        explained = float(before - error) / max(float(moments[-1, -1]), 1e-30)
        slope = float(weights[-1])
        means = self._means(self.moments, weights[:-1], output).mean(axis=1)
        left = means - slope * line
        left = left - left.mean()
        alike = float(left[1:] @ left[:-1] / max(float(left @ left), 1e-30))
        alike = min(alike + (1 + 4 * max(alike, 0.0)) / count, 0.9)  # it is estimated too low
        inflated = max((1 + alike) / (1 - alike), 1.0)
        from scipy.special import stdtrit

        variance = float(left @ left) / max(count - 2, 1) / float(line @ line)
        half = float(stdtrit(max(count - 2, 1), 0.975) * np.sqrt(variance * inflated))
        return slope, Interval(slope - half, slope + half), explained, means
