"""What compiled passes run: a network, laid out in one flat array."""

from __future__ import annotations

import abc
import math
from collections.abc import Iterator, Sequence
from typing import Any, final

import numpy as np
import numpy.typing as npt
from torch import Tensor

from seqfit.models.kernels.products import Array
from seqfit.models.kernels.tiles import COLUMNS
from seqfit.states import State

HEAD = np.dtype(
    [
        (name, np.int64)
        for name in (
            "inputs",
            "outputs",
            "weight",  # offset among the weights: (inputs + 1, width)
            "width",
            "back",  # weight transposed
            "back_row",
            "values",
            "row",  # numbers in a row of values, the one for the bias included
            "slopes",
        )
    ]
)
"""A linear layer between the hidden numbers of a sample and its outputs."""


class Network(abc.ABC):
    """What a module computes, with the module's own parameters.

    Attributes:
        input_offset: what is taken off the inputs, (inputs,).
        input_scale: what they are then divided by, (inputs,).
        output_offset: what is added to the outputs, (outputs,).
        output_scale: what they are multiplied by before, (outputs,).
    """

    input_offset: Array
    input_scale: Array
    output_offset: Array
    output_scale: Array

    @property
    @abc.abstractmethod
    def parameters(self) -> list[Tensor]:
        """All weights and biases that are trained."""

    @property
    @abc.abstractmethod
    def state_shape(self) -> tuple[int, int, int]:
        """Parts, layers and hidden numbers of a state of one stream."""

    @abc.abstractmethod
    def state_array(self, state: State) -> Array:
        """A state of the module as one array, (parts, layers, streams, hidden)."""

    @abc.abstractmethod
    def state_of(self, parts: Array) -> State:
        """A state of the module from what `state_array` gives."""

    @abc.abstractmethod
    def layout(self, time: int, streams: int, windows: int) -> Layout:
        """Where its numbers lie.

        Args:
            time: most time steps of a pass.
            streams: most streams of a pass.
            windows: most windows that a backward pass runs side by side.
        """

    @property
    def inputs(self) -> int:
        """Channels of an input sample."""
        return len(self.input_offset)

    @property
    def outputs(self) -> int:
        """Channels of an output sample."""
        return len(self.output_offset)

    @property
    def is_scaled(self) -> bool:
        """Whether inputs or outputs are scaled."""
        offsets, scales = self.scales(np.float64)[::2], self.scales(np.float64)[1::2]
        return any(map(np.any, offsets)) or any(np.any(scale != 1) for scale in scales)

    def scales(self, dtype: npt.DTypeLike) -> list[Array]:
        """Offset and scale of the inputs, then of the outputs."""
        scales = (self.input_offset, self.input_scale, self.output_offset, self.output_scale)
        return [np.ascontiguousarray(numbers, dtype) for numbers in scales]


class Layout(abc.ABC):
    """Where the weights and the numbers of a pass lie, for up to so many samples.

    Attributes:
        net: numbers of the whole network. All kinds have `inputs`, `outputs`; `row`, numbers
            between the hidden numbers of a sample and those of the next; `numbers`, all weights,
            rounded up; and `trained`, those before the fixed ones, rounded up.
        layers: numbers of each layer.
        head: the layers of the head, see `HEAD`.
        numbers: the same as in `net`.
        workspace: how many numbers a pass needs.
    """

    net: Array
    layers: Array
    head: Array
    numbers: int
    workspace: int

    def __init__(self, time: int, streams: int, windows: int) -> None:
        self.time, self.streams, self.windows = time, streams, windows

    @abc.abstractmethod
    def views(self, weights: Array) -> Iterator[Array]:
        """For each of the network's parameters the part of the laid-out weights that is its own.

        Args:
            weights: (numbers,).
        """

    def put_fixed(self, weights: Array) -> None:  # noqa: B027
        """Put the weights that are not trained, where there are any.

        Args:
            weights: (numbers,).
        """

    @final
    def fits(self, time: int, streams: int, windows: int) -> bool:
        """Whether a pass of this size has room."""
        return time <= self.time and streams <= self.streams and windows <= self.windows

    @final
    def _put_head_weights(self, place: Places, head: Sequence[tuple[int, int]]) -> Array:
        """Lay out the weights of a head of layers with these inputs and outputs."""
        layers = np.zeros(len(head), HEAD)
        for (inputs, outputs), layer in zip(head, layers, strict=True):
            layer["inputs"], layer["outputs"] = inputs, outputs
            layer["width"] = rounded_up(outputs, COLUMNS)
            layer["weight"] = place((inputs + 1) * layer["width"])
        return layers

    @final
    def _put_head(self, place: Places) -> None:
        """Lay out what the head needs in a pass."""
        samples = self.time * self.streams
        for layer in self.head:
            layer["back_row"] = rounded_up(layer["inputs"], COLUMNS)
            layer["back"] = place(rounded_up(layer["outputs"], 8) * layer["back_row"])
            layer["row"] = rounded_up(layer["outputs"] + 1, COLUMNS)
            layer["values"] = place(samples * layer["row"])
            layer["slopes"] = place(samples * layer["width"])

    @final
    def _head_views(self, weights: Array) -> Iterator[Array]:
        for layer in self.head:
            inputs, outputs, start = (int(layer[k]) for k in ("inputs", "outputs", "weight"))
            columns = int(layer["width"])
            block = weights[start : start + (inputs + 1) * columns].reshape(-1, columns)
            yield block[:inputs, :outputs].T
            yield block[inputs, :outputs]


@final
class Places:
    """Gives out places one after the other, each at the start of a cache line."""

    def __init__(self) -> None:
        self.end = 0

    def __call__(self, count: Any) -> int:
        """Where so many numbers may lie."""
        start = self.end
        self.end += rounded_up(count, 16)
        return start

    def rounded_end(self) -> int:
        """How many numbers there are, in whole rows of what goes through all of them."""
        return rounded_up(self.end, 64)


def aligned(count: int, dtype: npt.DTypeLike) -> Array:
    """Zeros that begin at the start of a cache line."""
    size = np.dtype(dtype).itemsize
    room = np.zeros(count + 64 // size, dtype)
    skip = (-room.ctypes.data % 64) // size
    return room[skip : skip + count]


def rounded_up(count: Any, multiple: int) -> int:
    """The least multiple of a number that is not below `count`."""
    return math.ceil(int(count) / multiple) * multiple
