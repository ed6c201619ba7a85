"""The free run that a report shows."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.evaluation.scores import RunningScores, Scores, absolute_error, score
from seqfit.fitting.fitter import Fitter
from seqfit.validators import require_positive_int

Array = npt.NDArray[np.floating[Any]]

LONGEST = 1_000_000
"""The most samples, over all streams, that a report runs through."""

LENGTHS = 20
WORST = 6
AROUND = 100


@final
@attrs.frozen(eq=False)
class HeldOutRun:
    """A free run on streams that were not fitted.

    Attributes:
        x: inputs, (time, streams, inputs).
        y: what should have come out, (time, streams, outputs); NaN where it is missing.
        prediction: what came out, likewise.
    """

    x: Array
    y: Array
    prediction: Array

    @classmethod
    def of(
        cls,
        fitter: Fitter,
        length: int | None = None,
        streams: int | None = None,
        seed: int | None = None,
    ) -> HeldOutRun:
        """Run a fit from the start; training is not disturbed.

        Args:
            fitter: the fit; it has a signal and a target.
            length: samples of each stream; None takes 20,000, or all that the signal has.
            streams: as in `Fitter.evaluate`.
            seed: as in `Fitter.evaluate`.

        Raises:
            ValueError: the signal has fewer samples or streams, or they are more than `LONGEST`.
        """
        source = fitter.held_out_source(streams=streams, seed=seed)
        if length is not None:
            require_positive_int("length", length)
            if length * source.streams > LONGEST:
                raise ValueError(
                    f"a report runs through at most {LONGEST:,} samples, "
                    f"{length:,} of each of {source.streams} streams were asked for"
                )
        x, y = source.take(source.length_of(None if length is None else length * source.streams))
        return cls(x, y, fitter.predict(x))

    @property
    def error(self) -> npt.NDArray[np.float64]:
        """Output minus target, (time, streams, outputs)."""
        with np.errstate(invalid="ignore", over="ignore"):
            return self.prediction.astype(np.float64) - self.y

    @property
    def scores(self) -> Scores:
        """Of all of it."""
        return score(self.prediction, self.y)


@final
@attrs.frozen
class Stretch:
    """Some samples of one stream.

    Attributes:
        stream: its number, from 0.
        first: the first sample.
        end: behind the last one.
        rmse: of the error.
        max: the largest absolute error.
        share: of the squared error of the whole run.
    """

    stream: int
    first: int
    end: int
    rmse: float
    max: float
    share: float


def worst_stretches(run: HeldOutRun, length: int = 2 * AROUND) -> tuple[Stretch, ...]:
    """The stretches with the largest RMSE, the worst first; no two of them touch.

    Args:
        run: the free run.
        length: samples of a stretch; a rest at the end that is shorter is one too.
    """
    error = absolute_error(run.prediction, run.y)  # (time, streams, outputs)
    firsts = np.arange(0, len(error), length)
    observed = ~np.isnan(error)
    with np.errstate(over="ignore"):
        squared = np.where(observed, error, 0.0) ** 2
    sums = np.add.reduceat(squared.sum(axis=2), firsts, axis=0)  # (stretches, streams)
    counts = np.add.reduceat(observed.sum(axis=2), firsts, axis=0)
    largest = np.maximum.reduceat(np.where(observed, error, 0.0).max(axis=2), firsts, axis=0)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), -1.0)
    total, found = float(sums.sum()), list[Stretch]()
    for flat in np.argsort(-means, axis=None, kind="stable"):
        number, stream = (int(i) for i in np.unravel_index(flat, means.shape))
        if len(found) == WORST or means[number, stream] <= 0:
            break
        first = int(firsts[number])
        if any(s.stream == stream and abs(s.first - first) <= length for s in found):
            continue
        share = float(sums[number, stream]) / total if np.isfinite(total) else float("nan")
        found.append(
            Stretch(
                stream, first, min(first + length, len(error)),
                float(np.sqrt(means[number, stream])), float(largest[number, stream]), share,
            )
        )  # fmt: skip
    return tuple(found)


def scores_by_length(run: HeldOutRun) -> tuple[tuple[int, Scores], ...]:
    """Scores of the free run up to each of some lengths; those without an output are left out."""
    longest, streams, outputs = run.y.shape
    lengths = np.unique(np.round(np.geomspace(min(10, longest), longest, LENGTHS)).astype(int))
    running, first, found = RunningScores(longest, streams, outputs), 0, []
    for length in lengths.tolist():
        running.add(run.prediction[first:length], run.y[first:length])
        first = length
        if not np.isnan(run.y[:length]).all():
            found.append((length, running.scores()))
    return tuple(found)
