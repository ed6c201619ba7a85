"""Fits of a small state-space model by its free run alone: no true state or output is fed in."""

from __future__ import annotations

import attrs
import numpy as np

from seqfit.second_order.free_run_error import FreeRun
from seqfit.second_order.levenberg_marquardt import Stop, minimise
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
from seqfit.second_order.residuals import Huber, TwoValues, robust_spread
from seqfit.second_order.rounding import rounded
from seqfit.second_order.scaled_streams import ScaledStreams, scaled_streams
from seqfit.second_order.simplify import Tolerance, simplify


@attrs.frozen
class StateSpaceSearch:
    """How to fit ``s = A s + B x + c + V act(W s + U x + b)``, ``y = C s + e``.

    Attributes:
        sizes: state sizes to try, in this order.
        units: hidden units to start with.
        starts: most random starts for each size.
        tanh: whether the units are tanh; they are ReLU otherwise.
        robust: whether outliers among the outputs are to pull no harder than others.
        seed: of the random starts.
    """

    sizes: tuple[int, ...] = (1, 2, 3)
    units: int = 8
    starts: int = 30
    tanh: bool = False
    robust: bool = False
    seed: int = 0


@attrs.frozen(eq=False)
class StateSpaceFit:
    """What came of it.

    Attributes:
        model: in float32.
        start: the state that a stream starts with, shape (1, state).
        exact_model: the same in float64.
        status: how it ended.
        free: rms error of the free run, float32, on the data of the fit.
        starts: random starts used.
        between: the two values that the outputs take, if they take no others; the model's own
            outputs are then the logits of the second one.
    """

    model: Recurrence
    start: Array
    exact_model: Recurrence
    status: Status
    free: float
    starts: int
    between: TwoValues | None = None

    def run(self, x: Array) -> Array:
        """Free run from the start: x (time, streams, inputs) to y (time, streams, outputs)."""
        y, _ = free_run(self.model, x, self.start)
        return y if self.between is None else self.between.mean(y)


def fit_state_space(
    x: Array, y: Array, config: StateSpaceSearch = StateSpaceSearch()
) -> StateSpaceFit:
    """Fit streams that all start alike, from a state that is found as well.

    Args:
        x: inputs, shape (time, streams, inputs).
        y: outputs, shape (time, streams, outputs); noise on them does not bias the fit.
        config: how.
    """
    require_streams(x, y)
    data = scaled_streams(x, y, config.robust)
    best, used = _search(data, config, np.random.default_rng(config.seed))
    raw = _raw(best.model, data)
    model, start = rounded(raw, x, lambda out: data.loss(data.outputs(out)), best.start)
    fit = StateSpaceFit(model, start, raw, Status.CLOSE, np.inf, used, data.between)
    out = fit.run(x)
    if data.between is None:
        left = rms((out - y) / data.y_scale)
        exact = best.error <= EXACT * data.floor and left <= ROUNDED * data.floor
    else:
        exact = bool((data.between.nearest(out) == y).all())
        if exact:
            fit = attrs.evolve(fit, model=_sharpened(model))
            out = fit.run(x)
    if 3 * best.model.pack().size > y.size:
        status = Status.TOO_FEW
    elif exact:
        status = Status.EXACT
    elif best.noise:
        status = Status.NOISE
    else:
        follows = rms(out - y) < CLOSE * rms(y - y.mean(axis=(0, 1)))
        status = Status.CLOSE if follows else Status.FAR
    return attrs.evolve(fit, status=status, free=rms(out - y))


def _sharpened(model: Recurrence) -> Recurrence:
    """The same decisions, with logits so large that the outputs are the two values themselves."""
    sharp = np.float32(_SHARP)
    return attrs.evolve(model, readout=sharp * model.readout, shift=sharp * model.shift)


