"""Passes of a map that is fed with its own values.

Each function does what its namesake in `seqfit.models.kernels.passes` does for recurrent networks,
with the same arguments.
"""

from __future__ import annotations

from typing import Any

from seqfit.compiling import compiled_in_place
from seqfit.models.kernels.passes import FEW, head_backward, multiply_back, run_head
from seqfit.models.kernels.products import Array
from seqfit.models.kernels.steps import clear, rectify, rectify_back, squash, squash_back
from seqfit.models.kernels.tiles import ADD, NEXT, REPLACE, multiply
from seqfit.models.kernels.transposes import transpose


@compiled_in_place
def put_samples(
    memory: Array, net: Any, layers: Any, base: int, x: Array, stream: int, streams: int,
    offset: Array, scale: Array,
) -> None:  # fmt: skip
    """See above."""
    inputs, width = net[0].inputs, net[0].row
    row = base + layers[0].operands
    for t in range(len(x)):
        for b in range(stream, stream + streams):
            for lag in range(min(t, net[0].lags) + 1):
                for j in range(inputs):
                    memory[row + lag * inputs + j] = (x[t - lag, b, j] - offset[j]) / scale[j]
            row += width


@compiled_in_place
def put_state(
    memory: Array, net: Any, layers: Any, base: int, state: Array, stream: int, streams: int
) -> None:
    """See above."""
    inputs, lags, size = net[0].inputs, net[0].lags, net[0].size
    for b in range(streams):
        row = base + layers[0].operands + b * net[0].row
        for j in range(size):
            memory[row + net[0].seen + j] = state[0, 0, stream + b, j]
        memory[row + net[0].seen + size] = 1
        for t in range(min(lags, net[0].time)):  # samples that see inputs before the first
            for j in range((lags - t) * inputs):
                memory[row + (t + 1) * inputs + j] = state[0, 0, stream + b, size + j]
            row += streams * net[0].row


@compiled_in_place
def take_state(
    memory: Array, net: Any, layers: Any, base: int, state: Array, stream: int, streams: int,
    time: int,
) -> None:  # fmt: skip
    """See above."""
    size = net[0].size
    for b in range(streams):
        row = base + layers[0].operands + (time * streams + b) * net[0].row
        for j in range(size):
            state[0, 0, stream + b, j] = memory[row + net[0].seen + j]
        row -= streams * net[0].row
        for j in range(net[0].lags * net[0].inputs):
            state[0, 0, stream + b, size + j] = memory[row + j]


@compiled_in_place
def forward(
    memory: Array, net: Any, layers: Any, head: Any, weights: int, base: int, time: int,
    streams: int,
) -> None:  # fmt: skip
    """See above."""
    row, units_row, new_row = net[0].row, net[0].units_row, net[0].new_row
    seen, size, new = net[0].seen, net[0].size, net[0].new
    for t in range(time):
        operands = base + layers[0].operands + t * streams * row
        units = base + layers[0].units + t * streams * units_row
        values = base + layers[0].new + t * streams * new_row
        multiply(
            memory, operands, row, NEXT, weights + layers[0].hidden, units_row, units, units_row,
            streams, units_row, seen + size + 1, REPLACE,
        )  # fmt: skip
        if net[0].tanh:
            squash(memory, units_row, streams, (units, units_row), ())
        else:
            rectify(memory, units_row, streams, (units, units_row), ())
        multiply(
            memory, operands, row, NEXT, weights + layers[0].linear, new_row, values, new_row,
            streams, new_row, seen + size + 1, REPLACE,
        )  # fmt: skip
        multiply(
            memory, units, units_row, NEXT, weights + layers[0].output, new_row, values, new_row,
            streams, new_row, net[0].units, ADD,
        )  # fmt: skip
        for b in range(streams):
            before = operands + b * row + seen
            after = before + streams * row
            for j in range(new):
                memory[after + j] = memory[values + b * new_row + j]
            for j in range(size - new):
                memory[after + new + j] = memory[before + j]
            memory[after + size] = 1
    states = base + layers[0].operands + streams * row + seen
    run_head(memory, net, head, weights, base, states, time * streams)


