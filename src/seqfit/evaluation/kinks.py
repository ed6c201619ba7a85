"""Errors where a target reaches or leaves its bounds, and elsewhere."""

from __future__ import annotations

import math
from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.evaluation.scores import Array, absolute_error, finite_or_none, squares

WITHIN = 5


@final
@attrs.frozen
class ErrorsOfSome:
    """Errors of some of the outputs of a run.

    Attributes:
        mae: mean absolute error.
        rmse: root of the mean squared error.
        max: largest absolute error.
        count: how many outputs, over all streams and channels.
    """

    mae: float
    rmse: float
    max: float
    count: int


@final
@attrs.frozen
class KinkErrors:
    """Errors near kinks and elsewhere.

    A kink is a sample at which an output reaches or leaves one of the target's finite bounds.

    Attributes:
        within: an output is near a kink of its channel that is at most so many samples away, in
            the past or in the future.
        kinks: how many there are.
        near: errors of the outputs near a kink; None where there is no kink.
        elsewhere: errors of the others; None where there are none.
    """

    within: int
    kinks: int
    near: ErrorsOfSome | None
    elsewhere: ErrorsOfSome | None

    def as_dict(self) -> dict[str, Any]:
        """All of it as data for JSON; what is not finite is None."""
        data = attrs.asdict(self)
        for group in ("near", "elsewhere"):
            if data[group] is not None:
                data[group] = {k: finite_or_none(number) for k, number in data[group].items()}
        return data


@final
class RunningKinkErrors:
    """The errors near kinks and elsewhere, of a run that comes in chunks.

    Args:
        bounds: of the target, see `seqfit.Target.bounds`; at least one is finite.
        streams: number of streams.
        outputs: channels of an output.
        within: see `KinkErrors`.
    """

    def __init__(
        self, bounds: tuple[float, float], streams: int, outputs: int, within: int = WITHIN
    ) -> None:
        self._bounds = bounds
        self._within = within
        self._last: npt.NDArray[np.int8] | None = None  # where the last sample lay
        # The errors of the newest samples wait until it is known whether a kink follows.
        self._waiting = np.empty((0, streams, outputs))
        self._kinks = np.zeros((within, streams, outputs), bool)  # theirs, and `within` before
        self._count = 0
        self._near, self._elsewhere = _Sums(), _Sums()

    def add(self, prediction: Array, y: Array) -> None:
        """Take in the next chunk: two arrays of shape (time, streams, outputs)."""
        with np.errstate(over="ignore"):
            low, high = (y.dtype.type(bound) for bound in self._bounds)
        place = (y >= high).astype(np.int8) - (y <= low)  # -1, 0 or 1
        before = place[:1] if self._last is None else self._last
        kinks = np.diff(place, axis=0, prepend=before) != 0
        self._last = place[-1:]
        self._count += int(kinks.sum())
        error = absolute_error(prediction, y)
        self._waiting = np.concatenate([self._waiting, error])
        self._kinks = np.concatenate([self._kinks, kinks])
        known = max(len(self._waiting) - self._within, 0)
        self._split(self._waiting[:known], self._kinks, self._near, self._elsewhere)
        self._waiting, self._kinks = self._waiting[known:], self._kinks[known:]

    def errors(self) -> KinkErrors:
        """The errors of what has come so far, at least one sample."""
        near, elsewhere = self._near.copy(), self._elsewhere.copy()
        nothing_after = np.zeros_like(self._kinks[: self._within])
        self._split(self._waiting, np.concatenate([self._kinks, nothing_after]), near, elsewhere)
        return KinkErrors(self._within, self._count, near.errors(), elsewhere.errors())

    def _split(
        self,
        error: npt.NDArray[np.float64],
        kinks: npt.NDArray[np.bool_],
        near: _Sums,
        elsewhere: _Sums,
    ) -> None:
        """Sort errors; the kinks begin `within` samples before them and end as far after them."""
        if not len(error):
            return
        so_far = np.zeros((len(kinks) + 1, *kinks.shape[1:]), np.int32)
        np.cumsum(kinks, axis=0, out=so_far[1:])
        width = 2 * self._within + 1
        is_near = so_far[width:][: len(error)] > so_far[: len(error)]
        near.add(error[is_near])
        elsewhere.add(error[~is_near])


@attrs.define
class _Sums:
    absolute: float = 0.0
    squared: float = 0.0
    max: float = 0.0
    count: int = 0

    def add(self, errors: npt.NDArray[np.float64]) -> None:
        errors = errors[~np.isnan(errors)]  # others are missing
        self.absolute += float(errors.sum())
        self.squared += float(squares(errors).sum())
        self.max = max(self.max, float(errors.max(initial=0.0)))
        self.count += errors.size

    def copy(self) -> _Sums:
        return attrs.evolve(self)

    def errors(self) -> ErrorsOfSome | None:
        if not self.count:
            return None
        rmse = math.sqrt(self.squared / self.count)
        return ErrorsOfSome(self.absolute / self.count, rmse, self.max, self.count)
