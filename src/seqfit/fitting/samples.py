"""Samples that a user hands in: one shape, checked once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seqfit.recordings import with_nan

Samples = npt.NDArray[np.floating[Any]]


def as_array(values: Any, name: str) -> npt.NDArray[Any]:
    """An array of real numbers of any shape.

    Raises:
        ValueError: the rows have different lengths.
        TypeError: the values are not real numbers.
    """
    try:
        array = np.asarray(with_nan(values))
    except ValueError:
        raise ValueError(f"{name} must be an array, got rows of different lengths") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    return array


def as_samples(
    values: Any,
    name: str,
    streams: int,
    channels: int | None,
    dtype: str,
    missing: str = "error",
) -> Samples:
    """An array of shape (time, streams, channels) from any number of axes that can mean it.

    Args:
        values: (time, streams, channels); (time, channels) where there is one stream; (time,)
            where there is one channel too.
        name: what the values are called, for errors.
        streams: number of streams that they must have.
        channels: number of channels that they must have; None where any number will do.
        dtype: dtype of the result.
        missing: ``"mask"`` where values that are not a number are missing ones.

    Raises:
        ValueError: the shape is another, there is no sample, or a value is not finite.
        TypeError: the values are not real numbers.
    """
    array = as_array(values, name)
    full = array
    if array.ndim == 1:
        full = array[:, None, None]
    elif array.ndim == 2 and streams == 1:
        full = array[:, None, :]
    wanted = f"(time, {streams}, {'channels' if channels is None else channels})"
    if full.ndim != 3 or full.shape[1] != streams or channels not in (None, full.shape[2]):
        raise ValueError(f"{name} must have the shape {wanted}, got {array.shape}")
    if full.size == 0:
        raise ValueError(f"{name} must hold at least one sample, got the shape {array.shape}")
    full = full.astype(dtype, copy=False)
    refused = ~np.isfinite(full) if missing == "error" else np.isinf(full)
    if refused.any():
        time, stream, channel = (int(i) for i in np.argwhere(refused)[0])
        value = full[time, stream, channel]
        hint = "; missing='mask' leaves out what is missing" if np.isnan(value) else ""
        raise ValueError(
            f"{name} must be finite, got {value} at time {time}, stream {stream}, "
            f"channel {channel}{hint if name in ('y', 'the target') else ''}"
        )
    return full
