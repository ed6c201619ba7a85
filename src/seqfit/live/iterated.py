"""Samples from any Python iterator."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from typing import Any, final

import numpy as np
import numpy.typing as npt

from seqfit.live.base import PATIENCE, Chunk, LiveSource, no_samples
from seqfit.recordings import with_nan
from seqfit.tables import BEYOND, INPUT_HINT, MASK_HINT, unusable
from seqfit.validators import require_one_of

_Pair = tuple[npt.NDArray[Any], npt.NDArray[Any]]


@final
class Iterated(LiveSource):
    """Pairs ``(x, y)`` of an iterator, each a sample or a chunk of samples.

    The iterator is asked for an item only when the fit wants a sample. It can't be wound back:
    after a stop the fit goes on with what comes next.

    Args:
        pairs: the iterator, or what it is made from. An item holds the inputs and the outputs of
            one sample, each a number, an array of shape (channels,), or (streams, channels).
        chunks: whether each item is a chunk of samples instead; its arrays then have the time as
            their first axis: (time,), (time, channels), or (time, streams, channels).
        missing: what an output that is NaN means: ``"error"``, or ``"mask"``, as of
            `seqfit.Fitter`.
    """

    def __init__(
        self, pairs: Iterable[tuple[Any, Any]], *, chunks: bool = False, missing: str = "error"
    ) -> None:
        require_one_of("missing", missing, ("error", "mask"))
        self._missing = missing
        self._items = iter(pairs)
        self._chunks = chunks
        self._taken: deque[_Pair] = deque()  # with time as first axis
        self._number = 0  # of the next sample
        self._shapes: tuple[tuple[int, ...], tuple[int, ...]] | None = None
        self._wrong: ValueError | None = None

    def read(self, most: int) -> Chunk | None:
        has_ended = self._fill(most)
        if not self._taken:
            if self._wrong is not None:
                raise self._wrong
            return None if has_ended else no_samples()
        xs, ys, left = [], [], most
        while self._taken and left:
            x, y = self._taken.popleft()
            if len(x) > left:
                self._taken.appendleft((x[left:], y[left:]))
                x, y = x[:left], y[:left]
            xs.append(x)
            ys.append(y)
            left -= len(x)
        return np.concatenate(xs), np.concatenate(ys)

    def _fill(self, most: int) -> bool:
        """Take items until they hold enough samples or a moment has passed; whether it ended.

        What was taken stays if the iterator raises, or Ctrl-C is pressed while it waits.
        """
        waiting = sum(len(x) for x, _ in self._taken)
        begin = time.monotonic()
        while waiting < most and self._wrong is None:
            try:
                item = next(self._items)
            except StopIteration:
                return True
            try:
                pair = self._pair(item)
            except ValueError as error:
                self._wrong = error
                break
            self._taken.append(pair)
            self._number += len(pair[0])
            waiting += len(pair[0])
            if time.monotonic() - begin > PATIENCE:
                break
        return False

    def _pair(self, item: Any) -> _Pair:
        """The arrays of an item, with time as their first axis, finite but for what is missing."""
        where = f"sample {self._number + 1} of the iterator"
        try:
            x, y = (np.asarray(with_nan(part)) for part in item)
        except (TypeError, ValueError):
            raise ValueError(f"{where} must be a pair (x, y), got {item!r:.100}") from None
        if not self._chunks:
            x, y = x[None], y[None]
        for name, part in (("x", x), ("y", y)):
            if part.dtype.kind not in "fiub":
                raise ValueError(f"{where}: {name} must hold real numbers, got {part!r:.100}")
            is_masked = name == "y" and self._missing == "mask"
            wrong = part[unusable(part, is_masked)]
            if wrong.size and np.isfinite(wrong[0]):
                raise ValueError(f"{where}: {name} is {BEYOND}, got {part!r:.100}")
            if wrong.size:
                hint = MASK_HINT if name == "y" else INPUT_HINT
                raise ValueError(
                    f"{where}: {name} must be finite, got {part!r:.100}"
                    f"{hint if np.isnan(wrong[0]) else ''}"
                )
        if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
            raise ValueError(
                f"{where}: the x and y of a chunk must be equally long arrays, "
                f"got the shapes {x.shape} and {y.shape}"
            )
        shapes = x.shape[1:], y.shape[1:]
        if self._shapes is None:
            self._shapes = shapes
        elif shapes != self._shapes:
            raise ValueError(
                f"{where}: x and y must have the shapes {self._shapes[0]} and {self._shapes[1]} of "
                f"the first, got {shapes[0]} and {shapes[1]}"
            )
        return x, y