def _search(
    data: ScaledStreams, config: StateSpaceSearch, rng: np.random.Generator
) -> tuple[_Found, int]:
    """The best model found, simplest sizes first, and the number of starts."""
    best, used, confirmed = _constant(data), 0, 0
    if best.error <= data.floor or len(data.x) < 2:
        return best, used
    for size, units, starts in _plan(config):
        for _ in range(starts):
            used += 1
            found = _climb(_random_model(data, size, units, config.tanh, rng), data)
            if found is None:
                continue
            if not (found.error <= data.promising or found.noise):
                if data.between is not None and found.error < best.error:
                    best = found
                continue
            found = _finish(found, data, config, rng)
            if found.noise and best.noise and abs(found.error - best.error) <= 0.02 * best.error:
                confirmed += 1
            if found.error < best.error:
                best = found
            if best.error <= EXACT * data.floor or confirmed:
                return best, used
        if best.noise:  # a larger model would do no better
            break
    return best, used


_SHORT, _LONGER = 500, 2000  # samples of each stream that the starts are fitted to
_LOST = 1e4  # runs whose values pass this are given up
_SHARP = 1e3
_HUBER = 1.345  # standard deviations; 95% as efficient as squares where there are no outliers


@attrs.frozen(eq=False)
class _Found:
    """A model of the scaled data.

    Attributes:
        model: in float64.
        start: where its streams start, shape (1, state).
        error: rms of its free run's residual.
        noise: whether the residual is white, so that no model would do better.
    """

    model: Recurrence
    start: Array
    error: float
    noise: bool = False


def _plan(config: StateSpaceSearch) -> list[tuple[int, int, int]]:
    """State size, hidden units and starts, simplest first."""
    linear = [(size, 0, 12) for size in config.sizes]
    return linear + [(size, config.units, config.starts) for size in config.sizes]


def _random_model(
    data: ScaledStreams, size: int, units: int, tanh: bool, rng: np.random.Generator
) -> _Found:
    """A stable state that decays slowly, and small hidden units."""
    inputs, outputs = data.x.shape[2], data.y.shape[2]
    linear = np.zeros((size, inputs + size))
    linear[:, :inputs] = 0.1 * rng.normal(size=(size, inputs))
    linear[:, inputs:] = _decay(size, rng)
    output = 0.01 * 10.0 ** rng.random((size, units)) * rng.choice([-1.0, 1.0], (size, units))
    f = HiddenLayerMap(
        0.02 * rng.normal(size=size),
        linear,
        output,
        rng.normal(size=(units, inputs + size)),
        0.5 * rng.normal(size=units),
        tanh,
    )
    model = Recurrence(f, np.full((outputs, size), 1.0 / size), np.zeros(outputs))
    return _Found(model, np.full((1, size), data.start(rng)), np.inf)


def _decay(size: int, rng: np.random.Generator) -> Array:
    """A stable state matrix: numbers that decay, or, half of the time, pairs that also turn."""
    decay = np.diag(rng.uniform(0.7, 1.0, size))
    if rng.random() < 0.5:
        for j in range(0, size - 1, 2):
            turn = 10.0 ** rng.uniform(-2.0, 0.3)
            cos, sin = np.cos(turn), np.sin(turn)
            decay[j : j + 2, j : j + 2] = decay[j, j] * np.array([[cos, -sin], [sin, cos]])
    return decay


def _climb(start: _Found, data: ScaledStreams) -> _Found | None:
    """Fit a start to short stretches, then longer ones; None where it gets lost."""
    if data.between is not None:
        return _climb_by_log_loss(start, data)
    found = _fit(start, data, _SHORT, Stop(iterations=50, cost=data.floor**2))
    if not found.error <= 0.1:
        return None
    found = _fit(found, data, _LONGER, Stop(iterations=100, cost=data.floor**2))
    return found if np.isfinite(found.error) else None


def _climb_by_log_loss(found: _Found, data: ScaledStreams) -> _Found | None:
    """The same for two-valued outputs.

    A short stretch can be told apart without an error, by ever larger logits, which the next
    stretch then proves wrong: so stop early, and go on with smaller ones.
    """
    for length, cost in ((_SHORT, 0.1), (_LONGER, 0.1), (None, 0.03)):
        stop = Stop(iterations=100, patience=10, gain=0.1, cost=cost**2)
        found = _fit(_cooled(found, data, length), data, length, stop)
        if not found.error <= 0.4:
            return None
    return found


