"""What past inputs offer a regression: means over ever longer stretches, squares and products."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

REACH = 256
"""Samples that are looked back at most."""
EDGES = (0, 1, 2, 3, 5, 9, 17, 33, 65, 129, 257)
"""Ages at which stretches begin and end."""
MOST_LINEAR = 80
MOST_SQUARED = 40
PRODUCTS = 6


def features(x: npt.NDArray[Any], reach: int) -> npt.NDArray[np.float64]:
    """A constant, then what past inputs offer, of size 1.

    Args:
        x: inputs, (time, streams, inputs); channels that are constant are left out.
        reach: samples that are looked back.

    Returns:
        Features of each sample from `reach` on, (time - reach, streams, features).
    """
    values = x.astype(np.float64)
    spread = values.std(axis=(0, 1))
    moves = spread > 1e-12 * np.maximum(np.abs(values).max(axis=(0, 1)), 1e-300)
    values = (values[:, :, moves] - values.mean(axis=(0, 1))[moves]) / spread[moves]
    time, streams, channels = values.shape
    now = np.arange(reach, time)
    constant = np.ones((time - reach, streams, 1))
    if not channels:
        return constant
    edges = [edge for edge in EDGES if edge <= reach + 1][: 1 + max(MOST_LINEAR // channels, 2)]
    total = np.concatenate([np.zeros((1, streams, channels)), np.cumsum(values, axis=0)])
    means = [
        (total[now - near + 1] - total[now - far + 1]) / (far - near)
        for near, far in pairwise(edges)
    ]
    stretches = len(means)
    linear = np.concatenate(means, axis=2)
    linear /= np.maximum(linear.std(axis=(0, 1)), 1e-9)
    columns = [constant, linear]
    if linear.shape[2] <= MOST_SQUARED:
        columns.append(linear**2 - 1)
    pairs = []
    if channels == 1:
        pairs = [(k, k - 1) for k in range(1, min(stretches, PRODUCTS + 2))]
    elif channels <= 4:
        pairs = [
            (k * channels + one, k * channels + other)
            for one in range(channels)
            for other in range(one)
            for k in range(min(stretches, PRODUCTS))
        ]
    if pairs:
        first, second = (list(side) for side in zip(*pairs, strict=True))
        columns.append(linear[:, :, first] * linear[:, :, second])
    return np.concatenate(columns, axis=2)
