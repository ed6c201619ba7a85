"""Whole updates in compiled code: passes, loss, clipping and the optimizer's step.

The memory of an engine is one flat array. In it lie, each `numbers` long: two sets of weights, of
which the steps make one from the other in turn, so that the weights before a step are there if
it was the one too many; the optimizer's averages; a gradient for each block of streams. After
these come the workspaces of the passes.
"""

from __future__ import annotations

import math
from typing import Any, final

import attrs
import numpy as np

from seqfit.compiling import compiled, compiled_in_place, replacing
from seqfit.fitting.engines.steps import (
    adam_step,
    add_squares,
    amsgrad_step,
    nesterov_step,
    sgd_step,
)
from seqfit.models.kernels import map_passes, passes
from seqfit.models.kernels.map_network import MapNetwork
from seqfit.models.kernels.network import Network
from seqfit.models.kernels.passes import (
    backward,
    forward,
    put_samples,
    put_state,
    take_state,
)
from seqfit.models.kernels.products import Array
from seqfit.models.kernels.steps import add, clear

L1, MSE, HUBER = range(3)
"""Numbers of the losses."""

ADAM, AMSGRAD, SGD, NESTEROV = range(4)
"""Numbers of the optimizers."""

AVERAGES = 3
"""Sets of numbers that an optimizer may keep."""

GOOD, LOSS_NOT_FINITE, NORM_NOT_FINITE = range(3)
"""How a run of updates ended."""

STREAMS_AT_ONCE = 32
"""Streams of a block. Blocks are summed in order, so threads don't change the numbers."""

_SQUARES = 64  # sums of squares that are taken side by side

SETTINGS = np.dtype(
    [
        ("loss", np.int64),
        ("optimizer", np.int64),
        ("clip", np.float64),  # infinite where there is none
        ("beta2", np.float64),
        ("eps", np.float64),
        ("dampening", np.float64),
        ("decoupled", np.int64),
        ("sign", np.float64),  # -1 to maximise
    ]
)


@compiled_in_place
def _score(
    memory: Array, net: Any, head: Any, base: int, y: Array, first: int, skipped: int, time: int,
    stream: int, streams: int, live: int, sample_weights: Array, lookback: int, loss: int,
    offset: Array, scale: Array,
) -> tuple[float, float]:  # fmt: skip
    """Fill in the slopes of the outputs.

    Outputs that are not a number are missing, and add nothing.

    Returns:
        The sum of the losses of the new samples of live streams, and the weighted loss of all.
    """
    last = head[len(head) - 1]
    outputs = net[0].outputs
    share = 1.0 / (y.shape[1] * outputs)
    zero = memory.dtype.type(0)
    total, objective = 0.0, 0.0
    for t in range(time):
        weight = sample_weights[t] * share
        for b in range(streams):
            row = (skipped + t) * streams + b
            values, slopes = base + last.values + row * last.row, base + last.slopes
            slopes += row * last.width
            for j in range(outputs):
                prediction = memory[values + j] * scale[j] + offset[j]
                wanted = y[first + t, stream + b, j]
                error = prediction - wanted
                size = abs(error)
                if wanted != wanted:  # missing
                    value, slope = zero, zero
                elif loss == L1:
                    value, slope = size, np.sign(error)
                elif loss == MSE:
                    value, slope = error * error, error + error
                elif size < 1:
                    value, slope = 0.5 * error * error, error
                else:
                    value, slope = size - 0.5, np.sign(error)
                memory[slopes + j] = slope * weight * scale[j]
                objective += weight * value
                if t >= lookback and stream + b < live:
                    total += value
    return total, objective


@compiled_in_place
def block_gradient(
    memory: Array, net: Any, layers: Any, head: Any, weights: int, base: int, gradient: int,
    x: Array, y: Array, before: Array, after: Array, stream: int, streams: int, live: int,
    first: int, skipped: int, lookback: int, window: int, sample_weights: Array, loss: int,
    input_offset: Array, input_scale: Array, output_offset: Array, output_scale: Array,
) -> tuple[float, float]:  # fmt: skip
    """The gradient of an update by some of its streams, and the state after it.

    Args:
        memory: see above.
        net: see `Layout`.
        layers: see `Layout`.
        head: see `Layout`.
        weights: where the weights lie.
        base: where a workspace lies.
        gradient: where the gradient is written.
        x: inputs, (time, streams, inputs).
        y: what should come out, (time, streams, outputs).
        before: the state before sample `first`, (parts, layers, streams, hidden).
        after: filled with the state after the update.
        stream: first of the streams.
        streams: how many.
        live: leading streams of which the loss is recorded.
        first: first sample.
        skipped: samples that are run through before the update's.
        lookback: samples of the update that are not new.
        window: truncation length.
        sample_weights: weight of each sample of the update in its loss, (time,).
        loss: number of the loss.
        input_offset: see `put_samples`.
        input_scale: see `put_samples`.
        output_offset: see `put_outputs`.
        output_scale: see `put_outputs`.

    Returns:
        Sum of the losses of the new samples of live streams, and the weighted loss of all.
    """
    time = len(sample_weights)
    seen = x[first : first + skipped + time]
    put_samples(memory, net, layers, base, seen, stream, streams, input_offset, input_scale)
    put_state(memory, net, layers, base, before, stream, streams)
    forward(memory, net, layers, head, weights, base, skipped + time, streams)
    take_state(memory, net, layers, base, after, stream, streams, skipped + time)
    losses = _score(
        memory, net, head, base, y, first + skipped, skipped, time, stream, streams, live,
        sample_weights, lookback, loss, output_offset, output_scale,
    )  # fmt: skip
    backward(memory, net, layers, head, weights, base, gradient, skipped, time, streams, window)
    return losses


