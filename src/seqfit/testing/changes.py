"""Inputs beside others that differ from some sample on, or in one stream."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from seqfit.signals.base import Array
from seqfit.testing.laws import Example


def changed_later(inputs: st.SearchStrategy[Array]) -> st.SearchStrategy[Example]:
    """Examples of `x`, and of `changed`, which is the same before the sample `at`."""

    @st.composite
    def examples(draw: st.DrawFn) -> Example:
        x = draw(inputs)
        at = draw(st.integers(0, len(x)))
        changed = x.copy()
        changed[at:] = draw(_shifted(x))[at:]
        return {"x": x, "at": at, "changed": changed}

    return examples()


def changed_stream(inputs: st.SearchStrategy[Array]) -> st.SearchStrategy[Example]:
    """Examples of `x`, and of `changed`, which is the same but for the stream `stream`."""

    @st.composite
    def examples(draw: st.DrawFn) -> Example:
        x = draw(inputs)
        stream = draw(st.integers(0, x.shape[1] - 1))
        changed = x.copy()
        changed[:, stream] = draw(_shifted(x))[:, -1 - stream]
        return {"x": x, "stream": stream, "changed": changed}

    return examples()


def split(x: Array, chunks: tuple[int, ...]) -> tuple[Array, ...]:
    """Cut samples into chunks of these lengths; what they leave is one more chunk."""
    return tuple(np.split(x, np.cumsum(chunks)))


def _shifted(x: Array) -> st.SearchStrategy[Array]:
    # Made of the samples of x itself, so that they are inputs that the component can take.
    longest = max(len(x) - 1, 0)
    return st.integers(min(1, longest), longest).map(lambda by: np.roll(x, by, axis=0))
