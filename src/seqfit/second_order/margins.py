"""Kinks in the middle of the gaps between samples, where the samples leave them room."""

from __future__ import annotations

import numpy as np

from seqfit.second_order.levenberg_marquardt import Matrix
from seqfit.second_order.maps import Array, HiddenLayerMap, with_unit_outputs
from seqfit.second_order.teacher_forced import Pairs

_STEPS = 20


def with_margins(f: HiddenLayerMap, p: Array, y: Array, floor: float) -> HiddenLayerMap:
    """An equally good map whose kinks keep away from the samples.

    A feature that only takes some values, as a gate of 0 and 1 does, leaves a kink between them
    free to move; a fit may leave it where the next sample crosses it. The numbers move in
    directions that change the map at no sample, until each sample is a standard deviation of
    its unit from the kink, or as far as there is room. Where kinks pass between samples of
    continuous features there are no such directions, and the map stays as it is.

    Args:
        f: a map with ReLU units.
        p: features, about standardised, shape (samples, features).
        y: outputs, shape (samples, outputs).
        floor: an rms error that is as good as none.
    """
    if f.tanh or not f.units:
        return f
    f = with_unit_outputs(f)
    planes = np.column_stack([f.hidden, f.bias])
    z = p @ f.hidden.T + f.bias  # (samples, units)
    wanted = _spread_within_sides(z)
    sure = (np.abs(z) > 1e-6 * wanted).all(axis=1)  # on a kink, a sample may be of either side
    free = _free_directions(f, p[sure], y[sure])  # (numbers of f, directions)
    if not free.shape[1]:
        return f
    moves = _moves_of_planes(f, free)  # (units, features + 1, directions)
    p1 = np.column_stack([p[sure], np.ones(int(sure.sum()))])
    z = p1 @ planes.T
    side = np.where(z > 0.0, 1.0, -1.0)
    t = np.zeros(free.shape[1])
    for _ in range(_STEPS):  # Newton steps on the squared shortfall, summed over the units
        gradient, curve = np.zeros_like(t), np.zeros((t.size, t.size))
        for i in range(f.units):
            short = wanted[i] - side[:, i] * (z[:, i] + p1 @ (moves[i] @ t))
            near = short > 0.0
            pull = (p1[near] @ moves[i]) * side[near, i, None]  # (near samples, directions)
            gradient -= pull.T @ short[near] / wanted[i] ** 2
            curve += pull.T @ pull / wanted[i] ** 2
        t = t - np.linalg.lstsq(curve, gradient, rcond=1e-9)[0]
    moved = f.unpack(f.pack() + free @ t)
    before, after = (float(np.square(g(p) - y).mean()) for g in (f, moved))
    return moved if after <= max(1.1 * before, floor**2) else f


def _free_directions(f: HiddenLayerMap, p: Array, y: Array) -> Matrix:
    """Directions of the packed numbers, output weights aside, that no sample feels."""
    packed = f.pack()
    _, _, normal = Pairs(p, y, f).linearise(packed)
    outputs = np.arange(f.outputs * f.units) + f.constant.size + f.linear.size
    keep = np.setdiff1d(np.arange(packed.size), outputs)
    normal = normal[np.ix_(keep, keep)]
    size = np.sqrt(np.diag(normal))
    size = np.where(size > 0.0, size, 1.0)
    values, vectors = np.linalg.eigh(normal / np.outer(size, size))
    flat = vectors[:, values < 1e-13] / size[:, None]
    free = np.zeros((packed.size, flat.shape[1]))
    free[keep] = flat
    return free


def _moves_of_planes(f: HiddenLayerMap, free: Matrix) -> Array:
    """What each direction does to hidden weights and bias: (units, features + 1, directions)."""
    directions = free.shape[1]
    hidden = free[-f.bias.size - f.hidden.size : -f.bias.size]
    bias = free[-f.bias.size :]
    return np.concatenate(
        [hidden.reshape(f.units, f.features, directions), bias[:, None, :]], axis=1
    )


def _spread_within_sides(z: Array) -> Array:
    """Standard deviation of each unit on its own side of the kink: shape (units,)."""
    squares = np.zeros(z.shape[1])
    for sides in (z > 0.0, z <= 0.0):
        count = np.maximum(sides.sum(axis=0), 1)
        mean = np.where(sides, z, 0.0).sum(axis=0) / count
        squares += np.square(np.where(sides, z - mean, 0.0)).sum(axis=0)
    return np.maximum(np.sqrt(squares / len(z)), 1e-12)