@compiled
def make_gradient(
    memory: Array, net: Any, layers: Any, head: Any, x: Array, y: Array, before: Array,
    after: Array, live: int, lookback: int, window: int, sample_weights: Array, loss: int,
    input_offset: Array, input_scale: Array, output_offset: Array, output_scale: Array,
) -> tuple[float, float]:  # fmt: skip
    """The gradient of one update, and the state after it.

    Args:
        memory: see above; the gradient is left in that of the first block.
        net: see `Layout`.
        layers: see `Layout`.
        head: see `Layout`.
        x: inputs, (time, streams, inputs).
        y: what should come out, (time, streams, outputs).
        before: the state before the first sample, (parts, layers, streams, hidden).
        after: filled with the state after the last one.
        live: leading streams of which the loss is recorded.
        lookback: samples that are not new.
        window: truncation length.
        sample_weights: weight of each sample in the loss, (time,).
        loss: number of the loss.
        input_offset: see `put_samples`.
        input_scale: see `put_samples`.
        output_offset: see `put_outputs`.
        output_scale: see `put_outputs`.

    Returns:
        Mean loss over the new samples of live streams, and the weighted loss of all.
    """
    streams, numbers = x.shape[1], net[0].numbers
    blocks = (streams + STREAMS_AT_ONCE - 1) // STREAMS_AT_ONCE
    gradients = (2 + AVERAGES) * numbers + _SQUARES
    base, total, objective = gradients + blocks * numbers, 0.0, 0.0
    for block in range(blocks):
        stream = block * STREAMS_AT_ONCE
        recorded, weighted = block_gradient(
            memory, net, layers, head, 0, base, gradients + block * numbers, x, y, before, after,
            stream, min(STREAMS_AT_ONCE, streams - stream), live, 0, 0, lookback, window,
            sample_weights, loss, input_offset, input_scale, output_offset, output_scale,
        )  # fmt: skip
        total += recorded
        objective += weighted
    for block in range(1, blocks):
        add(memory, numbers, 1, (gradients, 0, gradients + block * numbers, 0), ())
    return total / ((len(x) - lookback) * live * y.shape[2]), objective


