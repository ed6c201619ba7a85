"""Recorded data as a signal."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.recordings import Recording, as_names, as_recording, require_names, rows
from seqfit.signals.base import Array
from seqfit.signals.position import ByPosition
from seqfit.states import State
from seqfit.validators import one_of


@final
@attrs.frozen
class Recorded(ByPosition):
    """Columns of a recording, one channel each.

    Attributes:
        recording: a `seqfit.recordings.Recording`, or what one is made from: a path, or a
            mapping from column names to arrays.
        columns: names of the columns.
        dtype: ``"float32"`` or ``"float64"``.
    """

    recording: Recording = attrs.field(converter=as_recording)
    columns: tuple[str, ...] = attrs.field(converter=as_names, validator=require_names)
    dtype: str = attrs.field(default="float32", validator=one_of("float32", "float64"))
    channels: int = attrs.field(init=False, eq=False, repr=False)
    max_streams: int | None = attrs.field(init=False, eq=False, repr=False)
    length: int | None = attrs.field(init=False, eq=False, repr=False)
    _data: npt.NDArray[np.float64] = attrs.field(init=False, eq=False, repr=False)

    divisible = True

    def __attrs_post_init__(self) -> None:
        data = self.recording.inputs(self.columns)  # (time, streams, channels)
        object.__setattr__(self, "_data", data)
        object.__setattr__(self, "channels", data.shape[2])
        object.__setattr__(self, "max_streams", data.shape[1])
        object.__setattr__(self, "length", None if self.recording.repeat else len(data))

    def start(self, streams: int, seed: int) -> State:
        return {"streams": range(streams), "position": 0}

    def samples(self, state: State, length: int) -> Array:
        x = rows(self._data, state["position"], length, self.recording.repeat)
        numbers = state["streams"]
        return x[:, numbers.start : numbers.stop].astype(self.dtype)

    @property
    def bounds(self) -> tuple[float, float]:
        return float(self._data.min()), float(self._data.max())

    def held_out(self) -> Recorded:
        return attrs.evolve(self, recording=self.recording.scored())
