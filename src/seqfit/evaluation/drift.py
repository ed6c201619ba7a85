"""Drift: whether the error of a free run grows as it goes on."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.evaluation.intervals import Interval, mean_interval
from seqfit.evaluation.scores import Array, absolute_error, finite_or_none, squares

TENTHS = 10


@final
@attrs.frozen
class Drift:
    """The error in the last tenth of a run over that in the first.

    Attributes:
        course: the RMSE of each tenth of the run, over all streams.
        ratio: RMSE of the last tenth over that of the first, the geometric mean over the streams;
            None where a stream has a tenth without any error, or with one that is infinite.
        interval: of the ratio, from the streams' logarithms, with a confidence of 95%; None for
            one stream.
    """

    course: tuple[float, ...]
    ratio: float | None
    interval: Interval | None

    @property
    def grows(self) -> bool:
        """Whether the error grows for certain: the whole interval of the ratio lies above 1.

        Where there is no drift, one run in 40 is said to grow nevertheless.
        """
        return self.interval is not None and self.interval.low > 1.0

    def as_dict(self) -> dict[str, Any]:
        """All of it as data for JSON; what is not finite is None."""
        data = attrs.asdict(self) | {"grows": self.grows}
        return data | {"course": [finite_or_none(rmse) for rmse in self.course]}

    def __str__(self) -> str:
        if self.ratio is None:
            first, last = self.course[0], self.course[-1]
            return f"RMSE {first:.3g} in the first tenth of the run, {last:.3g} in the last"
        text = f"the RMSE of the last tenth of the run is {self.ratio:.3g} times that of the first"
        if self.interval is None:
            return text
        verdict = "it grows" if self.grows else "it does not grow for certain"
        return f"{text} ({self.interval}): {verdict}"


@final
class RunningDrift:
    """The drift of a run that comes in chunks.

    Args:
        length: samples of each stream that will come, at least 10.
        streams: number of streams.
    """

    def __init__(self, length: int, streams: int) -> None:
        self._ends = [length * tenth // TENTHS for tenth in range(1, TENTHS + 1)]
        self._position = 0
        self._squared = np.zeros((TENTHS, streams))
        self._counts = np.zeros((TENTHS, streams), np.int64)

    def add(self, prediction: Array, y: Array) -> None:
        """Take in the next chunk: two arrays of shape (time, streams, outputs)."""
        error = absolute_error(prediction, y)
        squared = np.nansum(squares(error), axis=2)  # (time, streams)
        counts = (~np.isnan(error)).sum(axis=2)
        first = self._position
        for tenth, end in enumerate(self._ends):
            begin = self._ends[tenth - 1] if tenth else 0
            span = slice(max(begin - first, 0), max(end - first, 0))
            self._squared[tenth] += squared[span].sum(axis=0)
            self._counts[tenth] += counts[span].sum(axis=0)
        self._position += len(y)

    def drift(self) -> Drift:
        """The drift, once all samples have come."""
        # A tenth of which all is missing counts as one without an error.
        mean_squares = self._squared / np.maximum(self._counts, 1)  # (tenths, streams)
        course = tuple(np.sqrt(mean_squares.mean(axis=1)).tolist())
        first, last = mean_squares[0], mean_squares[-1]
        if not (first.all() and last.all() and np.isfinite([first, last]).all()):
            return Drift(course, None, None)
        logarithms: npt.NDArray[np.float64] = 0.5 * (np.log(last) - np.log(first))
        interval = mean_interval(logarithms)
        if interval is not None:
            interval = Interval(float(np.exp(interval.low)), float(np.exp(interval.high)))
        return Drift(course, float(np.exp(logarithms.mean())), interval)
