"""Inputs beside others that differ from some sample on, or in one stream."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from seqfit.signals.base import Array
from seqfit.testing.laws import Example
from seqfit.testing.strategies import LONGEST

# Drawn before the samples and then reduced to their number: so the search can take samples away
# without drawing all else anew.
_numbers = st.integers(0, LONGEST)


def changed_later(inputs: st.SearchStrategy[Array]) -> st.SearchStrategy[Example]:
    """Examples of `x`, and of `changed`, which is the same before the sample `at`."""

    @st.composite
    def examples(draw: st.DrawFn) -> Example:
        place, shift, x = draw(_numbers), draw(_numbers), draw(inputs)
        at = place % (len(x) + 1)
        changed = x.copy()
        changed[at:] = _shifted(x, shift)[at:]
        return {"x": x, "at": at, "changed": changed}

    return examples()


def changed_earlier(inputs: st.SearchStrategy[Array]) -> st.SearchStrategy[Example]:
    """Examples of `x`, and of `changed`, which is the same from the sample `at` on."""

    @st.composite
    def examples(draw: st.DrawFn) -> Example:
        place, shift, x = draw(_numbers), draw(_numbers), draw(inputs)
        at = place % (len(x) + 1)
        changed = x.copy()
        changed[:at] = _shifted(x, shift)[:at]
        return {"x": x, "at": at, "changed": changed}

    return examples()


def changed_stream(inputs: st.SearchStrategy[Array]) -> st.SearchStrategy[Example]:
    """Examples of `x`, and of `changed`, which is the same but for the stream `stream`."""

    @st.composite
    def examples(draw: st.DrawFn) -> Example:
        place, shift, x = draw(_numbers), draw(_numbers), draw(inputs)
        stream = place % x.shape[1]
        changed = x.copy()
        changed[:, stream] = _shifted(x, shift)[:, -1 - stream]
        return {"x": x, "stream": stream, "changed": changed}

    return examples()


def split(x: Array, chunks: tuple[int, ...]) -> tuple[Array, ...]:
    """Cut samples into chunks of these lengths; what they leave is one more chunk."""
    return tuple(np.split(x, np.cumsum(chunks)))


def _shifted(x: Array, shift: int) -> Array:
    # Made of the samples of x itself, so that they are inputs that the component can take.
    return np.roll(x, 1 + shift % max(len(x) - 1, 1), axis=0)
