"""Hysteresis as a superposition of plays, and of relays."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled
from seqfit.states import State
from seqfit.targets.base import Array, Target
from seqfit.targets.memory import Memory
from seqfit.targets.recursion import each_channel
from seqfit.validators import (
    above,
    as_rows,
    as_tuple,
    finite,
    is_finite,
    is_int,
    must,
    one_for_each,
    require_positive,
)


def _positive_numbers(_target: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, tuple) or not value or not all(is_finite(v) and v > 0 for v in value):
        raise ValueError(
            f"{attribute.name} must be a list of one or more positive, finite numbers, "
            f"got {value!r}"
        )


@final
@attrs.frozen
class PrandtlIshlinskii(Target):
    """A weighted sum of plays, ``y[t] = linear x[t] + sum_i weights[i] p_i[t]``.

    p_i is the output of ``Play(widths[i])``, from 0. Each input channel by itself.

    References:
        Prandtl (1928), "Ein Gedankenmodell zur kinetischen Theorie der festen Körper", ZAMM 8;
        Ishlinskii (1944); Brokate and Sprekels (1996), "Hysteresis and phase transitions",
        chapter 2.

    Attributes:
        widths: of the plays.
        weights: of the plays, one for each.
        linear: weight of the input itself.
    """

    widths: tuple[float, ...] = attrs.field(
        default=(0.1, 0.2, 0.4, 0.8), converter=as_tuple, validator=_positive_numbers
    )
    weights: tuple[float, ...] = attrs.field(
        default=(0.25, 0.25, 0.25, 0.25), converter=as_tuple, validator=one_for_each("widths")
    )
    linear: float = attrs.field(default=0.0, validator=finite)

    def start(self, streams: int) -> State:
        return np.zeros((len(self.widths), streams, 1))

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        reaches = np.array(self.widths) / 2
        weights = np.array(self.weights, dtype=np.float64)
        return each_channel(self, _plays, x, state, reaches, weights, self.linear)

    @property
    def memory(self) -> Memory:
        return Memory.INFINITE

    @property
    def output_determines_state(self) -> bool:
        return self.linear == 0 and len(self.weights) == 1 and self.weights[0] != 0


def _rows_of_a_triangle(relays: Preisach, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is None:
        return
    fits = isinstance(value, tuple) and len(value) == relays.levels
    for number, row in enumerate(value if fits else ()):
        fits = fits and isinstance(row, tuple) and len(row) == number + 1
        fits = fits and all(map(is_finite, row))
    if not fits:
        shown = repr(value)
        raise ValueError(
            f"{attribute.name} must have levels={relays.levels} rows of 1, 2, ..., {relays.levels} "
            f"finite numbers, got {shown if len(shown) < 60 else shown[:57] + '...'}"
        )


@final
@attrs.frozen
class Preisach(Target):
    """A weighted sum of relays, ``y[t] = sum_ij weights[i][j] r_ij[t]`` over a triangular grid.

    The thresholds are ``c_i = low + (high - low) (i + 1/2) / levels``. Relay r_ij, for j <= i, is 1
    once the input has been above c_i, -1 once it has been below c_j, else as it was; -1 before the
    first sample. Each input channel by itself.

    Which relays are on is told by the alternating extrema of the input that no later one has wiped
    out. They are all that is kept, beside a table of the relays' sums over triangles, so a sample
    costs a search among the thresholds and, on average, a constant number of steps.

    References:
        Preisach (1935), "Über die magnetische Nachwirkung", Zeitschrift für Physik 94; Mayergoyz
        (2003), "Mathematical models of hysteresis and their applications", sections 1.2 and 1.3.

    Attributes:
        levels: number of thresholds, from 1 to 1000.
        low: where the lowest threshold's share of the input's range begins.
        high: where the highest threshold's share ends.
        weights: row i holds those of the relays that are switched on above c_i, by the number j of
            the threshold below which they are switched off, from 0 to i; all equal, with the sum
            1, where None.
    """

    levels: int = attrs.field(
        default=40, validator=must("an int from 1 to 1000", lambda v: is_int(v) and 1 <= v <= 1000)
    )
    low: float = attrs.field(default=0.0, validator=finite)
    high: float = attrs.field(default=1.0, validator=above("low"))
    weights: tuple[tuple[float, ...], ...] | None = attrs.field(
        default=None,
        converter=as_rows,
        validator=_rows_of_a_triangle,
    )
    _thresholds: npt.NDArray[np.float64] = attrs.field(init=False, eq=False, repr=False)
    _triangles: npt.NDArray[np.float64] = attrs.field(init=False, eq=False, repr=False)
    _reach: float = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        grid = _grid(self.levels, self.weights)
        shares = (np.arange(self.levels) + 0.5) / self.levels
        object.__setattr__(self, "_thresholds", self.low + (self.high - self.low) * shares)
        object.__setattr__(self, "_triangles", _triangle_sums(grid))
        object.__setattr__(self, "_reach", float(np.abs(grid).sum()))

    @classmethod
    def gaussian(
        cls,
        levels: int = 40,
        low: float = 0.0,
        high: float = 1.0,
        coercivity: float = 0.2,
        spread: float = 0.1,
    ) -> Preisach:
        """Weights of a Gaussian density of relays, with the sum 1.

        Args:
            levels: number of thresholds.
            low: as of the target.
            high: as of the target.
            coercivity: half the distance of the two thresholds of the densest relays.
            spread: standard deviation of half the distance of a relay's thresholds, and of their
                middle, which lies around that of `low` and `high`.

        Raises:
            ValueError: an argument is out of its range.
        """
        even = cls(levels, low, high)  # checks these
        if not is_finite(coercivity):
            raise ValueError(f"coercivity must be a finite number, got {coercivity!r}")
        require_positive("spread", spread)
        on, off = even._thresholds[:, None], even._thresholds[None, :]
        far = ((on - off) / 2 - coercivity) ** 2 + ((on + off) / 2 - (low + high) / 2) ** 2
        least = far[np.tril_indices(levels)].min()  # so that the densest relay's weight is 1
        grid = np.tril(np.exp((least - far) / (2 * spread**2)))
        rows = (grid / grid.sum()).tolist()
        return cls(levels, low, high, [row[: i + 1] for i, row in enumerate(rows)])

    def start(self, streams: int) -> State:
        return np.zeros((3 + 3 * (self.levels // 2 + 1), streams, 1))

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        return each_channel(self, _relays, x, state, self._thresholds, self._triangles, self._reach)

    @property
    def bounds(self) -> tuple[float, float]:
        return -self._reach, self._reach

    @property
    def memory(self) -> Memory:
        return Memory.INFINITE

    @property
    def output_determines_state(self) -> bool:
        return self.levels == 1 and self._reach > 0


def _grid(levels: int, weights: tuple[tuple[float, ...], ...] | None) -> npt.NDArray[np.float64]:
    """The weights as a lower triangular matrix."""
    grid = np.zeros((levels, levels))
    grid[np.tril_indices(levels)] = (
        2 / (levels * (levels + 1)) if weights is None else np.concatenate(weights)
    )
    return grid


def _triangle_sums(grid: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Sums over ``m <= j <= i < M``, at place [M, m]."""
    levels = len(grid)
    sums = np.zeros((levels + 1, levels + 1))
    sums[1:, :levels] = np.cumsum(np.cumsum(grid[:, ::-1], axis=1)[:, ::-1], axis=0)
    return sums


