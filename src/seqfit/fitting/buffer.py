"""Samples between the source and the model: those that wait, and those to look back on."""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter
from typing import final

import attrs
import numpy as np
import torch

from seqfit.fitting.resets import Resets
from seqfit.fitting.samples import Samples
from seqfit.fitting.tail import Tail
from seqfit.states import State, is_tensor, leaves, map_arrays, map_leaves, stack, unstack
from seqfit.streams import Axes


@final
@attrs.define
class SampleBuffer:
    """The newest samples, and the model's states at the update boundaries among them.

    Attributes:
        inputs: from position `first` on.
        outputs: likewise.
        first: position of the first sample held.
        position: position of the first sample that no update has taken yet.
        boundaries: positions between updates, oldest first, each with the model's state there;
            the last one is `position`. A reset there comes after it.
        resets: before which of the samples held streams start anew.
    """

    inputs: Tail
    outputs: Tail
    first: int
    position: int
    boundaries: list[tuple[int, State]]
    resets: Resets = attrs.field(factory=Resets)

    @classmethod
    def empty(
        cls, streams: int, inputs: int, outputs: int, dtype: str, state: State
    ) -> SampleBuffer:
        """A buffer before the first sample, where the model has the state given."""
        return cls(
            inputs=Tail.of(np.empty((0, streams, inputs), dtype)),
            outputs=Tail.of(np.empty((0, streams, outputs), dtype)),
            first=0,
            position=0,
            boundaries=[(0, state)],
        )

    @classmethod
    def restored(cls, state: State, device: torch.device) -> SampleBuffer:
        """The buffer whose `state` was taken, with the model's states on a device."""
        kept = map_arrays(
            lambda leaf: leaf.to(device), unstack(state["states"], len(state["boundaries"]))
        )
        boundaries = list(zip(state["boundaries"].tolist(), kept, strict=True))
        inputs, outputs = Tail.of(state["x"]), Tail.of(state["y"])
        resets = Resets.restored(state.get("resets"))
        return cls(inputs, outputs, state["first"], state["position"], boundaries, resets)

    def state(self) -> State:
        """All of it as a state tree."""
        positions, states = zip(*self.boundaries, strict=True)
        state = {
            "x": self.x,
            "y": self.y,
            "first": self.first,
            "position": self.position,
            "boundaries": np.array(positions),
            "states": stack([*states]),
        }
        return state | {"resets": self.resets.state()} if self.resets.positions else state

    @staticmethod
    def stream_axes(state: State) -> Axes:
        """Where the streams lie in its `state`; in that of a model each tensor begins with them."""
        first = state["states"]["first"]
        return {
            "x": 1,
            "y": 1,
            "states": {
                "first": map_leaves(lambda leaf: 0 if is_tensor(leaf) else None, first),
                "leaves": [1 if is_tensor(leaf) else None for leaf in leaves(first)],
            },
            "resets": Resets.stream_axes(),
        }

    @property
    def x(self) -> Samples:
        """Inputs, (time, streams, inputs), from position `first` on."""
        return self.inputs.samples

    @property
    def y(self) -> Samples:
        """Outputs, (time, streams, outputs)."""
        return self.outputs.samples

    @property
    def waiting(self) -> int:
        """Samples of each stream that no update has taken yet."""
        return self.end - self.position

    @property
    def end(self) -> int:
        """Position behind the last sample held."""
        return self.first + len(self.inputs)

    def append(self, x: Samples, y: Samples, resets: Resets | None = None) -> None:
        """Add new samples at the end, and where among them streams start anew."""
        if resets is not None:
            self.resets.append(resets, self.end)
        self.inputs.append(x)
        self.outputs.append(y)

    def boundary_before(self, position: int) -> tuple[int, State]:
        """The newest boundary at or before a position, and the model's state there."""
        return self.boundaries[self._index_before(position)]

    def since(self, position: int) -> list[tuple[int, State]]:
        """The newest boundary at or before a position, and all after it."""
        return self.boundaries[self._index_before(position) :]

    def refresh(self, position: int, state: State) -> None:
        """Take over a newer state at a position, if it is a boundary."""
        index = self._index_before(position)
        if self.boundaries[index][0] == position:
            self.boundaries[index] = position, state

    def advance(self, length: int, count: int, states: list[State], history: int) -> None:
        """Mark samples as taken, and forget what no later update can look back on.

        Args:
            length: new samples that each update has taken.
            count: number of updates.
            states: the model's states after the last of them, all that may be looked back on.
            history: the most samples that an update looks back.
        """
        self.position += length * count
        first = self.position - length * (len(states) - 1)
        self.boundaries += [(first + length * i, state) for i, state in enumerate(states)]
        oldest = max(self.position - history, self.boundaries[0][0])
        del self.boundaries[: self._index_before(oldest)]

    def drop_past(self) -> None:
        """Drop the samples that lie before the oldest boundary."""
        passed = self.boundaries[0][0] - self.first
        self.inputs.drop(passed)
        self.outputs.drop(passed)
        self.first += passed
        self.resets.drop_before(self.first)

    def _index_before(self, position: int) -> int:
        return bisect_right(self.boundaries, position, key=itemgetter(0)) - 1
