"""Scores: how far outputs are from what should have come out."""

from __future__ import annotations

import math
from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.evaluation.intervals import Interval, mean_interval

Array = npt.NDArray[np.floating[Any]]


@final
@attrs.frozen
class Scores:
    """Errors of a run, over all its samples, streams and output channels.

    An output that is not a number counts as one that is infinitely far off. Where what should have
    come out is missing (not a number), nothing is scored.

    Attributes:
        mae: mean absolute error.
        rmse: root of the mean squared error.
        nrmse: the RMSE over the standard deviation of what should have come out, about the mean
            of each output channel; None where that is constant, as there is then no spread to
            measure by.
        p99: the absolute error that 99% of the samples do not exceed.
        max: largest absolute error.
        samples: samples scored, over all streams; those of several channels, some of them
            missing, add up to whole ones.
        streams: streams scored.
        mae_interval: where the mean absolute error of all such streams lies, with a confidence of
            95%, see `seqfit.evaluation.intervals.mean_interval`; None for one stream, which does
            not tell how much streams differ.
        rmse_interval: the same of the RMSE: the roots of the ends of the interval of the mean
            squared error.
    """

    mae: float
    rmse: float
    nrmse: float | None
    p99: float
    max: float
    samples: int
    streams: int
    mae_interval: Interval | None
    rmse_interval: Interval | None

    @property
    def r2(self) -> float | None:
        """Coefficient of determination, ``1 - sum(e**2) / sum((y - mean)**2)``."""
        return None if self.nrmse is None else 1.0 - self.nrmse**2

    @property
    def fit_percent(self) -> float | None:
        """``100 (1 - ||e|| / ||y - mean||)``, as in Ljung (1999), "System identification"."""
        return None if self.nrmse is None else 100.0 * (1.0 - self.nrmse)

    def as_dict(self) -> dict[str, Any]:
        """All of it as data for JSON; what is not finite is None."""
        numbers = attrs.asdict(self) | {"r2": self.r2, "fit_percent": self.fit_percent}
        return {name: finite_or_none(number) for name, number in numbers.items()}

    def __str__(self) -> str:
        nrmse = "" if self.nrmse is None else f"NRMSE {self.nrmse:.3g}, "
        return (
            f"MAE {self.mae:.3g}, RMSE {self.rmse:.3g}, {nrmse}p99 {self.p99:.3g}, "
            f"max {self.max:.3g}"
        )


