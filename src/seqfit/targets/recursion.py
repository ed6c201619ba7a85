"""Recursions in compiled code, each input channel by itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from seqfit.targets.base import Array, Target, require_samples


def each_channel(
    owner: Target,
    recursion: Callable[..., None],
    x: Array,
    state: npt.NDArray[np.float64],
    *parameters: float,
) -> tuple[Array, npt.NDArray[np.float64]]:
    """Run a recursion on each channel of each stream.

    Args:
        owner: the target, named in errors.
        recursion: a compiled function of x, y, state and the parameters. x and y have the shape
            (time, lines) with a line for each channel of each stream; it fills y, and changes the
            state, of shape (..., lines), in place.
        x: array of shape (time, streams, channels).
        state: array of shape (..., streams, channels); one channel at the start, when their number
            is not known yet. It is left as it was.
        parameters: of the recursion.

    Returns:
        y: array of the shape and dtype of `x`.
        state: the state after it.
    """
    require_samples(x, owner)
    lines = x.shape[1] * x.shape[2]
    after = np.array(np.broadcast_to(state, (*state.shape[:-1], x.shape[2])), order="C")
    x = np.ascontiguousarray(x)  # one memory layout, so that one machine code serves all
    y = np.empty_like(x)
    recursion(
        x.reshape(len(x), lines),
        y.reshape(len(x), lines),
        after.reshape(*state.shape[:-2], lines),
        *(float(parameter) for parameter in parameters),
    )
    return y, after
