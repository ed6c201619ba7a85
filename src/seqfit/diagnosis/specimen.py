"""A copy of a fit that may be disturbed, with the samples to look at it by."""

from __future__ import annotations

import copy
import math
import sys
import time
from collections.abc import Callable
from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt
import torch

from seqfit.evaluation.free_run import Run, free_run
from seqfit.evaluation.intervals import Interval, mean_interval
from seqfit.fitting import Experiment, Fitter, LevenbergMarquardt
from seqfit.fitting.samples import Samples
from seqfit.fitting.source import SampleSource
from seqfit.models.base import StreamModule
from seqfit.randomness import VALIDATION, derived_seed
from seqfit.recordings import Recording
from seqfit.schedules.base import Progress, Update
from seqfit.signals.base import Signal
from seqfit.targets.base import Target

LONGEST_PAST = 50_000
"""Samples over all streams of what was fitted that are looked at."""

SHORTER_PAST = 5_000
"""Likewise, at a glance."""

LONGEST_FRESH = 4_000
"""Samples of each of the held-out streams."""

GLANCE = 1_500
"""Of these, at a glance, or where many modules are looked at."""

STREAMS = 16
WASHOUT = 200

GAP = 1.5
"""Error on other samples over that on fitted ones, from which on a fit does not generalise."""


class CannotTellError(Exception):
    """Something can't be told; the message says what, and why."""


