"""Optimizer steps on rows of weights, as torch's optimizers make them.

References:
    Kingma and Ba, "Adam: a method for stochastic optimization", 2015.
    Loshchilov and Hutter, "Decoupled weight decay regularization", 2019.
    Reddi, Kale and Kumar, "On the convergence of Adam and beyond", 2018 (AMSGrad).
"""

from __future__ import annotations

from seqfit.models.kernels.vectors import Row, Vector, rowwise


@rowwise(operands=5, scalars=9)
def adam_step(
    weights: Row, new: Row, gradient: Row, mean: Row, square: Row, factor: Vector,
    weight_decay: Vector, keep: Vector, by_mean: Vector, beta2: Vector, by_square: Vector,
    rate: Vector, by_root: Vector, eps: Vector,
) -> None:  # fmt: skip
    """Adam, and with `keep` below one AdamW."""
    g = _decayed(weights, gradient, factor, weight_decay)
    m, v = _averaged(g, mean, square, by_mean, beta2, by_square)
    new[0] = weights[0] * keep - rate * m / (v.square_root() * by_root + eps)


@rowwise(operands=6, scalars=9)
def amsgrad_step(
    weights: Row, new: Row, gradient: Row, mean: Row, square: Row, greatest: Row, factor: Vector,
    weight_decay: Vector, keep: Vector, by_mean: Vector, beta2: Vector, by_square: Vector,
    rate: Vector, by_root: Vector, eps: Vector,
) -> None:  # fmt: skip
    """The same with the greatest mean square so far."""
    g = _decayed(weights, gradient, factor, weight_decay)
    m, v = _averaged(g, mean, square, by_mean, beta2, by_square)
    top = v.where(">", greatest[0], v, greatest[0])
    greatest[0] = top
    new[0] = weights[0] * keep - rate * m / (top.square_root() * by_root + eps)


@rowwise(operands=4, scalars=5)
def sgd_step(
    weights: Row, new: Row, gradient: Row, buffer: Row, factor: Vector, weight_decay: Vector,
    momentum: Vector, fresh: Vector, rate: Vector,
) -> None:  # fmt: skip
    """Stochastic gradient descent with momentum."""
    g = _decayed(weights, gradient, factor, weight_decay)
    b = buffer[0] * momentum + g * fresh
    buffer[0] = b
    new[0] = weights[0] - rate * b


@rowwise(operands=4, scalars=5)
def nesterov_step(
    weights: Row, new: Row, gradient: Row, buffer: Row, factor: Vector, weight_decay: Vector,
    momentum: Vector, fresh: Vector, rate: Vector,
) -> None:  # fmt: skip
    """The same with Nesterov's momentum."""
    g = _decayed(weights, gradient, factor, weight_decay)
    b = buffer[0] * momentum + g * fresh
    buffer[0] = b
    new[0] = weights[0] - rate * (g + b * momentum)


@rowwise(operands=2)
def add_squares(sums: Row, values: Row) -> None:
    """Add the squares of the values to the sums."""
    value = values[0]
    sums[0] = sums[0] + value * value


def _decayed(weights: Row, gradient: Row, factor: Vector, weight_decay: Vector) -> Vector:
    """The gradient, scaled, and that of the weights' squares."""
    return gradient[0] * factor + weights[0] * weight_decay


def _averaged(
    g: Vector, mean: Row, square: Row, by_mean: Vector, beta2: Vector, by_square: Vector
) -> tuple[Vector, Vector]:
    """Adam's averages of gradients and of their squares, which go on with a new gradient."""
    m = mean[0] + by_mean * (g - mean[0])
    v = square[0] * beta2 + by_square * (g * g)
    mean[0], square[0] = m, v
    return m, v