def _cooled(found: _Found, data: ScaledStreams, length: int | None) -> _Found:
    """The model with its logits made smaller, as far as that lowers the loss."""
    candidates = [
        attrs.evolve(found, model=attrs.evolve(found.model, readout=share * found.model.readout))
        for share in (1.0, 0.3, 0.1, 0.03, 0.01)
    ]

    def cost(candidate: _Found) -> float:
        problem = _free_run_of(candidate, data, length)
        return problem.cost(problem.numbers())

    return min(candidates, key=cost)


def _fit(
    found: _Found, data: ScaledStreams, length: int | None, stop: Stop, free_start: bool = False
) -> _Found:
    problem = _free_run_of(found, data, length, free_start)
    end = minimise(problem, problem.numbers(), stop)
    (model, start), error = problem.model(end.theta), float(np.sqrt(end.cost))
    if not np.isfinite(error):
        return _Found(model, start, np.inf)
    if error <= EXACT * data.floor or data.between is not None:
        return _Found(model, start, error)
    return _Found(model, start, error, is_white(_residual(model, start, problem)))


def _residual(model: Recurrence, start: Array, problem: FreeRun) -> Array:
    return free_run(model, problem.x, start)[0] - problem.y


def _free_run_of(
    found: _Found, data: ScaledStreams, length: int | None, free_start: bool = False
) -> FreeRun:
    model = found.model
    free = np.ones(model.pack().size, bool)
    free[free.size - len(model.shift) :] = False  # the shift is one with the constant
    return FreeRun(
        data.x[:length],
        data.y[:length],
        found.start,
        model,
        free,
        free_start,
        data.residuals,
        bound=_LOST,
    )


def _finish(
    found: _Found, data: ScaledStreams, config: StateSpaceSearch, rng: np.random.Generator
) -> _Found:
    """Fit to all samples, and learn the map anew from the states that the model itself visits.

    The free run alone leaves kinks that hide between each other; a new map from those states,
    from random starts and simplified, does not know them.
    """
    found = _fit(found, data, None, _enough(data))
    for _ in range(3 if isinstance(data.residuals, Huber) else 0):
        data = _narrowed(found, data)
        found = _fit(found, data, None, _enough(data))
    found = _settled(found, data, config, rng)
    if found.error > EXACT * data.floor:
        # Last, and for a clear gain alone: often one stream does not tell where it started.
        moved = _fit(found, data, None, _enough(data), free_start=True)
        if moved.error < 0.5 * found.error:
            found = _settled(moved, data, config, rng)
    return _simplified(found, data) if found.noise else found


def _enough(data: ScaledStreams) -> Stop:
    return Stop(iterations=60, patience=5, cost=data.floor**2)


def _settled(
    found: _Found, data: ScaledStreams, config: StateSpaceSearch, rng: np.random.Generator
) -> _Found:
    """The model with a map learned anew, as long as that makes it better or simpler."""
    for _ in range(4):
        if not np.isfinite(found.error):
            return found
        anew = _fit(_relearned(found, data, config, rng), data, None, _enough(data))
        better = anew.error < 0.5 * found.error
        simpler = anew.model.f.units < found.model.f.units
        if better or (simpler and anew.error <= _limit(found, data)):
            found = anew
        if not better:
            break
    return found


def _narrowed(found: _Found, data: ScaledStreams) -> ScaledStreams:
    """The data with outliers told by the spread of the residuals so far."""
    spread = robust_spread(_residual(found.model, found.start, _free_run_of(found, data, None)))
    delta = max(_HUBER * spread, EXACT * data.floor)
    return attrs.evolve(data, residuals=Huber(delta))


def _limit(found: _Found, data: ScaledStreams) -> float:
    """The rms error up to which a simpler model is preferred.

    Under noise, what the Bayesian information criterion grants for one hidden unit.
    """
    if not found.noise:
        return max(1.3 * found.error, 1.5 * data.floor)
    numbers = found.model.f.features + 1 + found.model.f.outputs
    return found.error * float(np.exp(0.5 * numbers * np.log(data.y.size) / data.y.size))


