"""Whole updates in compiled code, for the models, losses and optimizers that it knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from seqfit.fitting.engines.base import Run, RunOutcome, sample_weights
from seqfit.fitting.engines.compiled_optimizer import CompiledOptimizer
from seqfit.fitting.engines.room import Room, known_loss, known_network
from seqfit.fitting.engines.updates import (
    GOOD,
    LOSS_NOT_FINITE,
    NORM_NOT_FINITE,
    STREAMS_AT_ONCE,
    blocks_of,
    memory_size,
    step,
)
from seqfit.models.base import StreamModule
from seqfit.models.kernels.network import Layout
from seqfit.models.kernels.products import Array


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
        self._network = known_network(module, parameters)
        self._parameters = parameters
        self._optimizer = CompiledOptimizer(optimizer, scheduler, self._network.parameters)
        self._settings = self._optimizer.settings(known_loss(loss), clip)
        self._room = Room(self._network)
        self._scales = self._network.scales(self._room.dtype)

    @property
    def is_compiled(self) -> bool:
        """Whether this process has the machine code already."""
        return self._room.is_compiled(self._room.kernels.make_updates)

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
        windows, threads = -(-time // update.window), self._threads_for(streams)
        layout = self._room.laid_out(int(skips.max()) + time, streams, windows, threads)
        states = self._states_of(run)
        self._load()
        rates, losses = self._optimizer.rates(run.count, step_rate), np.empty(run.count)
        where = (run.x.numpy(), run.y.numpy(), states, starts, boundaries[starts], skips)
        weights = sample_weights(update, torch.float64, run.x.device).numpy()
        how = (update.lookback, update.length, update.window, weights)
        make = self._make_alone if threads == 1 else self._make_in_threads
        done, end, value = make(layout, where, how, rates, losses)
        self._optimizer.made(done, run.count, step_rate)
        self._store(done)
        kept = range(len(given) + max(0, done - run.keep), len(given) + done)
        what = "the loss" if end == LOSS_NOT_FINITE else "the norm of the gradient"
        return RunOutcome(
            losses=losses[:done].tolist(),
            states=[self._network.state_of(states[i]) for i in kept],
            failure=None if end == GOOD else f"{what} is {value}",
        )

    def copy_weights_before(self, done: int, into: Sequence[Tensor]) -> None:
        """Copy the weights before the last of the updates that were just made."""
        views = self._room.sets[(done + 1) % 2]
        own = {id(p): v for p, v in zip(self._network.parameters, views, strict=True)}
        for parameter, tensor in zip(self._parameters, into, strict=True):
            tensor.numpy()[...] = own[id(parameter)].reshape(tensor.shape)

    def _make_alone(
        self, layout: Layout, where: Any, how: Any, rates: Array, losses: Array
    ) -> tuple[int, int, float]:
        x, y, states, starts, firsts, skips = where
        lookback, length, window, weights = how
        return self._room.kernels.make_updates(  # type: ignore[no-any-return]
            self._room.memory, layout.net, layout.layers, layout.head, self._settings, x, y, states,
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
        parts = (self._room.memory, layout.net, layout.layers, layout.head)
        gradient_of = self._room.kernels.block_gradient

        def some(thread: int, i: int) -> list[float]:
            place = base + thread * layout.workspace
            return [
                gradient_of(
                    *parts, i % 2 * numbers, place, gradients + block * numbers, x, y,
                    states[starts[i]], states[given + i], block * STREAMS_AT_ONCE,
                    min(STREAMS_AT_ONCE, streams - block * STREAMS_AT_ONCE), streams, firsts[i],
                    skips[i], lookback, window, weights, self._settings[0]["loss"], *self._scales,
                )[0]
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
                    self._room.memory, layout.net, i % 2 * numbers, (i + 1) % 2 * numbers,
                    2 * numbers, gradients, blocks, self._settings, rates[i], steps + i,
                )  # fmt: skip
                if not np.isfinite(norm):
                    return i, NORM_NOT_FINITE, norm
        return len(starts), GOOD, 0.0

    def _threads_for(self, streams: int) -> int:
        return min(torch.get_num_threads(), blocks_of(streams))

    def _states_of(self, run: Run) -> Array:
        """States at the boundaries given, with room for those after the updates."""
        parts, layers, hidden = self._network.state_shape
        shape = (len(run.boundaries) + run.count, parts, layers, run.x.shape[1], hidden)
        states = np.empty(shape, self._room.dtype)
        for index, (_, state) in enumerate(run.boundaries):
            states[index] = self._network.state_array(state)
        return states

    def _load(self) -> None:
        self._room.load_weights()
        self._optimizer.load(self._room.sets[2:])

    def _store(self, done: int) -> None:
        for parameter, view in zip(
            self._network.parameters, self._room.sets[done % 2], strict=True
        ):
            parameter.detach().numpy()[...] = view.reshape(parameter.shape)
        self._optimizer.store(self._room.sets[2:], done)