@final
@attrs.frozen(eq=False)
class Specimen:
    """What is looked at. Make one with `of`.

    Attributes:
        fitter: a copy of the fit, never fitted on; copies of it may be.
        past_x: the first inputs that were fitted, (time, streams, inputs).
        past_y: what should have come out, (time, streams, outputs).
        x: inputs that were not fitted, on which trials are judged too, (time, streams, inputs).
        y: what should come out, likewise.
        prediction: the free run through `x`.
        deadline: until when there is time, as `time.perf_counter` has it.
    """

    fitter: Fitter
    past_x: Samples
    past_y: Samples
    x: Samples
    y: Samples
    prediction: Samples
    deadline: float

    @classmethod
    def of(cls, fitter: Fitter, deadline: float, given: tuple[Samples, Samples] | None) -> Specimen:
        """A specimen of a fit.

        Args:
            fitter: the fit, which is left as it is.
            deadline: see `Specimen`.
            given: samples for a fit that has no signal and target, the last third of which was
                not fitted.
        """
        own = fitter.copy()
        if given is None:
            source = validation_source(own)
            x, y = fresh_samples(source)
            past = _past_of(own, LONGEST_PAST)
        else:
            end = 2 * len(given[0]) // 3
            past = given[0][:end], given[1][:end]
            x, y = given[0][end:], given[1][end:]
        return cls(own, *past, x, y, free_run(own.module, x), deadline)

    @classmethod
    def glance(cls, fitter: Fitter) -> Specimen:
        """A smaller specimen of a fit with a signal, not copied: for what only looks at it."""
        source = validation_source(fitter)
        x, y = source.take(min(GLANCE, source.signal.length or GLANCE))
        past = _past_of(fitter, SHORTER_PAST)
        return cls(fitter, *past, x, y, free_run(fitter.module, x), math.inf)

    @property
    def experiment(self) -> Experiment:
        """What is fitted."""
        return self.fitter.experiment

    @property
    def module(self) -> StreamModule:
        """The module, which may be looked at but not changed; see `module_of_its_own`."""
        return self.fitter.module

    @property
    def learns_by_gradients(self) -> bool:
        """Whether it is fitted step by step."""
        return not isinstance(self.fitter.optimizer, LevenbergMarquardt)

    @property
    def is_before_a_lower_rate(self) -> bool:
        """Whether the fit is on its way, by a plan after which the learning rate goes on falling.

        Such a fit has steps as large as it was planned to have there.
        """
        samples, experiment = self.fitter.report.samples, self.experiment
        return experiment.learning_rate is not None and samples < 0.95 * experiment.samples

    @property
    def update(self) -> Update:
        """The next update of the fit."""
        schedule, report = self.fitter.schedule, self.fitter.report
        position = report.samples // schedule.streams
        progress = Progress(position=position, updates=report.updates, loss=0.0)
        training: Any = self.fitter._training()
        return schedule.next_update(training.schedule_state, progress)[0]

    @property
    def most_different(self) -> float:
        """Samples over all streams before a recording comes again; infinite without one."""
        rows = _rows(self.fitter.signal)
        return math.inf if rows is None else rows * self.fitter.schedule.streams

    @property
    def samples_to_fit(self) -> int:
        """How many samples a fit anew may have at most, over all streams."""
        return sys.maxsize if self.fitter.signal is not None else self.past_x[..., 0].size

    @property
    def is_recorded(self) -> bool:
        """Whether there are no other samples than those of a recording, or those given."""
        return self.fitter.signal is None or _rows(self.fitter.signal) is not None

    @property
    def scored_apart(self) -> tuple[Samples, Samples] | None:
        """Inputs that were fitted, and those of the stretch that `Fitter.evaluate` scores.

        Each (time, streams, inputs). None but of a recording that has such a stretch: generated
        streams have one law. Outputs of that stretch are not looked at.
        """
        signal, rows = self.fitter.signal, _rows(self.fitter.signal)
        if signal is None or rows is None or not _has_test(signal):
            return None
        streams, seed = self.fitter.schedule.streams, self.fitter.seed
        fitted = min(self.fitter.report.samples // streams, rows)
        source = SampleSource.held_out(self.experiment)
        scored, _ = source.signal.generate(source.signal_state, source.length_of(None))
        return signal.generate(signal.start(streams, seed), fitted)[0], scored

    @property
    def washout(self) -> int:
        """Leading samples of a run that are not looked at."""
        return min(WASHOUT, len(self.x) // 5)

    @property
    def spread(self) -> float:
        """Standard deviation of what should come out, about the mean of each channel."""
        y = self.y.astype(np.float64)
        return float(np.sqrt(np.nanvar(y, axis=(0, 1)).mean()))

    @property
    def error_of_a_constant(self) -> float:
        """Mean absolute error of the best constant of each channel after the washout."""
        y = self.y[self.washout :].astype(np.float64)
        return mean_of_observed(np.abs(y - np.nanmedian(y, axis=(0, 1))))

    @property
    def nrmse(self) -> float:
        """Error of the free run after the washout on samples not fitted, over the spread.

        Of a recording nobody knows the state before its first sample.
        """
        here = slice(self.washout, None)
        error = np.nan_to_num(self.prediction[here].astype(np.float64) - self.y[here], nan=0.0)
        observed = ~np.isnan(self.y[here])
        return float(np.sqrt(np.square(error).mean(where=observed)) / max(self.spread, 1e-30))

    @property
    def absolute_error(self) -> npt.NDArray[np.float64]:
        """Mean absolute error of each stream after the washout, (streams,)."""
        return error_of_streams(self.prediction, self.y, self.washout)

    @property
    def generalises(self) -> bool:
        """Whether a free run through what was fitted is hardly better than one through the rest."""
        x, y = (np.ascontiguousarray(past[: len(self.x)]) for past in (self.past_x, self.past_y))
        washout = min(WASHOUT, len(x) // 5)
        fitted = error_of_streams(free_run(self.module, x), y, washout).mean()
        return bool(self.absolute_error.mean() < GAP * fitted)

    @property
    def seconds_left(self) -> float:
        """Time that is left."""
        return self.deadline - time.perf_counter()

    def module_of_its_own(self) -> StreamModule:
        """A copy of the module, for plain torch."""
        return copy.deepcopy(self.module)

    def error_with(self, module: StreamModule) -> npt.NDArray[np.float64]:
        """As `absolute_error`, of another module and at most 1,500 samples."""
        x, y = self.x[:GLANCE], self.y[:GLANCE]
        return error_of_streams(free_run(module, np.ascontiguousarray(x)), y, self.washout)

    def tensors(self, *arrays: Samples) -> tuple[torch.Tensor, ...]:
        """Samples as tensors where the module is."""
        device = next(self.module.parameters()).device
        return tuple(torch.from_numpy(np.ascontiguousarray(a)).to(device) for a in arrays)

    def segments(self, length: int, count: int, warm_up: int) -> tuple[Any, Samples, Samples]:
        """Stretches of what was fitted, side by side as streams, and the states before them.

        Args:
            length: samples of each.
            count: how many.
            warm_up: samples that the model runs through before each.

        Returns:
            state: the model's state before them.
            x, y: (length, count, channels).

        Raises:
            CannotTellError: there are too few samples.
        """
        time, streams = self.past_x.shape[:2]
        whole = warm_up + length
        if time < whole:
            raise CannotTellError(f"{time} samples of a stream are fewer than {whole}")
        begins = np.linspace(0, time - whole, count).astype(int)
        columns = np.arange(count) % streams
        places = begins[None, :] + np.arange(whole)[:, None]
        x, y = self.past_x[places, columns], self.past_y[places, columns]
        run = Run(self.module, self.module.start(count))
        if warm_up:
            run.free(np.ascontiguousarray(x[:warm_up]))
        return run.state, x[warm_up:], y[warm_up:]


def validation_source(experiment: Experiment) -> SampleSource:
    """Streams on which a diagnosis judges: not fitted, nor those of `Fitter.evaluate`.

    Of a recording it is the stretch for validation, where it has one apart.
    """
    signal, target = experiment.signal, experiment.target
    seed = derived_seed(experiment.seed, VALIDATION)
    if signal is None or target is None:
        raise ValueError(
            "this fitter has no signal and no target: give samples, fitter.diagnose(x=..., y=...)"
        )
    if not _has_validation(signal):
        streams = min(STREAMS, signal.max_streams or STREAMS)
        return SampleSource.held_out(experiment, streams, seed)
    apart: tuple[Signal, Target] = _for_validation(signal), _for_validation(target)
    streams = min(STREAMS, apart[0].max_streams or STREAMS)
    return SampleSource.start(*apart, streams, seed, experiment.dtype, experiment.missing)


def fresh_samples(source: SampleSource) -> tuple[Samples, Samples]:
    """As many samples of a source as are looked at."""
    return source.take(min(LONGEST_FRESH, source.signal.length or LONGEST_FRESH))


def _has_validation(part: Any) -> bool:
    recording = getattr(part, "recording", None)
    return recording is not None and recording.stretch == "train" and recording.held_out[0] > 0


def _has_test(part: Any) -> bool:
    recording: Recording = part.recording
    return recording.stretch != "all" and recording.held_out[1] > 0


def _for_validation(part: Any) -> Any:
    return attrs.evolve(part, recording=part.recording.during("validation"))


def _past_of(fitter: Fitter, most: int) -> tuple[Samples, Samples]:
    streams = fitter.schedule.streams
    assert fitter.signal is not None
    assert fitter.target is not None  # or samples are given
    source = SampleSource.start(
        fitter.signal, fitter.target, streams, fitter.seed, fitter.dtype, fitter.missing
    )
    fitted = fitter.report.samples // streams
    rows = _rows(fitter.signal)
    shown = max(1, most // streams)
    return source.take(min(fitted, shown) if rows is None else min(fitted, shown, rows))


def _rows(signal: Any) -> int | None:
    """How many samples of a recording there are before they come again; None of another signal."""
    recording = getattr(signal, "recording", None)
    if recording is None:
        return None
    once = attrs.evolve(signal, recording=recording.during(recording.stretch))
    return int(once.length)


def error_of_streams(prediction: Samples, y: Samples, washout: int) -> npt.NDArray[np.float64]:
    """Mean absolute error of each stream after a washout, (streams,).

    Streams of which all outputs are missing there are left out.

    Raises:
        CannotTellError: that is all of them.
    """
    observed = ~np.isnan(y[washout:])
    seen = observed.any(axis=(0, 2))
    if not seen.any():
        raise CannotTellError(f"errors: every output after {washout} samples is missing")
    error = np.abs(prediction[washout:].astype(np.float64) - y[washout:])
    error = np.where(np.isfinite(error), error, 1e30)
    mean: npt.NDArray[np.float64] = error[:, seen].mean(axis=(0, 2), where=observed[:, seen])
    return mean


def mean_of_observed(error: npt.NDArray[np.floating[Any]]) -> float:
    """The mean of errors, those of missing outputs left out; NaN where no other is there."""
    observed = error[~np.isnan(error)]
    return float(observed.mean()) if observed.size else float("nan")


def ratio_interval(
    above: npt.NDArray[np.float64], below: npt.NDArray[np.float64]
) -> tuple[float, Interval | None]:
    """The geometric mean of ratios, each of a stream or probe, and where it lies."""
    tiny = 1e-30
    logarithms = np.log(np.maximum(above, tiny)) - np.log(np.maximum(below, tiny))
    interval = mean_interval(logarithms)
    if interval is not None:
        with np.errstate(over="ignore"):
            interval = Interval(float(np.exp(interval.low)), float(np.exp(interval.high)))
    return float(np.exp(logarithms.mean())), interval


def first_below(values: npt.NDArray[np.float64], share: float) -> int | None:
    """Where a course falls below a share of its greatest value and stays there; None if never."""
    above = np.flatnonzero(values >= share * values.max())
    last = int(above[-1]) if len(above) else -1
    return last + 1 if last + 1 < len(values) else None


Measure = Callable[[Specimen], "list[Any]"]