@compiled_in_place
def step(
    memory: Array, net: Any, weights: int, new: int, averages: int, gradients: int, blocks: int,
    settings: Any, rates: Array, steps: float,
) -> float:  # fmt: skip
    """Sum the gradients of the blocks, clip, and make one step of the optimizer.

    Args:
        memory: see above.
        net: see `Layout`.
        weights: where the weights lie.
        new: where the weights after the step are written.
        averages: where the optimizer's averages lie.
        gradients: where the gradients of the blocks lie.
        blocks: how many.
        settings: see `SETTINGS`.
        rates: learning rate, beta1 or momentum, and weight decay of this step.
        steps: steps made before.

    Returns:
        The norm of the gradient; 0 where it is not clipped. No step is made where it is not
        finite.
    """
    numbers, trained = net[0].numbers, net[0].trained
    for block in range(1, blocks):
        add(memory, numbers, 1, (gradients, 0, gradients + block * numbers, 0), ())
    kind, norm, factor = settings[0].optimizer, 0.0, settings[0].sign
    if settings[0].clip < math.inf:
        sums = averages + AVERAGES * numbers
        clear(memory, _SQUARES, 1, (sums, 0), ())
        add_squares(memory, _SQUARES, trained // _SQUARES, (sums, 0, gradients, _SQUARES), ())
        for j in range(_SQUARES):
            norm += memory[sums + j]
        norm = math.sqrt(norm)
        if not math.isfinite(norm):
            return norm
        factor *= min(1.0, settings[0].clip / (norm + 1e-6))
    rate, beta1, weight_decay = rates[0], rates[1], rates[2]
    first, second, third = averages, averages + numbers, averages + 2 * numbers
    if kind in (ADAM, AMSGRAD):
        beta2, count = settings[0].beta2, steps + 1.0
        keep = 1.0
        if settings[0].decoupled:
            keep, weight_decay = 1.0 - rate * weight_decay, 0.0
        by_root = 1.0 / math.sqrt(1.0 - beta2**count)
        scalars = (
            factor, weight_decay, keep, 1.0 - beta1, beta2, 1.0 - beta2,
            rate / (1.0 - beta1**count), by_root, settings[0].eps,
        )  # fmt: skip
        if kind == ADAM:
            places = (weights, 0, new, 0, gradients, 0, first, 0, second, 0)
            adam_step(memory, trained, 1, places, scalars)
        else:
            all_places = (weights, 0, new, 0, gradients, 0, first, 0, second, 0, third, 0)
            amsgrad_step(memory, trained, 1, all_places, scalars)
    else:
        fresh = 1.0 if steps == 0 else 1.0 - settings[0].dampening
        sgd_scalars = (factor, weight_decay, beta1, fresh, rate)
        sgd_places = (weights, 0, new, 0, gradients, 0, first, 0)
        if kind == SGD:
            sgd_step(memory, trained, 1, sgd_places, sgd_scalars)
        else:
            nesterov_step(memory, trained, 1, sgd_places, sgd_scalars)
    return norm


@compiled
def make_updates(
    memory: Array, net: Any, layers: Any, head: Any, settings: Any, x: Array, y: Array,
    states: Array, starts: Array, firsts: Array, skips: Array, lookback: int, length: int,
    window: int, sample_weights: Array, rates: Array, steps: float, losses: Array,
    input_offset: Array, input_scale: Array, output_offset: Array, output_scale: Array,
) -> tuple[int, int, float]:  # fmt: skip
    """Make updates one after the other.

    Args:
        memory: see above.
        net: see `Layout`.
        layers: see `Layout`.
        head: see `Layout`.
        settings: see `SETTINGS`.
        x: inputs, (time, streams, inputs).
        y: what should come out, (time, streams, outputs).
        states: of the model at each boundary, (boundaries, parts, layers, streams, hidden); those
            after the updates are filled in, the last of all at the end.
        starts: the boundary from which each update starts.
        firsts: the sample there.
        skips: samples to run through from there before the update's own.
        lookback: samples of an update that are not new.
        length: new samples of an update.
        window: truncation length.
        sample_weights: weight of each sample of an update in its loss, (time,).
        rates: learning rate, beta1 or momentum, and weight decay of each update, (updates, 3).
        steps: steps that the optimizer has made before.
        losses: filled with the mean loss over the new samples of each update.
        input_offset: see `put_samples`.
        input_scale: see `put_samples`.
        output_offset: see `put_outputs`.
        output_scale: see `put_outputs`.

    Returns:
        How many updates were made, how the run ended, and the loss or norm that ended it.
    """
    streams, numbers = x.shape[1], net[0].numbers
    blocks = (streams + STREAMS_AT_ONCE - 1) // STREAMS_AT_ONCE
    gradients = (2 + AVERAGES) * numbers + _SQUARES
    base = gradients + blocks * numbers
    given = len(states) - len(starts)  # boundaries that were there before
    count = length * streams * y.shape[2]
    for i in range(len(starts)):
        weights, new = (i % 2) * numbers, ((i + 1) % 2) * numbers
        total = 0.0
        for block in range(blocks):
            stream = block * STREAMS_AT_ONCE
            recorded, _ = block_gradient(
                memory, net, layers, head, weights, base, gradients + block * numbers, x, y,
                states[starts[i]], states[given + i], stream,
                min(STREAMS_AT_ONCE, streams - stream), streams, firsts[i], skips[i], lookback,
                window, sample_weights, settings[0].loss, input_offset, input_scale,
                output_offset, output_scale,
            )  # fmt: skip
            total += recorded
        losses[i] = total / count
        if not math.isfinite(losses[i]):
            return i, LOSS_NOT_FINITE, losses[i]
        norm = step(
            memory, net, weights, new, 2 * numbers, gradients, blocks, settings, rates[i],
            steps + i,
        )  # fmt: skip
        if not math.isfinite(norm):
            return i, NORM_NOT_FINITE, norm
    return len(starts), GOOD, 0.0


@final
@attrs.frozen(eq=False)
class Kernels:
    """The compiled functions of this file, for a kind of network.

    Attributes:
        make_updates: see there.
        make_gradient: see there.
        block_gradient: see there.
    """

    make_updates: Any
    make_gradient: Any
    block_gradient: Any


_RECURRENT = Kernels(make_updates, make_gradient, block_gradient)
_IN_PLACE_OF_RECURRENT = {
    getattr(passes, name): getattr(map_passes, name)
    for name in ("put_samples", "put_state", "take_state", "forward", "backward")
}
_MAP = Kernels(
    *(
        replacing(function, _IN_PLACE_OF_RECURRENT)
        for function in (make_updates, make_gradient, block_gradient)
    )
)


def kernels_of(network: Network) -> Kernels:
    """The compiled functions for a network."""
    return _MAP if isinstance(network, MapNetwork) else _RECURRENT


def memory_size(numbers: int, streams: int, workspace: int, workspaces: int) -> int:
    """Numbers in the memory of an engine.

    Args:
        numbers: weights, see `Layout`.
        streams: number of streams.
        workspace: numbers of a workspace, see `Layout`.
        workspaces: how many passes may run at a time.
    """
    sets = 2 + AVERAGES + blocks_of(streams)
    return sets * numbers + _SQUARES + workspaces * workspace


def blocks_of(streams: int) -> int:
    """In how many blocks streams are taken."""
    return -(-streams // STREAMS_AT_ONCE)
