"""The modules that a model builds, and how near their numbers must be."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, final

import attrs
import torch
from torch import Tensor

from seqfit import states
from seqfit.models.base import Model, StreamModule
from seqfit.signals.base import Array
from seqfit.states import State
from seqfit.testing.laws import Broken, describe

# Relative to the largest number: what rounding leaves over some dozens of samples.
_TOLERANCES = {torch.float64: 1e-8, torch.float32: 1e-4}


@final
@attrs.frozen
class Builder:
    """Builds the same module again and again.

    Attributes:
        model: the model.
        inputs: number of input channels.
        outputs: number of output channels.
        seed: of the weights.
    """

    model: Model
    inputs: int
    outputs: int
    seed: int

    def __str__(self) -> str:
        return describe(self.model)

    def build(self, dtype: torch.dtype = torch.float64) -> StreamModule:
        """A module with the weights of the seed."""
        # Not torch.manual_seed, which records a traceback for each device that isn't there.
        torch.default_generator.manual_seed(self.seed)
        module = self.model.build(self.inputs, self.outputs)
        if not isinstance(module, StreamModule):
            raise Broken(f"build() of {self} must give a StreamModule, got {module!r}")
        return module.to(dtype)


@contextlib.contextmanager
def isolated_torch() -> Iterator[None]:
    """Leave torch's generator and threads as they were; one thread is fastest at these sizes."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def run(module: StreamModule, x: Tensor) -> tuple[Tensor, State]:
    """A free run from the start, without gradients."""
    with torch.no_grad():
        out: tuple[Tensor, State] = module(x, module.start(x.shape[1]))
    return out


def as_tensor(x: Array, dtype: torch.dtype = torch.float64) -> Tensor:
    """Inputs of a model, (time, streams, inputs)."""
    return torch.from_numpy(x).to(dtype)


def leaves(state: State) -> list[Any]:
    """The tensors of a state, and whatever else is not a plain value."""
    found: list[Any] = []
    states.map_arrays(found.append, state)
    return found


def near(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are equal but for rounding."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.numel() == 0:
        return True
    a, b = a.detach(), b.detach()
    scale = max(1.0, float(b.abs().max()))
    return bool(((a - b).abs() <= _TOLERANCES[a.dtype] * scale).all())


def near_trees(a: State, b: State) -> bool:
    """Whether the tensors of two states are equal but for rounding."""
    tensors, others = leaves(a), leaves(b)
    return len(tensors) == len(others) and all(map(near, tensors, others))
