"""Passes of a network through samples: forward, and back with the gradient of the weights.

`memory` is one flat array. The weights lie in it at `weights`, the numbers of a pass at `base`,
the gradient at `gradient`; `net`, `layers` and `head` say where in each, see `Layout`.
"""

from __future__ import annotations

from typing import Any

from seqfit.compiling import compiled_in_place
from seqfit.models.kernels.products import Array
from seqfit.models.kernels.recurrent_network import GRU, LSTM, TANH
from seqfit.models.kernels.steps import (
    clear,
    gru_backward,
    gru_forward,
    lstm_backward,
    lstm_forward,
    rectify,
    rectify_back,
    relu_backward,
    relu_forward,
    tanh_backward,
    tanh_forward,
)
from seqfit.models.kernels.tiles import ADD, COLUMNS, NEXT, REPLACE, multiply
from seqfit.models.kernels.transposes import multiply_by_transposed, transpose

FEW = 8
"""Samples of an update for which it does not pay to transpose the weights."""


@compiled_in_place
def put_samples(
    memory: Array, net: Any, layers: Any, base: int, x: Array, stream: int, streams: int,
    offset: Array, scale: Array,
) -> None:  # fmt: skip
    """Put inputs, scaled, and ones for the bias where a forward pass reads them.

    Args:
        memory: see above.
        net: see above.
        layers: see above.
        base: see above.
        x: (time, streams or more, inputs).
        stream: first of the streams that are taken.
        streams: how many are taken.
        offset: taken off the inputs, (inputs,).
        scale: what they are divided by, (inputs,).
    """
    inputs, width = net[0].inputs, layers[0].operand_row
    row = base + layers[0].operands
    for t in range(len(x)):
        for b in range(stream, stream + streams):
            for j in range(inputs):
                memory[row + j] = (x[t, b, j] - offset[j]) / scale[j]
            memory[row + inputs] = 1
            row += width


@compiled_in_place
def put_state(
    memory: Array, net: Any, layers: Any, base: int, state: Array, stream: int, streams: int
) -> None:
    """Put the state before the first sample.

    Args:
        memory: see above.
        net: see above.
        layers: see above.
        base: see above.
        state: (parts, layers, streams or more, hidden).
        stream: first of the streams that are taken.
        streams: how many are taken.
    """
    hidden, width, unit = net[0].hidden, net[0].row, net[0].unit
    for layer in range(len(layers)):
        for b in range(streams):
            row = base + layers[layer].states + b * width
            for j in range(hidden):
                memory[row + j] = state[0, layer, stream + b, j]
            memory[row + hidden] = 1
            if net[0].cell == LSTM:
                cells = base + layers[layer].cells + b * unit
                for j in range(hidden):
                    memory[cells + j] = state[1, layer, stream + b, j]


@compiled_in_place
def take_state(
    memory: Array, net: Any, layers: Any, base: int, state: Array, stream: int, streams: int,
    time: int,
) -> None:  # fmt: skip
    """Copy the state after `time` samples; arguments as of `put_state`."""
    hidden, width, unit = net[0].hidden, net[0].row, net[0].unit
    for layer in range(len(layers)):
        for b in range(streams):
            row = base + layers[layer].states + (time * streams + b) * width
            for j in range(hidden):
                state[0, layer, stream + b, j] = memory[row + j]
            if net[0].cell == LSTM:
                cells = base + layers[layer].cells + (time * streams + b) * unit
                for j in range(hidden):
                    state[1, layer, stream + b, j] = memory[cells + j]


@compiled_in_place
def forward(
    memory: Array, net: Any, layers: Any, head: Any, weights: int, base: int, time: int,
    streams: int,
) -> None:  # fmt: skip
    """Run through samples that were put there, from the state that was put there."""
    cell, hidden, unit = net[0].cell, net[0].hidden, net[0].unit
    width, row, kept = net[0].width, net[0].row, net[0].saved * net[0].unit
    q = base + net[0].q
    operands = base + layers[0].operands
    for index in range(len(layers)):
        layer = layers[index]
        multiply(
            memory, operands, layer.operand_row, NEXT, weights + layer.weight_in, width,
            base + layer.p, width, time * streams, width, layer.inputs + 1, REPLACE,
        )  # fmt: skip
        for t in range(time):
            first = t * streams
            p = base + layer.p + first * width
            before = base + layer.states + first * row
            after = before + streams * row
            saved = base + layer.saved + first * kept
            multiply(
                memory, before, row, NEXT, weights + layer.weight, width, q, width,
                streams, width, hidden + 1, REPLACE,
            )  # fmt: skip
            if cell == GRU:
                places = (p, width, q, width, before, row, after, row, saved, kept)
                gru_forward(memory, unit, streams, places, ())
            elif cell == LSTM:
                c = base + layer.cells + first * unit
                c_after = c + streams * unit
                c_places = (p, width, q, width, c, unit, c_after, unit, after, row, saved, kept)
                lstm_forward(memory, unit, streams, c_places, ())
            elif cell == TANH:
                tanh_forward(memory, unit, streams, (p, width, q, width, after, row), ())
            else:
                relu_forward(memory, unit, streams, (p, width, q, width, after, row), ())
            for b in range(streams):
                memory[after + b * row + hidden] = 1
        operands = base + layer.states + streams * row
    run_head(memory, net, head, weights, base, operands, time * streams)


