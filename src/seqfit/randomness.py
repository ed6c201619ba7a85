"""Counter-based random numbers: any position of any stream, without what comes before it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seqfit.philox import UINT, fill
from seqfit.validators import require_length, require_seed


def uniforms(
    seed: int, streams: int | range, position: int, length: int, draws: int = 1
) -> npt.NDArray[np.float64]:
    """Independent numbers from U[0, 1), a function of seed, stream and position alone.

    Philox 4x64 with the key (seed, stream) and the position as its counter, so that the numbers
    are the same on every machine (Salmon et al. 2011, "Parallel random numbers: as easy as
    1, 2, 3").

    Args:
        seed: an int from 0 to 2**63 - 1.
        streams: number of streams, which are numbered from 0; or a range of their numbers.
        position: first sample.
        length: number of samples.
        draws: numbers for each sample.

    Returns:
        Array of shape (length, streams, draws).

    Raises:
        ValueError: the seed or the length is not as it must be.
    """
    require_seed(seed)
    require_length(length)
    block, skip = divmod(position * draws, 4)  # a count of the counter makes four numbers
    block += 1  # NumPy's generator counts before it makes numbers
    numbers = streams if isinstance(streams, range) else range(streams)
    u = np.empty((length, len(numbers), draws))
    fill(UINT(block & (2**64 - 1)), UINT(block >> 64), UINT(seed), numbers.start, skip, u)
    return u


def box_muller(u: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A number from N(0, 1) for each two from U[0, 1) that follow one another in the last axis.

    Box and Muller (1958): unlike with rejection, each has a fixed place in the random sequence.
    """
    radius, angle = np.ascontiguousarray(u[..., ::2]), np.ascontiguousarray(u[..., 1::2])
    normal: npt.NDArray[np.float64] = np.sqrt(-2.0 * np.log1p(-radius)) * np.cos(
        2.0 * np.pi * angle
    )
    return normal


EVALUATION, VALIDATION, WRONG_STATES, CHANCE, OBSERVATION, AMPLITUDES, MISSING = range(1, 8)
"""Purposes of `derived_seed`."""


def derived_seed(seed: int, *purpose: int) -> int:
    """A seed for streams that differ from those of `seed`, and for each purpose from the others."""
    require_seed(seed)
    word = np.random.SeedSequence([seed, *purpose]).generate_state(1, np.uint64)[0]
    return int(word >> np.uint64(1))