@compiled_in_place
def backward(
    memory: Array, net: Any, layers: Any, head: Any, weights: int, base: int, gradient: int,
    skipped: int, time: int, streams: int, window: int,
) -> None:  # fmt: skip
    """See above."""
    row, units_row, new_row = net[0].row, net[0].units_row, net[0].new_row
    seen, units = net[0].seen + net[0].size + 1, net[0].units
    rows, start = time * streams, skipped * streams
    few = rows <= FEW
    if not few:
        _transpose_weights(memory, net, layers, weights, base)
    operands = base + layers[0].operands + start * row
    states = operands + streams * row + net[0].seen
    direct, size_row = base + layers[0].direct + start * net[0].size_row, net[0].size_row
    head_backward(
        memory, head, few, weights, base, gradient, states, row, direct, size_row, start, rows
    )
    _through_windows(memory, net, layers, few, weights, base, skipped, time, streams, window)
    slopes_units = base + layers[0].slopes_units + start * units_row
    slopes_new = base + layers[0].slopes_new + start * new_row
    multiply(
        memory, operands, NEXT, row, slopes_units, units_row, gradient + layers[0].hidden,
        units_row, seen, units_row, rows, REPLACE,
    )  # fmt: skip
    multiply(
        memory, operands, NEXT, row, slopes_new, new_row, gradient + layers[0].linear, new_row,
        seen, new_row, rows, REPLACE,
    )  # fmt: skip
    multiply(
        memory, base + layers[0].units + start * units_row, NEXT, units_row, slopes_new, new_row,
        gradient + layers[0].output, new_row, units, new_row, rows, REPLACE,
    )  # fmt: skip


@compiled_in_place
def _transpose_weights(memory: Array, net: Any, layers: Any, weights: int, base: int) -> None:
    """Lay out the weights of the map as `multiply_back` needs them for many rows."""
    units_row, new_row, size_row = net[0].units_row, net[0].new_row, net[0].size_row
    seen, size, units = net[0].seen, net[0].size, net[0].units
    hidden = weights + layers[0].hidden + seen * units_row
    linear = weights + layers[0].linear + seen * new_row
    output = weights + layers[0].output
    transpose(memory, hidden, units_row, size, units_row, base + layers[0].back_hidden, size_row)
    transpose(memory, linear, new_row, size, new_row, base + layers[0].back_linear, size_row)
    transpose(memory, output, new_row, units, new_row, base + layers[0].back_output, units_row)


@compiled_in_place
def _through_windows(
    memory: Array, net: Any, layers: Any, few: bool, weights: int, base: int, skipped: int,
    time: int, streams: int, window: int,
) -> None:  # fmt: skip
    size_row = net[0].size_row
    longest = min(window, time)
    whole = time // longest
    rest = time - whole * longest
    windows = whole + (1 if rest > 0 else 0)
    carried = base + net[0].carried
    clear(memory, size_row, windows * streams, (carried, size_row), ())
    for step in range(longest - 1, -1, -1):
        count = windows if step < rest else whole
        if streams == 1:  # rows of one sample each, a window apart
            times, rows, apart = 1, count, longest
        else:
            times, rows, apart = count, streams, 1
        for w in range(times):
            first = (skipped + w * longest + step) * streams
            _step_back(
                memory, net, layers, few, weights, base, first, apart, rows,
                carried + w * streams * size_row, step > 0,
            )  # fmt: skip


@compiled_in_place
def _step_back(
    memory: Array, net: Any, layers: Any, few: bool, weights: int, base: int, first: int,
    apart: int, rows: int, carried: int, goes_on: bool,
) -> None:  # fmt: skip
    """One step back of some rows: of samples from `first` on, so many samples apart."""
    units_row, new_row, size_row = net[0].units_row, net[0].new_row, net[0].size_row
    seen, size, new, units = net[0].seen, net[0].size, net[0].new, net[0].units
    direct = base + layers[0].direct + first * size_row
    values = base + layers[0].units + first * units_row
    slopes_units = base + layers[0].slopes_units + first * units_row
    slopes_new = base + layers[0].slopes_new + first * new_row
    for i in range(rows):
        own, by_state = carried + i * size_row, direct + i * apart * size_row
        into = slopes_new + i * apart * new_row
        for j in range(new):
            memory[into + j] = memory[own + j] + memory[by_state + j]
        for j in range(size - new):  # numbers that were the one before in the state before
            memory[own + j] = memory[own + new + j] + memory[by_state + new + j]
        for j in range(size - new, size):
            memory[own + j] = 0
    by_units, by_new = apart * units_row, apart * new_row
    multiply_back(
        memory, few, slopes_new, by_new, weights + layers[0].output, new_row,
        base + layers[0].back_output, units_row, slopes_units, by_units, rows, units, new, REPLACE,
    )  # fmt: skip
    if net[0].tanh:
        squash_back(memory, units_row, rows, (slopes_units, by_units, values, by_units), ())
    else:
        rectify_back(memory, units_row, rows, (slopes_units, by_units, values, by_units), ())
    if goes_on:
        multiply_back(
            memory, few, slopes_units, by_units, weights + layers[0].hidden + seen * units_row,
            units_row, base + layers[0].back_hidden, size_row, carried, size_row, rows, size,
            units, ADD,
        )  # fmt: skip
        multiply_back(
            memory, few, slopes_new, by_new, weights + layers[0].linear + seen * new_row, new_row,
            base + layers[0].back_linear, size_row, carried, size_row, rows, size, new, ADD,
        )  # fmt: skip
