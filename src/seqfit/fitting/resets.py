"""Where streams start anew, each by itself."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seqfit.states import State
from seqfit.streams import Axes

Mask = npt.NDArray[np.bool_]


def as_mask(values: Any, time: int, streams: int) -> Mask | None:
    """A mask of shape (time, streams), True where a stream starts anew before the sample.

    Args:
        values: bool, (time, streams); (time,) where there is one stream; None for no mask.
        time: number of samples that it must have.
        streams: number of streams that it must have.

    Raises:
        ValueError: the shape is another; nothing is broadcast.
        TypeError: the values are not bool.
    """
    if values is None:
        return None
    wanted = f"the shape (time, streams) = ({time}, {streams})"
    try:
        mask = np.asarray(values)
    except ValueError:
        raise ValueError(
            f"reset must be an array of {wanted}, got rows of different lengths"
        ) from None
    if mask.dtype != np.bool_:
        raise TypeError(
            f"reset must be an array of bool of {wanted}, got dtype {mask.dtype} of {mask.shape}"
        )
    full = mask[:, None] if mask.ndim == streams == 1 else mask
    if full.shape != (time, streams):
        raise ValueError(f"reset must have {wanted}, got {mask.shape}")
    return full


@final
@attrs.define
class Resets:
    """The samples before which streams start anew, oldest first.

    Attributes:
        positions: of those before which any stream of the fit does, on whichever rank.
        streams: for each of them which of this rank's do, (streams,).
    """

    positions: list[int] = attrs.field(factory=list)
    streams: list[Mask] = attrs.field(factory=list)

    @classmethod
    def of(cls, mask: Mask | None, own: slice) -> Resets:
        """Those of a mask, at positions from 0 on.

        Args:
            mask: (time, streams), of all ranks; None for none.
            own: the streams of this rank.
        """
        if mask is None:
            return cls()
        positions = np.flatnonzero(mask.any(axis=1))
        return cls(positions.tolist(), [*mask[positions, own]])

    @classmethod
    def restored(cls, state: State | None) -> Resets:
        """The resets whose `state` was taken; none without one."""
        return cls() if state is None else cls(state["positions"].tolist(), [*state["streams"]])

    def state(self) -> State:
        """All of it as a state tree, where there are any."""
        return {"positions": np.array(self.positions), "streams": np.stack(self.streams)}

    @staticmethod
    def stream_axes() -> Axes:
        """Where the streams lie in its `state`."""
        return {"positions": None, "streams": 1}

    def append(self, later: Resets, position: int) -> None:
        """Add those of samples that begin at a position behind all others."""
        self.positions += [position + at for at in later.positions]
        self.streams += later.streams

    def drop_before(self, position: int) -> None:
        """Forget those before a position."""
        passed = bisect_left(self.positions, position)
        del self.positions[:passed], self.streams[:passed]

    def next_from(self, position: int) -> int | None:
        """The first position, from one on, before which a stream starts anew."""
        index = bisect_left(self.positions, position)
        return self.positions[index] if index < len(self.positions) else None

    def between(self, begin: int, end: int, device: torch.device) -> Tensor | None:
        """The mask of this rank's streams over positions from `begin` to before `end`.

        Returns:
            bool, (end - begin, streams); None where no stream starts anew.
        """
        first, last = bisect_left(self.positions, begin), bisect_left(self.positions, end)
        if not any(row.any() for row in self.streams[first:last]):
            return None
        mask = np.zeros((end - begin, len(self.streams[first])), np.bool_)
        for at, row in zip(self.positions[first:last], self.streams[first:last], strict=True):
            mask[at - begin] = row
        return torch.from_numpy(mask).to(device)
