"""What goes over the pipes between the benchmark and a peer; it needs NumPy alone.

A message is a line of JSON and the bytes of its float32 arrays, whose shapes the line holds. The
benchmark asks, the peer answers each message with one. A peer times its own work, so that the pipes
are not in it: from NumPy arrays in its own memory until the weights or outputs are ready.
"""

from __future__ import annotations

import abc
import json
import math
import os
import sys
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]


class Times(NamedTuple):
    """Seconds that a peer took to work, and to compile for it, which is apart."""

    working: float
    compiling: float = 0.0


class Trainer(abc.ABC):
    """The peer's side of a contender; it is constructed from a `Work`'s fields and weights."""

    @abc.abstractmethod
    def train(self, x: Samples, y: Samples) -> Times:
        """Train on the next samples, (time, streams, 1): whole updates."""

    @abc.abstractmethod
    def weights(self) -> Samples:
        """All weights in one vector, in torch's order: the GRU's, then the head's."""


class Runner(abc.ABC):
    """A peer's network run without training; it is constructed likewise."""

    @abc.abstractmethod
    def run(self, x: Samples) -> tuple[Samples, Times]:
        """Outputs of a run from the zero state, (time, streams, 1)."""


def send(pipe: BinaryIO, header: dict[str, Any], *arrays: Samples) -> None:
    """Write a message."""
    line = header | {"shapes": [array.shape for array in arrays]}
    pipe.write(json.dumps(line).encode() + b"\n")
    for array in arrays:
        pipe.write(np.ascontiguousarray(array, np.float32).tobytes())
    pipe.flush()


def receive(pipe: BinaryIO) -> tuple[dict[str, Any], list[Samples]]:
    """Read a message.

    Raises:
        EOFError: the other side has ended.
    """
    line = pipe.readline()
    if not line:
        raise EOFError("the other side of the pipe has ended")
    header = json.loads(line)
    arrays = []
    for shape in header.pop("shapes"):
        data = pipe.read(4 * math.prod(shape))
        arrays.append(np.frombuffer(data, np.float32).reshape(shape).copy())
    return header, arrays


def serve(**kinds: Callable[..., Trainer] | Callable[..., Runner]) -> None:
    """Answer on standard input and output until the benchmark closes them.

    Args:
        kinds: what the first message may ask for: ``trainer`` or ``runner``.
    """
    inwards, outwards = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not end up between the messages
    header, (weights,) = receive(inwards)
    worker = kinds[header["kind"]](header["work"], header["rate"], weights)
    send(outwards, {})
    while True:
        try:
            header, arrays = receive(inwards)
        except EOFError:
            return
        if header["do"] == "train":
            send(outwards, worker.train(*arrays)._asdict())
        elif header["do"] == "run":
            outputs, times = worker.run(*arrays)
            send(outwards, times._asdict(), outputs)
        else:
            send(outwards, {}, worker.weights())
