"""Fits by output feedback: y_t as a piecewise linear function of inputs and earlier outputs."""

from __future__ import annotations

import attrs
import numpy as np

from seqfit.second_order.free_run_error import FreeRun
from seqfit.second_order.levenberg_marquardt import Stop, Vector, minimise
from seqfit.second_order.map_search import MapSearch
from seqfit.second_order.maps import Array, HiddenLayerMap, in_raw_units
from seqfit.second_order.outcome import (
    CLOSE,
    EXACT,
    ROUNDED,
    Status,
    is_white,
    require_streams,
    rms,
)
from seqfit.second_order.recurrence import Recurrence, free_run
from seqfit.second_order.residuals import TwoValues
from seqfit.second_order.rounding import float32_floor, rounded
from seqfit.second_order.state_space import StateSpaceSearch, fit_state_space


@attrs.frozen
class FeedbackSearch:
    """How to fit ``y_t = f(x_t, x_{t-1} .., y_{t-1}, y_{t-2} ..)``.

    Attributes:
        input_lags: how many earlier inputs the map sees, besides the present one.
        output_lags: how many earlier outputs it sees.
        units: hidden units to start with; those that the data can do without are removed.
        starts: most random starts.
        free_starts: most random starts of the fit by free runs, tried where the given outputs do
            not lead to an exact model: they may be noisy; 0 to leave it out.
        robust: whether outliers among the outputs are to pull no harder than others. Free runs
            then come first, as given outputs would bring the outliers in.
        seed: of the random starts.
    """

    input_lags: int = 0
    output_lags: int = 1
    units: int = 8
    starts: int = 20
    free_starts: int = 30
    robust: bool = False
    seed: int = 0


@attrs.frozen(eq=False)
class OutputFeedbackFit:
    """What came of it.

    Attributes:
        model: in float32, to be run by `run`.
        start: the state of a stream at rest, shape (1, state).
        exact_model: the same in float64, before the rounding.
        config: how it was fitted.
        status: how it ended.
        one_step: rms error where the true earlier outputs are given.
        free: rms error of the free run, float32, on the data of the fit.
        starts: random starts used.
        between: as in `StateSpaceFit`.
    """

    model: Recurrence
    start: Array
    exact_model: Recurrence
    config: FeedbackSearch
    status: Status
    one_step: float
    free: float
    starts: int
    between: TwoValues | None = None

    def run(self, x: Array) -> Array:
        """Free run from rest: x (time, streams, inputs) to y (time, streams, outputs)."""
        stacked = stack_lags(x, self.config.input_lags)
        y, _ = free_run(self.model, stacked, self.start)
        return y if self.between is None else self.between.mean(y)


def fit_output_feedback(
    x: Array, y: Array, config: FeedbackSearch = FeedbackSearch()
) -> OutputFeedbackFit:
    """Fit streams that all start alike: from rest, or from outputs that are found as well.

    Before the first sample inputs are 0. What the outputs were there is asked of the samples:
    0 where that explains them as well as anything.

    Args:
        x: inputs, shape (time, streams, inputs).
        y: outputs, shape (time, streams, outputs).
        config: how.

    Raises:
        ValueError: the shapes do not belong together, or a value is not finite.
    """
    require_streams(x, y)
    forced = _fit_forced(x, y, config)
    settled = (Status.EXACT,) if config.robust else (Status.EXACT, Status.NOISE)
    if forced.status in settled or not config.free_starts:
        return forced
    search = StateSpaceSearch(
        sizes=(config.output_lags * y.shape[2],),
        units=config.units,
        starts=config.free_starts,
        robust=config.robust,
        seed=config.seed,
    )
    free = fit_state_space(stack_lags(x, config.input_lags), y, search)
    enough = 1.0 if free.status in (Status.EXACT, Status.NOISE) else 0.5
    if not config.robust and not free.free < enough * forced.free:
        return forced
    return attrs.evolve(
        forced,
        model=free.model,
        start=free.start,
        exact_model=free.exact_model,
        status=free.status,
        free=free.free,
        starts=forced.starts + free.starts,
        between=free.between,
    )


def stack_lags(x: Array, lags: int) -> Array:
    """Each sample with those before it, newest first: (time, streams, channels * (lags + 1)).

    Before the first sample everything is 0.
    """
    steps = len(x)
    padded = np.concatenate([np.zeros((lags, *x.shape[1:]), x.dtype), x])
    return np.concatenate([padded[lags - k : lags - k + steps] for k in range(lags + 1)], axis=2)


