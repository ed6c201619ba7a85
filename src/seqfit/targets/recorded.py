"""Recorded outputs as a target."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.recordings import Recording, as_names, as_recording, require_names, rows
from seqfit.states import State
from seqfit.targets.base import Array, Target, require_samples
from seqfit.targets.memory import Memory


@final
@attrs.frozen
class RecordedOutput(Target):
    """Output columns of a recording, played back beside the inputs of the same recording.

    It does not look at its inputs, only counts them: sample t has row t as its output. So it
    belongs to a `seqfit.signals.Recorded` of the same recording; `seqfit.recordings.pair` makes
    both.

    Where the recording masks what is missing, such an output is not a number, and a fit needs
    ``missing="mask"``. A stretch without any output is an error.

    Attributes:
        recording: a `seqfit.recordings.Recording`, or what one is made from.
        columns: names of the columns, one output channel each.
    """

    recording: Recording = attrs.field(converter=as_recording)
    columns: tuple[str, ...] = attrs.field(converter=as_names, validator=require_names)
    _data: npt.NDArray[np.float64] = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        data = self.recording.columns(self.columns)  # (time, streams, outputs)
        if np.isnan(data).all():
            names = ", ".join(map(repr, self.columns))
            raise ValueError(
                f"the stretch {self.recording.stretch!r} has no output: all {data.size:,} cells "
                f"of {names} are missing"
            )
        object.__setattr__(self, "_data", data)

    def start(self, streams: int) -> State:
        available = self._data.shape[1]
        if streams > available:
            raise ValueError(f"the recording holds {available} streams, {streams} were asked for")
        return {"streams": range(streams), "position": 0}

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        require_samples(x, self)
        numbers, position = state["streams"], state["position"]
        played = rows(self._data, position, len(x), self.recording.repeat)
        y = played[:, numbers.start : numbers.stop].astype(x.dtype)  # (time, streams, outputs)
        return y, {"streams": numbers, "position": position + len(x)}

    @property
    def bounds(self) -> tuple[float, float]:
        return float(np.nanmin(self._data)), float(np.nanmax(self._data))

    @property
    def has_missing(self) -> bool:
        return self.recording.missing == "mask"

    def count_missing(self) -> tuple[int, int]:
        """How many output cells of the stretch are missing, and how many there are."""
        return int(np.isnan(self._data).sum()), self._data.size

    @property
    def memory(self) -> Memory:
        return Memory.finite(0)

    @property
    def output_determines_state(self) -> bool:
        return False  # the state is the number of the row

    def held_out(self) -> RecordedOutput:
        return attrs.evolve(self, recording=self.recording.scored())
