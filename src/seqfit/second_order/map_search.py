"""The simplest hidden-layer map from features to outputs, from random starts."""

from __future__ import annotations

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.second_order.levenberg_marquardt import Stop, minimise
from seqfit.second_order.maps import Array, HiddenLayerMap, linear_map
from seqfit.second_order.margins import with_margins
from seqfit.second_order.simplify import Tolerance, simplify
from seqfit.second_order.teacher_forced import Pairs, with_best_linear


@attrs.frozen
class MapSearch:
    """How to search.

    Attributes:
        units: hidden units to start with.
        starts: most random starts.
        subset: pairs that the starts are fitted to; the best is fitted to all.
        tanh: whether the units are tanh; they are ReLU otherwise.
    """

    units: int = 8
    starts: int = 20
    subset: int = 4000
    tanh: bool = False

    def fit(
        self, p: Array, y: Array, floor: float, rng: np.random.Generator
    ) -> tuple[HiddenLayerMap, float, int]:
        """The simplest map found.

        Args:
            p: features, about standardised, shape (pairs, features).
            y: outputs, shape (pairs, outputs).
            floor: an rms error that is as good as none.
            rng: for the starts.

        Returns:
            The map, its rms error and the number of starts.
        """
        start = linear_map(np.zeros(y.shape[1]), np.zeros((y.shape[1], p.shape[1])), self.tanh)
        skip = with_best_linear(start, p, y)
        rest = y - skip(p)
        scale = float(np.sqrt(np.square(rest).mean())) if rest.size else 0.0
        if scale <= 2.0 * floor or len(p) <= p.shape[1] + 1:
            return skip, scale, 0
        rest = rest / scale  # what is left for the hidden units, at their scale
        floor = floor / scale
        f, error, used = self._best_start(p, rest, floor, rng)

        def refit(g: HiddenLayerMap, enough: float) -> tuple[HiddenLayerMap, float]:
            return _fit(g, p, rest, Stop(iterations=80, cost=enough**2, give_up=True))

        f, error = simplify(f, error, p, rest, refit, Tolerance(1.5 * floor))
        f, error = _fit(f, p, rest, Stop(iterations=50))
        f = with_margins(f, p, rest, floor)
        whole = attrs.evolve(
            f,
            constant=f.constant * scale + skip.constant,
            linear=f.linear * scale + skip.linear,
            output=f.output * scale,
        )
        return whole, error * scale, used

    def _best_start(
        self, p: Array, rest: Array, floor: float, rng: np.random.Generator
    ) -> tuple[HiddenLayerMap, float, int]:
        """The best of the starts on a subset, fitted to all pairs.

        Where it is still wrong on some, these join the subset and the starts go on from it.
        """
        f = linear_map(np.zeros(rest.shape[1]), np.zeros((rest.shape[1], p.shape[1])), self.tanh)
        stop, good = Stop(cost=floor**2), max(3.0 * floor, 1e-9)
        some, used = _worst_and_random(rest, self.subset, rng), 0
        while True:
            f, more = self._starts_from(f, p[some], rest[some], good, stop, self.starts - used, rng)
            f, error = _fit(f, p, rest, stop)
            used += more
            if error <= good or used >= self.starts or len(some) == len(p):
                return f, error, used
            some = np.union1d(some, _worst_and_random(rest - f(p), self.subset, rng))

    def _starts_from(
        self,
        best: HiddenLayerMap,
        p: Array,
        rest: Array,
        good: float,
        stop: Stop,
        starts: int,
        rng: np.random.Generator,
    ) -> tuple[HiddenLayerMap, int]:
        """The best of new starts, random ones and extensions of the best so far in turn."""
        best_error = float(np.sqrt(np.square(best(p) - rest).mean()))
        for used in range(1, starts + 1):
            f = self._extended(best, p, rest, rng) if best.units and used % 2 == 0 else None
            f, error = _fit(f or self._random_start(p, rest, rng), p, rest, stop)
            if error < best_error:
                best, best_error = f, error
            if best_error <= good:
                return best, used
        return best, starts

    def _extended(
        self, f: HiddenLayerMap, p: Array, rest: Array, rng: np.random.Generator
    ) -> HiddenLayerMap:
        """The map with its less useful half of the units exchanged for new ones.

        The new ones have their kinks where the map is wrong: a bend that few samples reach is
        found after those that many do.
        """
        use = f.activations(p).std(axis=0) * np.abs(f.output).max(axis=0)
        keep = np.argsort(use)[self.units // 2 :]
        new = attrs.evolve(self, units=self.units - len(keep))._random_start(p, rest - f(p), rng)
        return attrs.evolve(
            f,
            output=np.column_stack([f.output[:, keep], 0.1 * new.output]),
            hidden=np.concatenate([f.hidden[keep], new.hidden]),
            bias=np.concatenate([f.bias[keep], new.bias]),
        )

    def _random_start(self, p: Array, rest: Array, rng: np.random.Generator) -> HiddenLayerMap:
        """Small units of random direction whose kinks pass through samples.

        Half of these are picked at random, half in proportion to the squares of `rest`.
        """
        features, outputs = p.shape[1], rest.shape[1]
        hidden = rng.normal(size=(self.units, features))
        hidden /= np.linalg.norm(hidden, axis=1, keepdims=True)
        weight = np.square(rest).sum(axis=1)
        total = float(weight.sum())
        wrong = rng.choice(len(p), size=self.units, p=weight / total if total > 0.0 else None)
        anywhere = rng.integers(len(p), size=self.units)
        through = p[np.where(np.arange(self.units) % 2, wrong, anywhere)]
        return HiddenLayerMap(
            np.zeros(outputs),
            np.zeros((outputs, features)),
            0.1 * rng.normal(size=(outputs, self.units)),
            hidden,
            -np.einsum("hf,hf->h", hidden, through),
            self.tanh,
        )


def _fit(f: HiddenLayerMap, p: Array, y: Array, stop: Stop) -> tuple[HiddenLayerMap, float]:
    end = minimise(Pairs(p, y, f), f.pack(), stop)
    return f.unpack(end.theta), float(np.sqrt(end.cost))


def _worst_and_random(rest: Array, size: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Indices of pairs: half those with the largest rest, half at random."""
    if len(rest) <= size:
        return np.arange(len(rest))
    worst = np.argpartition(np.square(rest).sum(axis=1), -size // 2)[-size // 2 :]
    return np.unique(np.concatenate([worst, rng.choice(len(rest), size // 2, replace=False)]))
