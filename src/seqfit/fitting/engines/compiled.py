"""Whole updates in compiled code, for the models, losses and optimizers that it knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from seqfit.fitting.engines.base import Run, RunOutcome, sample_weights
from seqfit.fitting.engines.compiled_optimizer import CompiledOptimizer, UnknownToCompiledError
from seqfit.fitting.engines.updates import (
    AVERAGES,
    GOOD,
    HUBER,
    L1,
    LOSS_NOT_FINITE,
    MSE,
    NORM_NOT_FINITE,
    STREAMS_AT_ONCE,
    block_gradient,
    blocks_of,
    make_updates,
    memory_size,
    step,
)
from seqfit.models.base import Compilable, StreamModule
from seqfit.models.kernels.network import Layout, Network, aligned, state_array, state_of
from seqfit.models.kernels.products import Array

_LOSSES = {"l1": L1, "mse": MSE, "huber": HUBER}


@final
class CompiledUpdates:
    """Makes many updates at a time, optimizer included, on the torch module's own weights.

    Before and after a run of updates the module and the optimizer are as torch would have left
    them, so that another engine can go on at any time.

    Args:
        module: the model.
        parameters: its parameters.
        optimizer: torch's optimizer of them.
        scheduler: torch's schedule of its rate, if there is one.
        loss: the loss, as the experiment has it.
        clip: greatest norm of a gradient, if there is one.

    Raises:
        UnknownToCompiledError: something in it is not known.
    """

    name = "compiled"

    def __init__(
        self,
        module: StreamModule,
        parameters: Sequence[torch.nn.Parameter],
        optimizer: torch.optim.Optimizer,
        scheduler: torch.optim.lr_scheduler.LRScheduler | None,
        loss: Any,
        clip: float | None,
    ) -> None:
        if not isinstance(loss, str) or loss not in _LOSSES:
            raise UnknownToCompiledError(f"the loss {getattr(loss, '__name__', loss)}")
        self._network = _known_network(module, parameters)
        self._parameters = parameters
        self._dtype = parameters[0].detach().numpy().dtype
        self._optimizer = CompiledOptimizer(optimizer, scheduler, self._network.parameters)
        self._settings = self._optimizer.settings(_LOSSES[loss], clip)
        self._scales = self._network.scales(self._dtype)
        self._layout: Layout | None = None
        self._memory = np.empty(0, self._dtype)
        self._views: list[list[Array]] = []

    @property
    def is_compiled(self) -> bool:
        """Whether this process has the machine code already."""
        signatures = make_updates._dispatcher.signatures  # type: ignore[attr-defined]
        return any(str(signature[0].dtype) == self._dtype.name for signature in signatures)

    def make(self, run: Run, step_rate: Callable[[], None]) -> RunOutcome:
        """Make updates, fewer than were asked for where one diverges.

        Args:
            run: which updates, on which samples.
            step_rate: goes on to the learning rate of the next update.
        """
        update = run.update
        time, streams = update.lookback + update.length, run.x.shape[1]
        given = np.array([position for position, _ in run.boundaries])
        ends = given[-1] + update.length * np.arange(1, run.count + 1)
        boundaries, begins = np.concatenate([given, ends]), ends - time
        starts = np.searchsorted(boundaries, begins, side="right") - 1
        skips = begins - boundaries[starts]
        layout = self._laid_out(int(skips.max()) + time, streams, -(-time // update.window))
        states = self._states_of(run)
        self._load()
        rates, losses = self._optimizer.rates(run.count, step_rate), np.empty(run.count)
        where = (run.x.numpy(), run.y.numpy(), states, starts, boundaries[starts], skips)
        weights = sample_weights(update, torch.float64, run.x.device).numpy()
        how = (update.lookback, update.length, update.window, weights)
        make = self._make_alone if self._threads_for(streams) == 1 else self._make_in_threads
        done, end, value = make(layout, where, how, rates, losses)
        self._optimizer.made(done, run.count, step_rate)
        self._store(done)
        kept = range(len(given) + max(0, done - run.keep), len(given) + done)
        what = "the loss" if end == LOSS_NOT_FINITE else "the norm of the gradient"
        return RunOutcome(
            losses=losses[:done].tolist(),
            states=[state_of(states[i]) for i in kept],
            failure=None if end == GOOD else f"{what} is {value}",
        )

    def copy_weights_before(self, done: int, into: Sequence[Tensor]) -> None:
        """Copy the weights before the last of the updates that were just made."""
        views = self._views[(done + 1) % 2]
        own = {id(p): v for p, v in zip(self._network.parameters, views, strict=True)}
        for parameter, tensor in zip(self._parameters, into, strict=True):
            tensor.numpy()[...] = own[id(parameter)].reshape(tensor.shape)

    def _make_alone(
        self, layout: Layout, where: Any, how: Any, rates: Array, losses: Array
    ) -> tuple[int, int, float]:
        x, y, states, starts, firsts, skips = where
        lookback, length, window, weights = how
        return make_updates(
            self._memory, layout.net, layout.layers, layout.head, self._settings, x, y, states,
            starts, firsts, skips, lookback, length, window, weights, rates,
            self._optimizer.steps, losses, *self._scales,
        )  # fmt: skip

    def _make_in_threads(
        self, layout: Layout, where: Any, how: Any, rates: Array, losses: Array
    ) -> tuple[int, int, float]:
        """What `make_updates` does, with the blocks of streams on several threads."""
        x, y, states, starts, firsts, skips = where
        lookback, length, window, weights = how
        streams, numbers = x.shape[1], layout.numbers
        blocks, threads = blocks_of(streams), self._threads_for(streams)
        gradients, base = memory_size(numbers, 0, 0, 0), memory_size(numbers, streams, 0, 0)
        given, steps = len(states) - len(starts), self._optimizer.steps
        parts = (self._memory, layout.net, layout.layers, layout.head)

        def some(thread: int, i: int) -> list[float]:
            place = base + thread * layout.workspace
            return [
                block_gradient(
                    *parts, i % 2 * numbers, place, gradients + block * numbers, x, y,
                    states[starts[i]], states[given + i], block * STREAMS_AT_ONCE,
                    min(STREAMS_AT_ONCE, streams - block * STREAMS_AT_ONCE), firsts[i], skips[i],
                    lookback, window, weights, self._settings[0]["loss"], *self._scales,
                )
                for block in range(thread, blocks, threads)
            ]  # fmt: skip

        with ThreadPoolExecutor(threads) as pool:
            for i in range(len(starts)):
                totals = [0.0] * blocks
                for thread, found in enumerate(pool.map(some, range(threads), [i] * threads)):
                    totals[thread::threads] = found
                losses[i] = sum(totals) / (length * streams * y.shape[2])
                if not np.isfinite(losses[i]):
                    return i, LOSS_NOT_FINITE, losses[i]
                norm = step(
                    self._memory, layout.net, i % 2 * numbers, (i + 1) % 2 * numbers, 2 * numbers,
                    gradients, blocks, self._settings, rates[i], steps + i,
                )  # fmt: skip
                if not np.isfinite(norm):
                    return i, NORM_NOT_FINITE, norm
        return len(starts), GOOD, 0.0

    def _threads_for(self, streams: int) -> int:
        return min(torch.get_num_threads(), blocks_of(streams))

    def _laid_out(self, time: int, streams: int, windows: int) -> Layout:
        """A layout with room for a pass, and memory for it."""
        threads = self._threads_for(streams)
        layout, at_once = self._layout, min(streams, STREAMS_AT_ONCE)
        if layout is not None and layout.fits(time, at_once, windows):
            size = memory_size(layout.numbers, streams, layout.workspace, threads)
            if size <= len(self._memory):
                return layout
        layout = Layout(self._network, time, at_once, windows)
        size = memory_size(layout.numbers, streams, layout.workspace, threads)
        self._layout, self._memory = layout, aligned(size, self._dtype)
        sets = self._memory[: (2 + AVERAGES) * layout.numbers].reshape(-1, layout.numbers)
        self._views = [[*layout.views(numbers)] for numbers in sets]
        return layout

    def _states_of(self, run: Run) -> Array:
        """States at the boundaries given, with room for those after the updates."""
        network = self._network
        shape = (network.parts, len(network.layers), run.x.shape[1], network.hidden)
        states = np.empty((len(run.boundaries) + run.count, *shape), self._dtype)
        for index, (_, state) in enumerate(run.boundaries):
            states[index] = state_array(state)
        return states

    def _load(self) -> None:
        for parameter, view in zip(self._network.parameters, self._views[0], strict=True):
            view[...] = parameter.detach().numpy().reshape(view.shape)
        self._optimizer.load(self._views[2:])

    def _store(self, done: int) -> None:
        for parameter, view in zip(self._network.parameters, self._views[done % 2], strict=True):
            parameter.detach().numpy()[...] = view.reshape(parameter.shape)
        self._optimizer.store(self._views[2:], done)


def _known_network(module: StreamModule, parameters: Sequence[torch.nn.Parameter]) -> Network:
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