@final
class RunningScores:
    """Scores of a run that comes in chunks, in memory that holds 1% of its errors.

    They are those of the whole run at once, to the rounding of sums in float64: p99 too, as the
    largest 1% of the errors are kept.

    Args:
        length: samples of each stream that will come at most.
        streams: number of streams.
        outputs: channels of an output.
    """

    def __init__(self, length: int, streams: int, outputs: int) -> None:
        self._most = length * streams * outputs
        self._come = 0  # outputs so far, over all streams and channels, missing ones too
        self._counts = np.zeros(streams, np.int64)  # errors of each stream
        self._observed = np.zeros(outputs, np.int64)  # and of each channel
        self._absolute = np.zeros(streams)  # sums of each stream
        self._squared = np.zeros(streams)
        self._origin = np.full(outputs, np.nan)  # the first y of each channel
        self._mean = np.zeros(outputs)  # of y in each channel, from the origin on
        self._spread = np.zeros(outputs)  # sums of squares about it
        self._largest = np.empty(0)  # errors, the smallest of them first where there are enough

    def add(self, prediction: Array, y: Array) -> None:
        """Take in the next chunk.

        Args:
            prediction: (time, streams, outputs).
            y: what should have come out, likewise.

        Raises:
            ValueError: it is more than the length that was announced.
        """
        if self._come + y.size > self._most:
            raise ValueError(f"{self._most} errors were announced, {self._come + y.size} have come")
        self._come += y.size
        error = absolute_error(prediction, y)
        observed = ~np.isnan(error)
        self._absolute += error.sum(axis=(0, 2), where=observed)
        self._squared += squares(error).sum(axis=(0, 2), where=observed)
        self._counts += observed.sum(axis=(0, 2))
        for channel in range(y.shape[2]):
            self._add_spread(channel, y[..., channel][observed[..., channel]].astype(np.float64))
        self._add_largest(error[observed])

    def scores(self) -> Scores:
        """The scores of what has come so far, at least one sample.

        Raises:
            ValueError: all of it is missing.
        """
        count, outputs = int(self._counts.sum()), len(self._mean)
        if not count:
            raise ValueError("every output is missing, there is nothing to score")
        seen = self._counts > 0
        absolute, squared = self._absolute[seen], self._squared[seen]
        total = float(self._spread.sum())
        mse_interval = mean_interval(squared / self._counts[seen])
        return Scores(
            mae=float(absolute.sum()) / count,
            rmse=math.sqrt(float(squared.sum()) / count),
            nrmse=math.sqrt(float(squared.sum()) / total) if total > 0 else None,
            p99=self._quantile(count),
            max=float(self._largest.max()),
            samples=count // outputs,
            streams=int(seen.sum()),
            mae_interval=_positive(mean_interval(absolute / self._counts[seen])),
            rmse_interval=None if mse_interval is None else _roots(mse_interval),
        )

    def _add_spread(self, channel: int, y: npt.NDArray[np.float64]) -> None:
        # Chan, Golub and LeVeque (1983), "Algorithms for computing the sample variance"; from an
        # origin, so that a constant has a spread of 0 and not of what rounding leaves.
        before, new = int(self._observed[channel]), len(y)
        if not new:
            return
        if not before:
            self._origin[channel] = y[0]
        values = y - self._origin[channel]
        mean = values.mean()
        shift = mean - self._mean[channel]
        self._spread[channel] += np.square(values - mean).sum()
        self._spread[channel] += np.square(shift) * (before * new / (before + new))
        self._mean[channel] += shift * (new / (before + new))
        self._observed[channel] += new

    def _add_largest(self, errors: npt.NDArray[np.float64]) -> None:
        capacity = self._most - _rank(self._most)
        if len(self._largest) == capacity:
            errors = errors[errors > self._largest[0]]
        merged = np.concatenate([self._largest, errors])
        if len(merged) >= capacity:
            first = len(merged) - capacity
            merged = np.partition(merged, first)[first:].copy()
        self._largest = merged

    def _quantile(self, count: int) -> float:
        """Between the two errors next to the rank, as `numpy.quantile` does."""
        above = count - _rank(count)  # errors from the rank on
        ends = np.sort(self._largest)[-above:][:2]
        low, high = float(ends[0]), float(ends[-1])
        share = 99 * (count - 1) % 100 / 100
        return low if share == 0 or low == high else low + share * (high - low)


def score(prediction: Array, y: Array) -> Scores:
    """The scores of a prediction against what should have come out.

    Args:
        prediction: (time, streams, outputs), at least one sample.
        y: the same shape.
    """
    running = RunningScores(*y.shape)
    running.add(prediction, y)
    return running.scores()


def absolute_error(prediction: Array, y: Array) -> npt.NDArray[np.float64]:
    """In float64; infinite where the prediction is not a number, and none where y is missing."""
    error = np.abs(prediction.astype(np.float64) - y)
    np.nan_to_num(error, copy=False, nan=np.inf, posinf=np.inf)
    error[np.isnan(y)] = np.nan
    return error


def squares(errors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The squares; infinite where they are too large for a number."""
    with np.errstate(over="ignore"):
        return np.square(errors)


def finite_or_none(number: Any) -> Any:
    """None for a float that JSON can't hold; anything else as it is."""
    return None if isinstance(number, float) and not math.isfinite(number) else number


def _rank(count: int) -> int:
    """How many errors lie below the one at the 99th percentile, or just before it."""
    return 99 * (count - 1) // 100


def _positive(interval: Interval | None) -> Interval | None:
    return None if interval is None else Interval(max(interval.low, 0.0), interval.high)


def _roots(interval: Interval) -> Interval:
    return Interval(math.sqrt(max(interval.low, 0.0)), math.sqrt(interval.high))