@compiled_in_place
def run_head(
    memory: Array, net: Any, head: Any, weights: int, base: int, values: int, rows: int
) -> None:
    """Map rows of hidden states to outputs."""
    row = net[0].row
    for index in range(len(head)):
        layer = head[index]
        after = base + layer.values
        multiply(
            memory, values, row, NEXT, weights + layer.weight, layer.width, after, layer.row,
            rows, layer.width, layer.inputs + 1, REPLACE,
        )  # fmt: skip
        if index < len(head) - 1:
            rectify(memory, layer.width, rows, (after, layer.row), ())
            for i in range(rows):
                memory[after + i * layer.row + layer.outputs] = 1
        values, row = after, layer.row


@compiled_in_place
def backward(
    memory: Array, net: Any, layers: Any, head: Any, weights: int, base: int, gradient: int,
    skipped: int, time: int, streams: int, window: int,
) -> None:  # fmt: skip
    """From the slopes of the outputs to the gradient of the weights, which is overwritten.

    Gradients flow within windows, which run side by side.

    Args:
        memory: see above.
        net: see above.
        layers: see above.
        head: see above.
        weights: see above.
        base: see above.
        gradient: see above.
        skipped: samples before the first window, through which the forward pass ran too.
        time: samples after these.
        streams: number of streams.
        window: samples of a window; the last one may be shorter.
    """
    hidden, row = net[0].hidden, net[0].row
    rows, start = time * streams, skipped * streams
    few = rows <= FEW
    if not few:
        _transpose_weights(memory, net, layers, weights, base)
    top = layers[len(layers) - 1]
    states, direct = base + top.states + (start + streams) * row, base + top.direct + start * row
    head_backward(memory, head, few, weights, base, gradient, states, row, direct, row, start, rows)
    width = net[0].width
    for index in range(len(layers) - 1, -1, -1):
        layer = layers[index]
        _through_windows(
            memory, net, layer, few, weights + layer.weight, base, skipped, time, streams, window
        )
        slopes_p = base + layer.slopes_p + start * width
        slopes_q = base + layer.slopes_q + start * width
        multiply(
            memory, base + layer.states + start * row, NEXT, row, slopes_q, width,
            gradient + layer.weight, width, hidden + 1, width, rows, REPLACE,
        )  # fmt: skip
        if index > 0:
            operands = base + layers[index - 1].states + (start + streams) * row
        else:
            operands = base + layer.operands + start * layer.operand_row
        multiply(
            memory, operands, NEXT, layer.operand_row, slopes_p, width,
            gradient + layer.weight_in, width, layer.inputs + 1, width, rows, REPLACE,
        )  # fmt: skip
        if index > 0:
            into = base + layers[index - 1].direct + start * row
            multiply_back(
                memory, few, slopes_p, width, weights + layer.weight_in, width,
                base + layer.back_in, row, into, row, rows, hidden, net[0].gates * net[0].unit,
                REPLACE,
            )  # fmt: skip


@compiled_in_place
def head_backward(
    memory: Array, head: Any, few: bool, weights: int, base: int, gradient: int,
    states: int, states_row: int, direct: int, direct_row: int, start: int, rows: int,
) -> None:  # fmt: skip
    """From the slopes of the outputs to those by the hidden states, and the gradient of the head.

    Args:
        memory: see above.
        head: see above.
        few: whether the weights are not to be transposed for it.
        weights: see above.
        base: see above.
        gradient: see above.
        states: the hidden states, a one after each.
        states_row: from one of them to the next.
        direct: where the slopes by them are written.
        direct_row: from one of these to the next.
        start: rows before the first.
        rows: how many rows, a row for each sample of each stream.
    """
    for index in range(len(head) - 1, -1, -1):
        own = head[index]
        slopes = base + own.slopes + start * own.width
        if index > 0:
            below = head[index - 1]
            values, values_row = base + below.values + start * below.row, below.row
            into, into_row = base + below.slopes + start * below.width, below.width
        else:
            values, values_row = states, states_row
            into, into_row = direct, direct_row
        multiply(
            memory, values, NEXT, values_row, slopes, own.width, gradient + own.weight, own.width,
            own.inputs + 1, own.width, rows, REPLACE,
        )  # fmt: skip
        if not few:
            columns = (own.outputs + 7) // 8 * 8
            transpose(
                memory, weights + own.weight, own.width, own.inputs, columns, base + own.back,
                own.back_row,
            )  # fmt: skip
        multiply_back(
            memory, few, slopes, own.width, weights + own.weight, own.width, base + own.back,
            own.back_row, into, into_row, rows, own.inputs, own.outputs, REPLACE,
        )  # fmt: skip
        if index > 0:
            size = head[index - 1].width
            rectify_back(memory, size, rows, (into, into_row, values, values_row), ())


