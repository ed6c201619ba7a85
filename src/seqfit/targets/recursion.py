"""Recursions in compiled code."""

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
    *parameters: float | npt.NDArray[np.float64],
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
        parameters: of the recursion: numbers, or arrays that it leaves as they are.

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
        *map(_parameter, parameters),
    )
    return y, after


def one_output(
    owner: Target,
    recursion: Callable[..., None],
    inputs: int,
    x: Array,
    state: npt.NDArray[np.float64],
    *parameters: float | npt.NDArray[np.float64],
) -> tuple[Array, npt.NDArray[np.float64]]:
    """Run a recursion that makes one output of several input channels.

    Args:
        owner: the target, named in errors.
        recursion: a compiled function of x, y, state and the parameters. x has the shape
            (time, streams, inputs), y (time, streams, 1); it fills y and changes the state in
            place.
        inputs: number of input channels that it takes.
        x: array of shape (time, streams, inputs).
        state: array of any shape. It is left as it was.
        parameters: of the recursion.

    Returns:
        y: array of shape (time, streams, 1) and the dtype of `x`.
        state: the state after it.
    """
    require_samples(x, owner, inputs)
    after, x = np.array(state, order="C"), np.ascontiguousarray(x)
    y = np.empty((*x.shape[:2], 1), x.dtype)
    recursion(x, y, after, *map(_parameter, parameters))
    return y, after


def _parameter(
    value: float | npt.NDArray[np.float64],
) -> float | npt.NDArray[np.float64]:
    return value if isinstance(value, np.ndarray) else float(value)