def _simplified(found: _Found, data: ScaledStreams) -> _Found:
    """The model with as few hidden units as the noise lets one tell."""
    features = _path(found, data)[: 10 * _LONGER]
    target = found.model.f(features)

    def refit(f: HiddenLayerMap, enough: float) -> tuple[HiddenLayerMap, float]:
        candidate = attrs.evolve(found, model=attrs.evolve(found.model, f=f))
        stop = Stop(iterations=25, patience=5, gain=0.002, cost=enough**2)
        problem = _free_run_of(candidate, data, None)
        end = minimise(problem, problem.numbers(), stop)
        fitted, _ = problem.model(end.theta)
        readouts[id(fitted.f)] = fitted
        return fitted.f, float(np.sqrt(end.cost))

    readouts = {id(found.model.f): found.model}
    ratio = _limit(found, data) / found.error
    f, _ = simplify(found.model.f, found.error, features, target, refit, Tolerance(0.0, ratio))
    simpler = attrs.evolve(found, model=readouts[id(f)])
    return _fit(simpler, data, None, Stop(iterations=50, patience=5, gain=0.0002))


def _path(found: _Found, data: ScaledStreams) -> Array:
    """Inputs and state before each step of the model's own run: shape (samples, features)."""
    model = found.model
    size = model.size
    seen = attrs.evolve(model, readout=np.eye(size), shift=np.zeros(size))
    path = free_run(seen, data.x, found.start)[0]  # (time, streams, size)
    start = np.broadcast_to(found.start, path[:1].shape)
    before = np.concatenate([start, path[:-1]])
    return np.concatenate([data.x, before], axis=2).reshape(-1, model.f.features)


def _relearned(
    found: _Found, data: ScaledStreams, config: StateSpaceSearch, rng: np.random.Generator
) -> _Found:
    """The model with a map learned from the states on its own path."""
    model = found.model
    features = _path(found, data)
    centre, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 1e-12, scale, 1.0)
    of_state = slice(model.f.features - model.size, None)
    target = (model.f(features) - centre[of_state]) / scale[of_state]
    share = 0.1 if found.noise else 1.0  # the path itself is free of noise
    floor = max(share * found.error, data.floor) / float(scale[of_state].max())
    search = MapSearch(units=max(config.units, 1), tanh=config.tanh)
    f, _, _ = search.fit((features - centre) / scale, target, floor, rng)
    f = in_raw_units(f, centre, scale, centre[of_state], scale[of_state])
    return attrs.evolve(found, model=attrs.evolve(model, f=f), error=np.inf)


def _raw(model: Recurrence, data: ScaledStreams) -> Recurrence:
    """The model of the raw inputs and outputs."""
    size = model.size
    nothing, ones = np.zeros(size), np.ones(size)
    y_centre, y_scale = data.y_centre, data.y_scale
    if data.between is not None:  # logits have no units
        y_centre, y_scale = np.zeros_like(y_centre), np.ones_like(y_scale)
    centre = np.concatenate([data.x_centre, nothing])
    scale = np.concatenate([data.x_scale, ones])
    return Recurrence(
        in_raw_units(model.f, centre, scale, nothing, ones),
        model.readout * y_scale[:, None],
        model.shift * y_scale + y_centre,
    )


def _constant(data: ScaledStreams) -> _Found:
    """The best constant, where nothing better was found."""
    inputs, outputs = data.x.shape[2], data.y.shape[2]
    f = HiddenLayerMap(
        np.zeros(1), np.zeros((1, inputs + 1)), np.zeros((1, 0)), np.zeros((0, inputs + 1)),
        np.zeros(0),
    )  # fmt: skip
    mean = data.residuals.constant(data.y)
    error = float(np.sqrt(data.loss(np.broadcast_to(mean, data.y.shape))))
    return _Found(Recurrence(f, np.zeros((outputs, 1)), mean), np.zeros((1, 1)), error)
