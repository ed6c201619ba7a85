"""Fewer hidden units for the same function, as far as the data can tell."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import attrs
import numpy as np

from seqfit.second_order.maps import Array, HiddenLayerMap, without_unit
from seqfit.second_order.teacher_forced import with_best_linear

Refit = Callable[[HiddenLayerMap, float], tuple[HiddenLayerMap, float]]
"""From a map and a sufficient rms error to the map fitted again and its rms error."""


@attrs.frozen
class Tolerance:
    """Which loss of accuracy a simpler map may bring.

    Attributes:
        floor: an rms error that is as good as none.
        ratio: otherwise, so many times the error so far.
        tries: how many of the most promising simpler maps are fitted again.
    """

    floor: float = 0.0
    ratio: float = 1.3
    tries: int = 4

    def limit(self, error: float) -> float:
        """The largest rms error that is accepted in place of `error`."""
        return max(self.ratio * error, self.floor)


def simplify(
    f: HiddenLayerMap, error: float, p: Array, y: Array, refit: Refit, tolerance: Tolerance
) -> tuple[HiddenLayerMap, float]:
    """Remove hidden units, or merge two into one, as long as a new fit makes up for it.

    Nets that fit their data to rounding still hide pairs of nearly coincident kinks, with slivers
    between them that no sample hit: harmless on the data, wrong by any amount off it.

    Args:
        f: a fitted map.
        error: its rms error.
        p: the features on which candidates are compared, shape (samples, features); about
            standardised.
        y: what the map should give there, shape (samples, outputs).
        refit: fits a simpler map again.
        tolerance: what is accepted.

    Returns:
        The map and its rms error.
    """
    best = error
    while f.units:
        limit = tolerance.limit(best)
        for candidate in _cheapest(_simpler(f), p, y, tolerance.tries):
            fitted, fitted_error = refit(candidate, limit)
            if fitted_error <= limit:
                f, error, best = fitted, fitted_error, min(best, fitted_error)
                break
        else:
            break
    return f, error


def _simpler(f: HiddenLayerMap) -> list[HiddenLayerMap]:
    """Maps with one unit less."""
    removed = [without_unit(f, i) for i in range(f.units)]
    return removed + [m for i, j in combinations(range(f.units), 2) if (m := _merged(f, i, j))]


def _merged(f: HiddenLayerMap, i: int, j: int) -> HiddenLayerMap | None:
    """Units i and j at the mean of their kinks, if these are nearly parallel."""
    plane = np.column_stack([f.hidden, f.bias])[[i, j]]  # (2, features + 1)
    length = np.linalg.norm(f.hidden[[i, j]], axis=1)
    if not length.all():
        return None
    plane /= length[:, None]
    cosine = plane[0, :-1] @ plane[1, :-1]
    if abs(cosine) < 0.9:
        return None
    weight = np.abs(f.output[:, [i, j]]).max(axis=0) * length
    mean = weight[0] * plane[0] + np.sign(cosine) * weight[1] * plane[1]
    mean /= max(np.linalg.norm(mean[:-1]), 1e-300)
    hidden, bias = f.hidden.copy(), f.bias.copy()
    hidden[i], bias[i] = mean[:-1], mean[-1]
    return without_unit(attrs.evolve(f, hidden=hidden, bias=bias), j)


def _cheapest(
    candidates: list[HiddenLayerMap], p: Array, y: Array, count: int
) -> list[HiddenLayerMap]:
    """The candidates that fit best with nothing but their linear weights fitted again."""
    fitted = [with_best_linear(c, p, y) for c in candidates]
    errors = [float(np.square(c(p) - y).mean()) for c in fitted]
    return [fitted[k] for k in np.argsort(errors)[:count]]
