"""Damped least squares (Levenberg-Marquardt) on normal equations that the problem accumulates."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Protocol, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

Vector: TypeAlias = npt.NDArray[np.float64]
Matrix: TypeAlias = npt.NDArray[np.float64]


class LeastSquares(Protocol):
    """A mean of squares, as a function of a parameter vector of shape (parameters,)."""

    def cost(self, theta: Vector) -> float:
        """Mean squared residual; infinite where it is not finite."""

    def linearise(self, theta: Vector) -> tuple[float, Vector, Matrix]:
        """The cost, half its gradient (parameters,) and J'J / samples (parameters, parameters)."""


@attrs.frozen
class Stop:
    """When to stop.

    Attributes:
        iterations: at most so many accepted steps.
        cost: good enough.
        patience: stop where so many steps ...
        gain: ... lower the cost by less than this share of it.
        tries: dampings tried for one step.
        damping: the first damping.
        give_up: stop after `patience` steps where the pace of the last ones would not reach
            `cost` within the iterations left.
    """

    iterations: int = 200
    cost: float = 0.0
    patience: int = 20
    gain: float = 0.2
    tries: int = 12
    damping: float = 1e-2
    give_up: bool = False


@attrs.frozen
class Minimum:
    """Where it stopped: never worse than where it started."""

    theta: Vector
    cost: float
    iterations: int


_between_steps: ContextVar[Callable[[], None] | None] = ContextVar("between_steps", default=None)


@contextlib.contextmanager
def watched(between_steps: Callable[[], None]) -> Iterator[None]:
    """Call something between the steps of all searches meanwhile; what it raises ends them.

    A search is many minimisations within one another, none of which knows of the others.
    """
    token = _between_steps.set(between_steps)
    try:
        yield
    finally:
        _between_steps.reset(token)


def minimise(problem: LeastSquares, theta: Vector, stop: Stop = Stop()) -> Minimum:
    """Lower the cost from `theta` on.

    References:
        Marquardt (1963), "An algorithm for least-squares estimation of nonlinear parameters".
    """
    cost, gradient, normal = problem.linearise(theta)
    if not np.isfinite(cost):
        return Minimum(theta, np.inf, 0)
    history = [cost]
    damping = stop.damping
    for iteration in range(stop.iterations):
        if cost <= stop.cost:
            break
        for _ in range(stop.tries):
            if (between_steps := _between_steps.get()) is not None:
                between_steps()
            trial = theta + _step(gradient, normal, damping)
            trial_cost = problem.cost(trial)
            if trial_cost < cost:
                break
            damping *= 4.0
        else:
            return Minimum(theta, cost, iteration)
        next_cost, next_gradient, next_normal = problem.linearise(trial)
        if not (np.isfinite(next_normal).all() and np.isfinite(next_gradient).all()):
            return Minimum(theta, cost, iteration)
        theta, cost, gradient, normal = trial, next_cost, next_gradient, next_normal
        damping = max(damping / 5.0, 1e-15)
        history.append(cost)
        if len(history) > stop.patience:
            before = history[-1 - stop.patience]
            if cost > (1.0 - stop.gain) * before:
                break
            if stop.give_up and cost > stop.cost:
                left = stop.iterations - iteration - 1
                if cost * (cost / before) ** (left / stop.patience) > stop.cost:
                    break
    return Minimum(theta, cost, len(history) - 1)


def _step(gradient: Vector, normal: Matrix, damping: float) -> Vector:
    damped = normal.copy()
    diagonal = np.einsum("ii->i", damped)  # a view
    with np.errstate(over="ignore"):
        diagonal += damping * diagonal + 1e-6 * damping + 1e-14
    try:
        step = -np.linalg.solve(damped, gradient)
    except np.linalg.LinAlgError:
        return np.zeros_like(gradient)
    return np.asarray(step) if np.isfinite(step).all() else np.zeros_like(gradient)
