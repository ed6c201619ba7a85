"""Fits of a small state-space model by its free run alone: no true state or output is fed in."""

from __future__ import annotations

import attrs
import numpy as np

from seqfit.second_order.free_run_error import FreeRun
from seqfit.second_order.levenberg_marquardt import Stop, minimise
from seqfit.second_order.map_search import MapSearch
from seqfit.second_order.maps import Array, HiddenLayerMap, Vector, in_raw_units
from seqfit.second_order.outcome import EXACT, Status, is_white, require_streams, rms
from seqfit.second_order.recurrence import Recurrence, free_run
from seqfit.second_order.rounding import float32_floor, rounded
from seqfit.second_order.simplify import Tolerance, simplify


@attrs.frozen
class StateSpaceSearch:
    """How to fit ``s = A s + B x + c + V act(W s + U x + b)``, ``y = C s + e``.

    Attributes:
        sizes: state sizes to try, in this order.
        units: hidden units to start with.
        starts: most random starts for each size.
        tanh: whether the units are tanh; they are ReLU otherwise.
        seed: of the random starts.
    """

    sizes: tuple[int, ...] = (1, 2, 3)
    units: int = 8
    starts: int = 30
    tanh: bool = False
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
    """

    model: Recurrence
    start: Array
    exact_model: Recurrence
    status: Status
    free: float
    starts: int

    def run(self, x: Array) -> Array:
        """Free run from the start: x (time, streams, inputs) to y (time, streams, outputs)."""
        return free_run(self.model, x, np.repeat(self.start, x.shape[1], axis=0))[0]


def fit_state_space(
    x: Array, y: Array, config: StateSpaceSearch = StateSpaceSearch()
) -> StateSpaceFit:
    """Fit streams that start from rest (y is 0 before the first sample).

    Args:
        x: inputs, shape (time, streams, inputs).
        y: outputs, shape (time, streams, outputs); noise on them does not bias the fit.
        config: how.
    """
    require_streams(x, y)
    data = _scaled(x, y)
    best, used = _search(data, config, np.random.default_rng(config.seed))
    raw = _raw(best.model, data)
    model, start = rounded(raw, x, y, np.repeat(best.start, x.shape[1], axis=0))
    free = rms(free_run(model, x, start)[0] - y)
    if 3 * best.model.pack().size > y.size:
        status = Status.TOO_FEW
    elif best.error <= EXACT * data.floor:
        status = Status.EXACT
    elif best.noise:
        status = Status.NOISE
    else:
        status = Status.CLOSE
    return StateSpaceFit(model, start[:1], raw, status, free, used)


def _search(
    data: _Scaled, config: StateSpaceSearch, rng: np.random.Generator
) -> tuple[_Found, int]:
    """The best model found, simplest sizes first, and the number of starts."""
    best, used, confirmed = _constant(data), 0, 0
    if best.error <= data.floor or len(data.x) < 2:
        return best, used
    for size, units, starts in _plan(config):
        for _ in range(starts):
            used += 1
            found = _climb(_random_model(data, size, units, config.tanh, rng), data)
            if found is None or not (found.error <= _PROMISING or found.noise):
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


_PROMISING = 1e-2  # rms error, as a share of the range of y, from which finishing is worth it
_SHORT, _LONGER = 500, 2000  # samples of each stream that the starts are fitted to
_LOST = 1e4  # runs whose values pass this are given up


@attrs.frozen(eq=False)
class _Scaled:
    """Inputs with the mean and spread of U(0, 1), outputs within [0, 1].

    Attributes:
        x: shape (time, streams, inputs).
        y: shape (time, streams, outputs).
        x_centre, x_scale, y_centre, y_scale: from there to the raw ones.
        floor: rms of what rounding `y` to float32 brings.
    """

    x: Array
    y: Array
    x_centre: Vector
    x_scale: Vector
    y_centre: Vector
    y_scale: Vector
    floor: float

    @property
    def rest(self) -> float:
        """The mean over the outputs of a raw 0."""
        return float((-self.y_centre / self.y_scale).mean())


def _scaled(x: Array, y: Array) -> _Scaled:
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    spread = x.std(axis=(0, 1)) * np.sqrt(12.0)
    x_scale = np.where(spread > 1e-12 * np.abs(x).max(axis=(0, 1)), spread, 1.0)
    x_centre = x.mean(axis=(0, 1)) - 0.5 * x_scale
    low, high = y.min(axis=(0, 1)), y.max(axis=(0, 1))
    y_scale = np.where(high > low, high - low, 1.0)
    floor = float32_floor(y, y_scale)
    return _Scaled(
        (x - x_centre) / x_scale, (y - low) / y_scale, x_centre, x_scale, low, y_scale, floor
    )


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
    data: _Scaled, size: int, units: int, tanh: bool, rng: np.random.Generator
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
    return _Found(model, np.full((1, size), data.rest), np.inf)


def _decay(size: int, rng: np.random.Generator) -> Array:
    """A stable state matrix: numbers that decay, or, half of the time, pairs that also turn."""
    decay = np.diag(rng.uniform(0.7, 1.0, size))
    if rng.random() < 0.5:
        for j in range(0, size - 1, 2):
            turn = 10.0 ** rng.uniform(-2.0, 0.3)
            cos, sin = np.cos(turn), np.sin(turn)
            decay[j : j + 2, j : j + 2] = decay[j, j] * np.array([[cos, -sin], [sin, cos]])
    return decay


def _climb(start: _Found, data: _Scaled) -> _Found | None:
    """Fit a start to short stretches, then longer ones; None where it gets lost."""
    found = _fit(start, data, _SHORT, Stop(iterations=50, cost=data.floor**2))
    if not found.error <= 0.1:
        return None
    found = _fit(found, data, _LONGER, Stop(iterations=100, cost=data.floor**2))
    return found if np.isfinite(found.error) else None


def _fit(found: _Found, data: _Scaled, length: int | None, stop: Stop) -> _Found:
    problem = _free_run_of(found, data, length)
    end = minimise(problem, problem.start(), stop)
    model, error = problem.model(end.theta), float(np.sqrt(end.cost))
    if not np.isfinite(error):
        return _Found(model, found.start, np.inf)
    residual = free_run(model, problem.x, problem.state)[0] - problem.y
    return _Found(model, found.start, error, error > EXACT * data.floor and is_white(residual))


def _free_run_of(found: _Found, data: _Scaled, length: int | None) -> FreeRun:
    model = found.model
    free = np.ones(model.pack().size, bool)
    free[free.size - len(model.shift) :] = False  # the shift is one with the constant
    start = np.repeat(found.start, data.x.shape[1], axis=0)
    return FreeRun(data.x[:length], data.y[:length], start, model, free, bound=_LOST)


def _finish(
    found: _Found, data: _Scaled, config: StateSpaceSearch, rng: np.random.Generator
) -> _Found:
    """Fit to all samples, and learn the map anew from the states that the model itself visits.

    The free run alone leaves kinks that hide between each other; a new map from those states,
    from random starts and simplified, does not know them.
    """
    enough = Stop(iterations=60, patience=5, cost=data.floor**2)
    found = _fit(found, data, None, enough)
    for _ in range(4):
        if not np.isfinite(found.error):
            return found
        anew = _fit(_relearned(found, data, config, rng), data, None, enough)
        better = anew.error < 0.5 * found.error
        simpler = anew.model.f.units < found.model.f.units
        if better or (simpler and anew.error <= _limit(found, data)):
            found = anew
        if not better:
            break
    return _simplified(found, data) if found.noise else found


def _limit(found: _Found, data: _Scaled) -> float:
    """The rms error up to which a simpler model is preferred.

    Under noise, what the Bayesian information criterion grants for one hidden unit.
    """
    if not found.noise:
        return max(1.3 * found.error, 1.5 * data.floor)
    numbers = found.model.f.features + 1 + found.model.f.outputs
    return found.error * float(np.exp(0.5 * numbers * np.log(data.y.size) / data.y.size))


def _simplified(found: _Found, data: _Scaled) -> _Found:
    """The model with as few hidden units as the noise lets one tell."""
    features = _path(found, data)[: 10 * _LONGER]
    target = found.model.f(features)

    def refit(f: HiddenLayerMap, enough: float) -> tuple[HiddenLayerMap, float]:
        candidate = attrs.evolve(found, model=attrs.evolve(found.model, f=f))
        stop = Stop(iterations=25, patience=5, gain=0.002, cost=enough**2)
        problem = _free_run_of(candidate, data, None)
        end = minimise(problem, problem.start(), stop)
        fitted = problem.model(end.theta)
        readouts[id(fitted.f)] = fitted
        return fitted.f, float(np.sqrt(end.cost))

    readouts = {id(found.model.f): found.model}
    ratio = _limit(found, data) / found.error
    f, _ = simplify(found.model.f, found.error, features, target, refit, Tolerance(0.0, ratio))
    simpler = attrs.evolve(found, model=readouts[id(f)])
    return _fit(simpler, data, None, Stop(iterations=50, patience=5, gain=0.0002))


def _path(found: _Found, data: _Scaled) -> Array:
    """Inputs and state before each step of the model's own run: shape (samples, features)."""
    model = found.model
    size = model.size
    start = np.repeat(found.start, data.x.shape[1], axis=0)
    seen = attrs.evolve(model, readout=np.eye(size), shift=np.zeros(size))
    path = free_run(seen, data.x, start)[0]  # (time, streams, size)
    before = np.concatenate([start[None], path[:-1]])
    return np.concatenate([data.x, before], axis=2).reshape(-1, model.f.features)


def _relearned(
    found: _Found, data: _Scaled, config: StateSpaceSearch, rng: np.random.Generator
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


def _raw(model: Recurrence, data: _Scaled) -> Recurrence:
    """The model of the raw inputs and outputs."""
    size = model.size
    nothing, ones = np.zeros(size), np.ones(size)
    centre = np.concatenate([data.x_centre, nothing])
    scale = np.concatenate([data.x_scale, ones])
    return Recurrence(
        in_raw_units(model.f, centre, scale, nothing, ones),
        model.readout * data.y_scale[:, None],
        model.shift * data.y_scale + data.y_centre,
    )


def _constant(data: _Scaled) -> _Found:
    """The mean of the outputs, where nothing better was found."""
    inputs, outputs = data.x.shape[2], data.y.shape[2]
    f = HiddenLayerMap(
        np.zeros(1), np.zeros((1, inputs + 1)), np.zeros((1, 0)), np.zeros((0, inputs + 1)),
        np.zeros(0),
    )  # fmt: skip
    mean = data.y.mean(axis=(0, 1))
    error = float(np.sqrt(np.square(data.y - mean).mean()))
    return _Found(Recurrence(f, np.zeros((outputs, 1)), mean), np.zeros((1, 1)), error)