@compiled_in_place
def _transpose_weights(memory: Array, net: Any, layers: Any, weights: int, base: int) -> None:
    """Lay out the recurrent weights as `multiply_back` needs them for many rows."""
    hidden, width, row = net[0].hidden, net[0].width, net[0].row
    for index in range(len(layers)):
        layer = layers[index]
        back = base + layer.back
        transpose(memory, weights + layer.weight, width, hidden, width, back, row)
        if index > 0:
            back = base + layer.back_in
            transpose(memory, weights + layer.weight_in, width, hidden, width, back, row)


@compiled_in_place
def multiply_back(
    memory: Array, few: bool, slopes: int, slopes_row: int, weight: int, width: int, back: int,
    back_row: int, into: int, into_row: int, rows: int, inputs: int, depth: int, add: bool,
) -> None:  # fmt: skip
    """From slopes after a product with weights to those before it, or added to what is there.

    Slopes and weights are zero from column `depth` to the next multiple of 8.
    """
    columns = (inputs + COLUMNS - 1) // COLUMNS * COLUMNS
    if few:
        multiply_by_transposed(
            memory, slopes, slopes_row, weight, width, into, into_row, rows, inputs, columns,
            depth, add,
        )  # fmt: skip
    else:
        multiply(
            memory, slopes, slopes_row, NEXT, back, back_row, into, into_row, rows, columns, depth,
            add,
        )  # fmt: skip


@compiled_in_place
def _through_windows(
    memory: Array, net: Any, layer: Any, few: bool, weight: int, base: int, skipped: int,
    time: int, streams: int, window: int,
) -> None:  # fmt: skip
    row, width, depth = net[0].row, net[0].width, net[0].gates * net[0].unit
    longest = min(window, time)
    whole = time // longest
    rest = time - whole * longest
    windows = whole + (1 if rest > 0 else 0)
    carried, cells = base + net[0].carried, base + net[0].carried_cells
    factors = base + net[0].factors
    clear(memory, row, windows * streams, (carried, row), ())
    if net[0].cell == LSTM:
        clear(memory, row, windows * streams, (cells, row), ())
    for step in range(longest - 1, -1, -1):
        count = windows if step < rest else whole
        if streams == 1:  # rows of one sample each, a window apart
            times, rows, apart = 1, count, longest
        else:
            times, rows, apart = count, streams, 1
        for w in range(times):
            first = (skipped + w * longest + step) * streams
            _step_back(memory, net, layer, base, first, apart, streams, rows, w * streams)
        if step > 0:
            multiply_back(
                memory, few, factors, width, weight, width, base + layer.back, row, carried, row,
                count * streams, net[0].hidden, depth, ADD,
            )  # fmt: skip


@compiled_in_place
def _step_back(
    memory: Array, net: Any, layer: Any, base: int, first: int, apart: int, streams: int,
    rows: int, place: int,
) -> None:  # fmt: skip
    """One step back of some rows: of samples from `first` on, so many samples apart."""
    cell, unit, width, row = net[0].cell, net[0].unit, net[0].width, net[0].row
    kept = net[0].saved * unit
    direct, by_row = base + layer.direct + first * row, apart * row
    before = base + layer.states + first * row
    saved, by_kept = base + layer.saved + first * kept, apart * kept
    slopes, by_width = base + layer.slopes_p + first * width, apart * width
    slopes_q = base + layer.slopes_q + first * width
    carried = base + net[0].carried + place * row
    factors = base + net[0].factors + place * width
    if cell == GRU:
        gru_backward(
            memory, unit, rows,
            (direct, by_row, before, by_row, saved, by_kept, carried, row, slopes, by_width,
             slopes_q, by_width, factors, width), (),
        )  # fmt: skip
    elif cell == LSTM:
        c, by_unit = base + layer.cells + first * unit, apart * unit
        carried_cells = base + net[0].carried_cells + place * row
        lstm_backward(
            memory, unit, rows,
            (direct, by_row, c, by_unit, saved, by_kept, carried, row, carried_cells, row,
             slopes, by_width, factors, width), (),
        )  # fmt: skip
    else:
        after = before + streams * row
        places = (direct, by_row, after, by_row, carried, row, slopes, by_width, factors, width)
        if cell == TANH:
            tanh_backward(memory, unit, rows, places, ())
        else:
            relu_backward(memory, unit, rows, places, ())


@compiled_in_place
def put_outputs(
    memory: Array, net: Any, head: Any, base: int, y: Array, stream: int, streams: int,
    offset: Array, scale: Array,
) -> None:  # fmt: skip
    """Copy the outputs of a forward pass; arguments as of `put_samples`, in the other direction."""
    last = head[len(head) - 1]
    row = base + last.values
    for t in range(len(y)):
        for b in range(stream, stream + streams):
            for j in range(net[0].outputs):
                y[t, b, j] = memory[row + j] * scale[j] + offset[j]
            row += last.row
