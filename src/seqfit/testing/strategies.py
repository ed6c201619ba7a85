"""Hypothesis strategies for what the interfaces are given."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from seqfit.signals.base import Array

LONGEST = 300
_FEW = 8


def stream_counts(at_most: int | None = None) -> st.SearchStrategy[int]:
    """Numbers of streams that run side by side, from 1 to 4.

    Args:
        at_most: the greatest number; None for 4.
    """
    return st.integers(1, 4 if at_most is None else min(4, at_most))


def seeds() -> st.SearchStrategy[int]:
    """Seeds of signals, from 0 to 2**63 - 1."""
    return st.integers(0, 2**63 - 1)


def lengths(at_most: int | None = None) -> st.SearchStrategy[int]:
    """Numbers of samples: often few, 0 among them.

    Args:
        at_most: the greatest number; None for 300.
    """
    longest = LONGEST if at_most is None else min(LONGEST, at_most)
    return st.one_of(st.integers(0, min(_FEW, longest)), st.integers(0, longest))


def chunkings(at_most: int | None = None) -> st.SearchStrategy[tuple[int, ...]]:
    """Lengths of one to six chunks that follow one another; some may be empty.

    Args:
        at_most: the greatest sum of the lengths; None for 300.
    """
    longest = LONGEST if at_most is None else min(LONGEST, at_most)

    def within(chunks: list[int]) -> tuple[int, ...]:
        ends = np.minimum(np.cumsum([0, *chunks]), longest)
        return tuple(np.diff(ends).tolist())

    chunks = st.one_of(st.integers(0, min(1, longest)), lengths(longest))
    return st.lists(chunks, min_size=1, max_size=6).map(within)


def samples(
    channels: int = 1,
    *,
    streams: st.SearchStrategy[int] | None = None,
    min_length: int = 0,
    max_length: int = LONGEST,
    dtype: str = "float32",
) -> st.SearchStrategy[Array]:
    """Inputs of targets and models: few samples drawn one by one, or many pseudo-random ones.

    Args:
        channels: numbers in a sample.
        streams: numbers of streams; None for `stream_counts`.
        min_length: the fewest samples.
        max_length: the most samples.
        dtype: ``"float32"`` or ``"float64"``.

    Returns:
        Arrays of shape (time, streams, channels) with values from -4 to 4.
    """
    widths = stream_counts() if streams is None else streams
    # Quarters, so that zeros and equal values come up; and no fill, so that values differ.
    quarters = st.integers(-16, 16).map(lambda n: n / 4)
    few = max(min_length, min(_FEW, max_length))
    drawn = st.tuples(st.integers(min_length, few), widths).flatmap(
        lambda shape: arrays.arrays(
            np.dtype(dtype), (*shape, channels), elements=quarters, fill=st.nothing()
        )
    )
    generated = st.builds(
        _noise,
        length=st.integers(min_length, max_length),
        streams=widths,
        channels=st.just(channels),
        hold=st.integers(1, 20),
        quarters=st.booleans(),
        seed=st.integers(0, 2**32 - 1),
        dtype=st.just(dtype),
    )
    return st.one_of(drawn, generated)


def losses(min_size: int = 1, max_size: int = 60) -> st.SearchStrategy[tuple[float, ...]]:
    """Losses of consecutive updates, as a schedule is told them.

    Args:
        min_size: the fewest updates.
        max_size: the most updates.
    """
    drawn = st.lists(st.floats(0, 100, width=32), min_size=min_size, max_size=max_size)
    generated = st.builds(_exponential, st.integers(min_size, max_size), st.integers(0, 2**32 - 1))
    return st.one_of(drawn, generated).map(tuple)


def _noise(
    length: int, streams: int, channels: int, hold: int, quarters: bool, seed: int, dtype: str
) -> Array:
    """Values that hold for some samples each: memory shows on steps more than on noise."""
    shape = (-(-length // hold), streams, channels)
    values = np.random.default_rng(seed).uniform(-4.0, 4.0, shape)
    if quarters:
        values = np.round(4 * values) / 4
    held: Array = values.repeat(hold, axis=0)[:length].astype(dtype)
    return held


def _exponential(updates: int, seed: int) -> list[float]:
    drawn = np.random.default_rng(seed).exponential(size=(updates,))
    return [float(loss) for loss in drawn]