def _fit_forced(x: Array, y: Array, config: FeedbackSearch) -> OutputFeedbackFit:
    """From the given earlier outputs, then a polish over the free run."""
    data = _scaled(x, y, config)
    rng = np.random.default_rng(config.seed)
    search = MapSearch(config.units, config.starts)
    f, one_step, starts = search.fit(data.features, data.flat, data.one_step_floor, rng)
    standard, first = _polished(_recurrence(f, config.output_lags), data)
    residual = free_run(standard, data.x, first)[0] - data.y
    raw = attrs.evolve(
        standard,
        f=in_raw_units(standard.f, data.centre, data.scale, data.y_centre, data.y_scale),
    )
    stacked = stack_lags(np.asarray(x, np.float64), config.input_lags)
    raw_first = first * data.scale[-raw.size :] + data.centre[-raw.size :]
    model, start = rounded(raw, stacked, lambda out: rms(out - y) ** 2, raw_first)
    after = free_run(model, stacked, start)[0] - y
    free, left = rms(after), rms(after / data.y_scale)
    status = _status(one_step, residual, data)
    if left <= EXACT * data.floor:  # whole numbers are better than near ones
        status = Status.EXACT
    elif status is Status.EXACT and left > ROUNDED * data.floor:
        status = Status.UNSTABLE
    if 3 * f.pack().size > data.flat.size:
        status = Status.TOO_FEW
    scale = rms(data.y_scale)
    return OutputFeedbackFit(model, start, raw, config, status, one_step * scale, free, starts)


@attrs.frozen(eq=False)
class _Scaled:
    """The data with mean 0 and standard deviation 1 in each channel.

    Attributes:
        x: the inputs with their lags, shape (time, streams, lagged inputs).
        y: shape (time, streams, outputs).
        features: x and the earlier outputs, shape (pairs, features); where there are enough
            samples, without those whose earlier outputs or inputs are not known.
        flat: the outputs that belong to them, shape (pairs, outputs).
        starts: states that streams may start with, each of shape (1, state): all outputs before
            were 0, or as the first one.
        centre, scale: of the features, in raw units.
        floor: rms of what rounding the outputs to float32 brings.
    """

    x: Array
    y: Array
    features: Array
    flat: Array
    starts: tuple[Array, ...]
    centre: Vector
    scale: Vector
    floor: float

    @property
    def one_step_floor(self) -> float:
        """The same where the earlier outputs are rounded as well."""
        return float(np.sqrt(2.0)) * self.floor

    @property
    def y_centre(self) -> Vector:
        return self.centre[self.x.shape[2] :][: self.y.shape[2]]

    @property
    def y_scale(self) -> Vector:
        return self.scale[self.x.shape[2] :][: self.y.shape[2]]


def _scaled(x: Array, y: Array, config: FeedbackSearch) -> _Scaled:
    lags = config.output_lags
    x = stack_lags(np.asarray(x, np.float64), config.input_lags)
    y = np.asarray(y, np.float64)
    (x_centre, x_scale), (y_centre, y_scale) = _spread(x), _spread(y)
    earlier = stack_lags(y, lags)[:, :, y.shape[2] :]
    centre = np.concatenate([x_centre, np.tile(y_centre, lags)])
    scale = np.concatenate([x_scale, np.tile(y_scale, lags)])
    features = np.concatenate([x, earlier], axis=2)
    unknown = max(lags, config.input_lags)
    known = slice(unknown if len(y) > 10 * unknown else 0, None)
    standard = (y - y_centre) / y_scale
    starts = (-y_centre / y_scale, standard[0].mean(axis=0))
    return _Scaled(
        (x - x_centre) / x_scale,
        standard,
        ((features - centre) / scale)[known].reshape(-1, centre.size),
        standard[known].reshape(-1, y.shape[2]),
        tuple(np.tile(start, lags)[None] for start in starts),
        centre,
        scale,
        float32_floor(y, y_scale),
    )


def _spread(values: Array) -> tuple[Vector, Vector]:
    """Mean and standard deviation of each channel; the latter 1 where a channel is constant."""
    flat = values.reshape(-1, values.shape[2])
    centre, scale = flat.mean(axis=0), flat.std(axis=0)
    return centre, np.where(scale > 1e-12 * np.abs(flat).max(axis=0), scale, 1.0)


def _recurrence(f: HiddenLayerMap, lags: int) -> Recurrence:
    return Recurrence(f, np.eye(f.outputs, f.outputs * lags), np.zeros(f.outputs))


def _polished(model: Recurrence, data: _Scaled) -> tuple[Recurrence, Array]:
    """The last digits, from errors that have added up over the free run, and the start.

    The start of rest is kept unless another one explains the samples far better: often one
    stream does not tell where it started.
    """
    free = np.ones(model.pack().size, bool)
    free[model.f.pack().size :] = False
    best, found = np.inf, (model, data.starts[0])
    for free_start in (False, True):
        for start in data.starts:
            problem = FreeRun(data.x, data.y, start, model, free, free_start, bound=1e3)
            stop = Stop(iterations=30, patience=3, gain=0.02, damping=1e-6)
            end = minimise(problem, problem.numbers(), stop)
            error = float(np.sqrt(end.cost))
            if error < (0.5 * best if np.isfinite(best) else np.inf):
                best, found = error, problem.model(end.theta)
            if best <= EXACT * data.floor:
                return found
    return found


def _status(one_step: float, residual: Array, data: _Scaled) -> Status:
    """How the fit in float64 ended, by its one-step error and the residual of its free run."""
    free = rms(residual)
    if free <= EXACT * data.floor:
        return Status.EXACT
    if free < 0.5 and is_white(residual):
        return Status.NOISE
    if one_step > 100.0 * data.one_step_floor:
        return Status.NO_FUNCTION
    return Status.CLOSE if free < CLOSE else Status.UNSTABLE
