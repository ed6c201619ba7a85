"""Who takes part in the speed benchmark, each with the same weights, samples and updates."""

from __future__ import annotations

import abc
import time
from collections.abc import Sequence
from typing import final

import numpy as np
import torch
from torch import Tensor

from benchmarks.work import Samples, Work
from seqfit import Fitter
from seqfit.fitting import Callback, TorchOptimizer
from seqfit.models import GRU, Model, Wrap
from seqfit.schedules import Accumulate
from seqfit.signals import RandomHold
from seqfit.targets import SaturatedIntegral

RATE = 2e-4


class Contender(abc.ABC):
    """Trains on given samples, call after call."""

    @abc.abstractmethod
    def train(self, x: Samples, y: Samples) -> float:
        """Train on the next samples, (time, streams, 1): whole updates.

        Returns:
            seconds from the arrays in memory to the trained weights, without compilation.
        """

    @abc.abstractmethod
    def weights(self) -> Samples:
        """All weights in one vector."""


class Here(Contender):
    """One that trains in this process. What it compiles, it compiles in the first call."""

    @final
    def train(self, x: Samples, y: Samples) -> float:
        begin = time.perf_counter()
        self._train(x, y)
        return time.perf_counter() - begin

    @abc.abstractmethod
    def _train(self, x: Samples, y: Samples) -> None: ...


@final
class OfSeqfit(Here):
    """seqfit with one of its engines."""

    def __init__(
        self, work: Work, engine: str, device: str = "cpu", model: Model | None = None
    ) -> None:
        self._fitter = fitter_of(work, engine, device, model)

    def _train(self, x: Samples, y: Samples) -> None:
        self._fitter.partial_fit(x, y)  # it waits for the losses, so that the GPU is done too

    def weights(self) -> Samples:
        return _flat(self._fitter.module)


@final
class PlainLoop(Here):
    """The loop of 2017: sample after sample through torch, as one writes it by hand."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._net = _Net(work.hidden)
        self._optimizer = torch.optim.Adam(self._net.parameters(), lr=RATE)
        self._hidden = torch.zeros(1, work.streams, work.hidden)

    def _train(self, x: Samples, y: Samples) -> None:
        work, outputs, targets = self._work, [], []
        for index in range(len(x)):
            sample = torch.tensor(x[index : index + 1])
            out, self._hidden = self._net.recurrence(sample, self._hidden)
            outputs.append(self._net.head(out))
            targets.append(torch.tensor(y[index : index + 1]))
            ends = (index + 1) % work.every == 0
            if len(outputs) == work.window or ends:
                loss = torch.nn.functional.l1_loss(torch.cat(outputs), torch.cat(targets))
                loss.backward()
                self._hidden, outputs, targets = self._hidden.detach(), [], []
            if ends:
                self._optimizer.step()
                self._optimizer.zero_grad()

    def weights(self) -> Samples:
        return _flat(self._net)


@final
class WindowLoop(Here):
    """A plain loop that gives torch's GRU a whole window at a time."""

    def __init__(self, work: Work, device: str = "cpu") -> None:
        self._work = work
        self._device = torch.device(device)
        self._net = _Net(work.hidden).to(device)
        self._optimizer = torch.optim.Adam(self._net.parameters(), lr=RATE, fused=True)
        self._hidden = torch.zeros(1, work.streams, work.hidden, device=device)

    def _train(self, x: Samples, y: Samples) -> None:
        work = self._work
        inputs, targets = (torch.from_numpy(array).to(self._device) for array in (x, y))
        for first in range(0, len(x), work.every):
            for start in range(first, first + work.every, work.window):
                window = slice(start, min(start + work.window, first + work.every))
                out, hidden = self._net.recurrence(inputs[window], self._hidden)
                torch.nn.functional.l1_loss(self._net.head(out), targets[window]).backward()
                self._hidden = hidden.detach()
            self._optimizer.step()
            self._optimizer.zero_grad()
        if self._device.type == "cuda":
            torch.cuda.synchronize()

    def weights(self) -> Samples:
        return _flat(self._net)


def fitter_of(
    work: Work,
    engine: str,
    device: str = "cpu",
    model: Model | None = None,
    callbacks: Sequence[Callback] = (),
) -> Fitter:
    """What seqfit's user writes for this work, with seqfit's GRU or a model of the user's own."""
    return Fitter(
        RandomHold(),
        SaturatedIntegral(),
        model or GRU(work.hidden, head=(work.hidden,)),
        Accumulate(work.window, work.every, streams=work.streams),
        optimizer=TorchOptimizer("Adam", {"lr": RATE, "fused": True}),
        engine=engine,
        device=device,
        callbacks=tuple(callbacks),
    )


def of_ones_own(work: Work) -> Model:
    """The same network, as a module that seqfit does not know."""
    return Wrap(
        lambda _inputs, _outputs: _Net(work.hidden),
        start=lambda streams: torch.zeros(1, streams, work.hidden),
        stream_axis=1,
    )


def first_weights(work: Work) -> Samples:
    """The weights that all start from, in one vector."""
    return _flat(_Net(work.hidden))


class _Net(torch.nn.Module):
    """The network of the work, with the weights that seqfit starts from."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.recurrence = torch.nn.GRU(1, hidden)
            self.head = torch.nn.Sequential(
                torch.nn.Linear(hidden, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, 1)
            )

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        out, state = self.recurrence(x, state)
        return self.head(out), state


def _flat(module: torch.nn.Module) -> Samples:
    return np.concatenate([p.detach().cpu().numpy().ravel() for p in module.parameters()])
