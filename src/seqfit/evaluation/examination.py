"""A full account of how good a fit is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, final

import attrs

from seqfit.computing import computing
from seqfit.evaluation.drift import TENTHS, Drift, RunningDrift
from seqfit.evaluation.free_run import SAMPLES_AT_ONCE, Run
from seqfit.evaluation.kinks import KinkErrors, RunningKinkErrors
from seqfit.evaluation.scores import RunningScores, Scores
from seqfit.evaluation.starts import Starts, compare_starts
from seqfit.evaluation.tables import Table, tables_of
from seqfit.randomness import WRONG_STATES, derived_seed
from seqfit.validators import as_tuple, is_int

if TYPE_CHECKING:
    from seqfit.fitting.fitter import Fitter
    from seqfit.fitting.samples import Samples
    from seqfit.fitting.source import SampleSource

MULTIPLES = (1, 10, 100, 1000)
LONGEST = 1_000_000
LENGTH_OF_STARTS = 20_000
WASHOUT = 1000


@final
@attrs.frozen
class Horizon:
    """Scores of a free run up to some sample.

    Attributes:
        length: samples of each stream.
        scores: of all of them.
    """

    length: int
    scores: Scores

    def as_dict(self) -> dict[str, Any]:
        """All of it as data for JSON."""
        return {"length": self.length, "scores": self.scores.as_dict()}


@final
@attrs.frozen
class Evaluation:
    """How good a fit is on streams that were not fitted. Make one with `examine`.

    Attributes:
        fitted: samples of each stream that were fitted: the training horizon.
        streams: streams scored.
        horizons: scores of one free run from the start up to several samples, shortest first.
        drift: whether the error grows along the longest of them; None below 10 samples.
        kinks: errors where the target reaches or leaves its bounds, in the same run; None where
            it has no finite ones.
        starts: scores from wrong states, after a warm-up, and one step ahead.
    """

    fitted: int
    streams: int
    horizons: tuple[Horizon, ...]
    drift: Drift | None
    kinks: KinkErrors | None
    starts: Starts

    def as_dict(self) -> dict[str, Any]:
        """All of it as data for JSON; what is not finite is None."""
        return {
            "fitted": self.fitted,
            "streams": self.streams,
            "horizons": [horizon.as_dict() for horizon in self.horizons],
            "drift": None if self.drift is None else self.drift.as_dict(),
            "kinks": None if self.kinks is None else self.kinks.as_dict(),
            "starts": self.starts.as_dict(),
        }

    def tables(self) -> tuple[Table, ...]:
        """All of it as tables of words and numbers, for people."""
        return tables_of(self)

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.tables()))


def examine(
    fitter: Fitter,
    *,
    horizons: Iterable[int] | None = None,
    streams: int | None = None,
    seed: int | None = None,
    washout: int | None = None,
) -> Evaluation:
    """Examine a fit by long free runs on streams that were not fitted; training is not disturbed.

    Memory does not grow with the length of a run, but for 1% of its errors.

    Args:
        fitter: the fit.
        horizons: up to which samples of each stream a free run is scored; None takes 1, 10, 100
            and 1,000 times as many as were fitted, up to 1,000,000 or to the signal's end.
        streams: number of streams; None takes 8, or as many as the signal has.
        seed: of the streams; None derives one from the fitter's seed, as `Fitter.evaluate` does.
        washout: samples that are not scored after a start from a wrong state; None takes 1,000,
            but no more than a tenth of the run, which has 20,000 where there are as many.

    Raises:
        ValueError: there is no signal, it ends before, or nothing was fitted yet.
    """
    fitted = fitter.report.samples // fitter.schedule.streams
    if not fitted:
        raise ValueError("nothing was fitted yet, there is nothing to evaluate")
    source = fitter.held_out_source(streams=streams, seed=seed)
    lengths = _lengths(horizons, fitted, source.signal.length)
    length = min(LENGTH_OF_STARTS, lengths[-1])
    washout = min(WASHOUT, length // 10) if washout is None else washout
    if not is_int(washout) or not 0 <= washout < length:
        raise ValueError(f"washout must be from 0 to {length - 1}, got {washout!r}")
    other = fitter.held_out_source(
        streams=source.streams,
        seed=derived_seed(fitter.seed if seed is None else seed, WRONG_STATES),
    )
    with computing(fitter.threads):
        long_run = _examine_long_run(fitter, source, lengths)
        again = fitter.held_out_source(streams=source.streams, seed=seed)
        starts = compare_starts(fitter.module, again, other, length, washout)
    return Evaluation(fitted, source.streams, *long_run, starts)


def _lengths(horizons: Iterable[int] | None, fitted: int, limit: int | None) -> tuple[int, ...]:
    if horizons is None:
        longest = LONGEST if limit is None else min(LONGEST, limit)
        return tuple(sorted({min(fitted * multiple, longest) for multiple in MULTIPLES}))
    lengths = as_tuple(horizons)
    if (
        not isinstance(lengths, tuple)
        or not lengths
        or not all(is_int(n) and n > 0 for n in lengths)
    ):
        raise ValueError(f"horizons must be one or more positive ints, got {horizons!r}")
    if limit is not None and max(lengths) > limit:
        raise ValueError(
            f"the signal ends after {limit} samples of each stream, a horizon of {max(lengths)} "
            "was asked for"
        )
    return tuple(sorted(set(lengths)))


def _examine_long_run(
    fitter: Fitter, source: SampleSource, lengths: tuple[int, ...]
) -> tuple[tuple[Horizon, ...], Drift | None, KinkErrors | None]:
    streams, outputs, longest = source.streams, source.outputs, lengths[-1]
    scores = RunningScores(longest, streams, outputs)
    drift = RunningDrift(longest, streams) if longest >= TENTHS else None
    bounds = source.target.bounds
    bounded = any(map(math.isfinite, bounds))
    kinks = RunningKinkErrors(bounds, streams, outputs) if bounded else None
    run, horizons = Run(fitter.module, fitter.module.start(streams)), []
    position = 0
    for length in lengths:
        for x, y in _chunks(source, length - position):
            prediction = run.free(x)
            for part in (scores, drift, kinks):
                if part is not None:
                    part.add(prediction, y)
        horizons.append(Horizon(length, scores.scores()))
        position = length
    return (
        tuple(horizons),
        None if drift is None else drift.drift(),
        None if kinks is None else kinks.errors(),
    )


def _chunks(source: SampleSource, length: int) -> Iterator[tuple[Samples, Samples]]:
    chunk = max(1, SAMPLES_AT_ONCE // source.streams)
    for first in range(0, length, chunk):
        yield source.take(min(chunk, length - first))
