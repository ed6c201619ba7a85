"""What a projection multiplies: the hidden state, the input and a one for the bias, in a row.

So one product with one matrix takes the place of two with two biases, and one product of the
slopes with the operands gives the gradients of all parameters.
"""

from __future__ import annotations

import numpy as np

from seqfit.compiling import compiled
from seqfit.models.kernels.products import (
    COLUMNS,
    ROWS,
    Array,
    add_products,
    padded,
    padded_transpose,
    rounded_up,
)

_BLOCK = 128  # samples whose slopes and operands stay in the processor's first cache


@compiled
def put_inputs(x: Array, hidden: int, operands: Array) -> None:
    """Fill the operands but for the hidden states.

    Args:
        x: (time, streams, inputs).
        hidden: width of the hidden state, which comes first.
        operands: (time + 1, streams, hidden + inputs + 1, rounded up); the last time has only a
            hidden state, the others' padding becomes zero.
    """
    time, streams, inputs = x.shape
    for t in range(time):
        for b in range(streams):
            row, x_row = operands[t, b], x[t, b]
            for j in range(inputs):
                row[hidden + j] = x_row[j]
            row[hidden + inputs] = 1
            for j in range(hidden + inputs + 1, len(row)):
                row[j] = 0


@compiled
def joint_matrix(weight_in: Array, weight: Array, bias_in: Array, bias: Array) -> Array:
    """The matrix by which operands become projections, padded and transposed.

    Args:
        weight_in: (width, inputs).
        weight: (width, hidden).
        bias_in: (width,).
        bias: (width,).
    """
    width, inputs = weight_in.shape
    hidden = weight.shape[1]
    joint = np.empty((width, hidden + inputs + 1), weight.dtype)
    for i in range(width):
        row, from_hidden, from_input = joint[i], weight[i], weight_in[i]
        for j in range(hidden):
            row[j] = from_hidden[j]
        for j in range(inputs):
            row[hidden + j] = from_input[j]
        row[hidden + inputs] = bias_in[i] + bias[i]
    return padded_transpose(joint)


@compiled
def sum_gradients(
    slopes: Array,
    operands: Array,
    by_weight_in: Array,
    by_weight: Array,
    by_bias_in: Array,
    by_bias: Array,
) -> None:
    """Gradients of the parameters from those of the projections.

    Args:
        slopes: (time, streams, slopes * hidden), see `Cell`.
        operands: (time + 1, streams, hidden + inputs + 1, rounded up).
        by_weight_in: (width, inputs), filled.
        by_weight: (width, hidden), filled.
        by_bias_in: (width,), filled.
        by_bias: (width,), filled.
    """
    time, streams, count = slopes.shape
    width, inputs = by_weight_in.shape
    hidden = by_weight.shape[1]
    samples = time * streams
    columns = operands.shape[2]
    sums = np.zeros((rounded_up(count, ROWS), rounded_up(columns, COLUMNS)), slopes.dtype)
    all_slopes = slopes.reshape(samples, count)
    all_operands = operands.reshape(samples + streams, columns)
    for first in range(0, samples, _BLOCK):
        last = min(first + _BLOCK, samples)
        vectors = padded_transpose(all_slopes[first:last])
        add_products(vectors, 0, padded(all_operands[first:last]), sums)
    own = count - width  # the last slopes of the projected hidden state, where they differ
    for i in range(width):
        row = sums[i]
        for j in range(inputs):
            by_weight_in[i, j] = row[hidden + j]
        by_bias_in[i] = row[hidden + inputs]
        row = sums[i + own] if i >= width - own else row
        for j in range(hidden):
            by_weight[i, j] = row[j]
        by_bias[i] = row[hidden + inputs]


def operand_width(hidden: int, inputs: int) -> int:
    """Numbers in a row of operands, padding included.

    A product may begin at the hidden state or at the input, and takes whole groups of rows.
    """
    from_hidden = -(-(hidden + inputs + 1) // ROWS) * ROWS
    from_input = hidden + -(-(inputs + 1) // ROWS) * ROWS
    return max(from_hidden, from_input)