@compiled
def _plays(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    last: npt.NDArray[np.float64],
    reaches: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
    linear: float,
) -> None:
    for t in range(x.shape[0]):
        for line in range(x.shape[1]):
            total = linear * x[t, line]
            for i in range(len(reaches)):
                low, high = x[t, line] - reaches[i], x[t, line] + reaches[i]
                last[i, line] = min(max(last[i, line], low), high)
                total += weights[i] * last[i, line]
            y[t, line] = total


@compiled
def _relays(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    state: npt.NDArray[np.float64],
    thresholds: npt.NDArray[np.float64],
    triangles: npt.NDArray[np.float64],
    reach: float,
) -> None:
    # Inputs count as the number of thresholds below them. Since its last minimum that counts, the
    # input has risen to `top` and then fallen to `here`. Before that come `depth` pairs of a
    # maximum and a later minimum, each pair within the one before; `past` is the output at the
    # end of a pair. Relays with i < M and j >= m are on due to a rise from m to M.
    room = (state.shape[0] - 3) // 3
    maxima, minima, past = state[3 : 3 + room], state[3 + room : 3 + 2 * room], state[-room:]
    lowest = -triangles[-1, 0]
    for t in range(x.shape[0]):
        for line in range(x.shape[1]):
            depth, top, here = int(state[0, line]), int(state[1, line]), int(state[2, line])
            value = x[t, line]
            first, end = 0, len(thresholds)
            while first < end:
                middle = (first + end) // 2
                if thresholds[middle] < value:
                    first = middle + 1
                else:
                    end = middle
            up = down = first  # `up` relays' thresholds are passed rising, all from `down` falling
            if first < len(thresholds) and thresholds[first] == value:
                down = first + 1
            base = minima[depth - 1, line] if depth else 0.0
            from_here = past[depth - 1, line] if depth else lowest
            if up > here:
                if here < top and up < top:
                    rise = triangles[top, int(base)] - triangles[top, here]
                    maxima[depth, line] = top
                    minima[depth, line] = here
                    past[depth, line] = from_here + 2.0 * rise
                    depth += 1
                else:
                    while depth and up >= maxima[depth - 1, line]:
                        depth -= 1
                top = here = up
            elif down < here:
                here = down
                while depth and here <= minima[depth - 1, line]:
                    top = int(maxima[depth - 1, line])
                    depth -= 1
            base = minima[depth - 1, line] if depth else 0.0
            from_here = past[depth - 1, line] if depth else lowest
            risen = triangles[top, int(base)] - triangles[top, here]
            state[0, line], state[1, line], state[2, line] = depth, top, here
            y[t, line] = min(max(from_here + 2.0 * risen, -reach), reach)
