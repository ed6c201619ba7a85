"""The memory in which compiled code works, and what it knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import torch

from seqfit.fitting.engines.compiled_optimizer import UnknownToCompiledError
from seqfit.fitting.engines.updates import (
    AVERAGES,
    HUBER,
    L1,
    MSE,
    STREAMS_AT_ONCE,
    Kernels,
    kernels_of,
    memory_size,
)
from seqfit.models.base import Compilable, StreamModule
from seqfit.models.kernels.network import Layout, Network, aligned
from seqfit.models.kernels.products import Array

_LOSSES = {"l1": L1, "mse": MSE, "huber": HUBER}


@final
class Room:
    """The memory of an engine, laid out for a network; it grows with what is asked for.

    Args:
        network: what is computed.

    Attributes:
        dtype: of all numbers.
        memory: see `seqfit.fitting.engines.updates`.
        sets: the network's parameters in each set of numbers: two of weights, then the averages.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._layout: Layout | None = None
        self.dtype = network.parameters[0].detach().numpy().dtype
        self.memory = np.empty(0, self.dtype)
        self.sets: list[list[Array]] = []

    def laid_out(self, time: int, streams: int, windows: int, threads: int) -> Layout:
        """A layout with room for a pass, and memory for it."""
        layout, at_once = self._layout, min(streams, STREAMS_AT_ONCE)
        if layout is not None and layout.fits(time, at_once, windows):
            size = memory_size(layout.numbers, streams, layout.workspace, threads)
            if size <= len(self.memory):
                return layout
        layout = self._network.layout(time, at_once, windows)
        size = memory_size(layout.numbers, streams, layout.workspace, threads)
        self._layout, self.memory = layout, aligned(size, self.dtype)
        sets = self.memory[: (2 + AVERAGES) * layout.numbers].reshape(-1, layout.numbers)
        self.sets = [[*layout.views(numbers)] for numbers in sets]
        for weights in sets[:2]:
            layout.put_fixed(weights)
        return layout

    def load_weights(self) -> None:
        """Copy the weights of the module into the first set."""
        for parameter, view in zip(self._network.parameters, self.sets[0], strict=True):
            view[...] = parameter.detach().numpy().reshape(view.shape)

    @property
    def kernels(self) -> Kernels:
        """What is compiled for the network."""
        return kernels_of(self._network)

    def is_compiled(self, function: Any) -> bool:
        """Whether this process has the machine code of a function for these numbers already."""
        signatures = function._dispatcher.signatures
        return any(str(signature[0].dtype) == self.dtype.name for signature in signatures)


def known_loss(loss: Any) -> int:
    """The number of a loss.

    Raises:
        UnknownToCompiledError: compiled code does not know it.
    """
    if not isinstance(loss, str) or loss not in _LOSSES:
        raise UnknownToCompiledError(f"the loss {getattr(loss, '__name__', loss)}")
    return _LOSSES[loss]


def known_network(module: StreamModule, parameters: Sequence[torch.nn.Parameter]) -> Network:
    """What a module computes, where all of it is known.

    Raises:
        UnknownToCompiledError: something in it is not.
    """
    network = module.network() if isinstance(module, Compilable) else None
    if network is None:
        raise UnknownToCompiledError(f"the module {type(module).__name__.lstrip('_')}")
    if {*map(id, network.parameters)} != {*map(id, parameters)}:
        raise UnknownToCompiledError("parameters beside the network's own")
    for parameter in parameters:
        if parameter.device.type != "cpu":
            raise UnknownToCompiledError(f"the device {parameter.device}")
        if not parameter.requires_grad or parameter._backward_hooks:
            raise UnknownToCompiledError("parameters that are fixed or have hooks")
    return network
