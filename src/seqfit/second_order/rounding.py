"""From a float64 model to one that runs in float32 and drifts as little as it can."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import attrs
import numpy as np

from seqfit.second_order.maps import Array, Vector, flipped, with_unit_outputs
from seqfit.second_order.recurrence import Recurrence, free_run

_WAYS = 64  # of writing the model that are tried


def rounded(
    model: Recurrence, x: Array, loss: Callable[[Array], float], state: Array
) -> tuple[Recurrence, Array]:
    """The float32 model, among equal ones, whose free run is best, and its first state.

    Equal models round differently: as ``relu(z) = z + relu(-z)``, each unit can be turned; the
    state can be counted from the middle of its range, where float32 is finer; at last single
    numbers move to their float32 neighbours.

    Args:
        model: in float64.
        x: inputs, shape (time, streams, inputs).
        loss: of the outputs of a free run, shape (time, streams, outputs).
        state: where the streams start, shape (1, state).
    """
    x = np.ascontiguousarray(x, np.float32)

    def error(candidate: Recurrence, start: Array) -> float:
        return loss(free_run(candidate, x, start)[0])

    best: tuple[float, Recurrence, Array] = (np.inf, model.astype(np.float32), state)
    for middle in _middles(model, x, state):
        start = state - middle
        for way in _ways(recentred(model, middle)):
            candidate = way.astype(np.float32)
            value = error(candidate, start)
            if value < best[0]:
                best = value, candidate, start
    value, chosen, first = best
    return _neighbours(chosen, value, lambda c: error(c, first)), first


def recentred(model: Recurrence, middle: Vector) -> Recurrence:
    """The same with a state that is counted from `middle`, shape (state,)."""
    f = model.f
    inputs, new = f.features - model.size, f.outputs
    return Recurrence(
        attrs.evolve(
            f,
            constant=f.constant + f.linear[:, inputs:] @ middle - middle[:new],
            bias=f.bias + f.hidden[:, inputs:] @ middle,
        ),
        model.readout,
        model.shift + model.readout @ middle,
    )


def _middles(model: Recurrence, x: Array, state: Array) -> list[Vector]:
    """Places to count the state from: 0, and the middle of its range."""
    origin = np.zeros(model.size)
    new = model.f.outputs
    seen = attrs.evolve(model, readout=np.eye(new, model.size), shift=np.zeros(new))
    path = free_run(seen, x[:20000], state)[0]
    if not np.isfinite(path).all() or not len(path):
        return [origin]
    middle = 0.5 * (path.min(axis=(0, 1)) + path.max(axis=(0, 1)))
    return [origin, np.tile(middle.astype(np.float32), model.size // new).astype(np.float64)]


def _ways(model: Recurrence) -> list[Recurrence]:
    """The model with its ReLU units turned in all ways, or the first few where there are many."""
    if model.f.tanh:
        return [model]
    model = attrs.evolve(model, f=with_unit_outputs(model.f))
    turns = itertools.product([False, True], repeat=model.f.units)
    return [
        attrs.evolve(model, f=flipped(model.f, np.array(turn, bool)))
        for turn in itertools.islice(turns, _WAYS)
    ]


def _neighbours(
    model: Recurrence, value: float, error: Callable[[Recurrence], float]
) -> Recurrence:
    """Move one number at a time by one unit in the last place, as long as it helps."""
    packed = model.pack()
    for _ in range(4):
        before = value
        for i in np.flatnonzero(packed):
            for towards in (-np.inf, np.inf):
                trial = packed.copy()
                trial[i] = np.nextafter(np.float32(packed[i]), np.float32(towards))
                trial_value = error(model.unpack(trial).astype(np.float32))
                if trial_value < value:
                    packed, value = trial, trial_value
        if value > 0.99 * before:
            break
    return model.unpack(packed).astype(np.float32)


def float32_floor(y: Array, scale: Vector) -> float:
    """Rms of what rounding an output to float32 brings, in units of `scale` (outputs,)."""
    step = np.spacing(np.abs(y).astype(np.float32)).astype(np.float64) / scale
    return float(np.sqrt(np.square(step).mean() / 12.0))
