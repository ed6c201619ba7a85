"""How long a model remembers."""

from __future__ import annotations

import numpy as np

from seqfit.evaluation.free_run import Array, free_run
from seqfit.models.base import StreamModule

FORGOTTEN = 0.01
"""A difference is forgotten where this share of its greatest is left."""


def memory_horizon(module: StreamModule, x: Array) -> int | None:
    """Samples after which the output no longer tells that one input was another.

    In a second run one sample, a quarter of the way on, is that of the stream beside it. The
    difference of the outputs is taken over all streams (root of the mean square); it is forgotten
    behind the last sample at which it exceeds 1% of its greatest.

    Args:
        module: the model.
        x: inputs, (time, streams, inputs).

    Returns:
        The number of samples; all that follow the changed one where it was not forgotten by then.
        None where there is one stream, or nothing changes.
    """
    changed = len(x) // 4
    other = x.copy()
    other[changed] = np.roll(x[changed], 1, axis=0)
    if np.array_equal(x, other):
        return None
    difference = (
        free_run(module, x)[changed:].astype(np.float64) - free_run(module, other)[changed:]
    )
    sizes = np.sqrt(np.square(difference).mean(axis=(1, 2)))  # (time,)
    greatest = float(sizes.max())
    if not (np.isfinite(greatest) and greatest > 0):
        return None
    return int(np.flatnonzero(sizes > FORGOTTEN * greatest)[-1])
