"""The long short-term memory of torch.nn.LSTM.

With the gates i (input), f (forget), o (output) and the candidate g, and p, q the projections of
the input and of the hidden state h, biases included::

    i, f, o = sigmoid(p + q)    g = tanh(p_g + q_g)
    c <- f * c + i * g          h <- o * tanh(c)

References:
    Gers, Schmidhuber and Cummins, "Learning to forget: continual prediction with LSTM", 2000.
"""

from __future__ import annotations

import numpy as np

from seqfit.compiling import compiled_fused
from seqfit.models.kernels.activations import SINGLE, sigmoid, tanh
from seqfit.models.kernels.operands import joint_matrix, put_inputs
from seqfit.models.kernels.products import Array, add_products, padded

# Few arrays to a loop, as in the gated recurrent unit, or the compiler no longer vectorises.


@compiled_fused
def lstm_forward(
    x: Array,
    weight_in: Array,
    weight: Array,
    bias_in: Array,
    bias: Array,
    operands: Array,
    cells: Array,
    saved: Array,
) -> None:
    """See `Forward`; `saved` takes i, f, g, o and tanh(c)."""
    time, streams, _ = x.shape
    width, hidden = weight.shape  # width = 4 * hidden
    single = x.dtype == SINGLE
    matrix = joint_matrix(weight_in, weight, bias_in, bias)
    put_inputs(x, hidden, operands)
    sums = np.empty((streams, matrix.shape[1]), x.dtype)  # p + q
    bounded = np.empty(hidden, x.dtype)  # tanh(c)
    for t in range(time):
        sums[:] = 0
        add_products(operands[t], 0, matrix, sums)
        for b in range(streams):
            gates, after = sums[b], operands[t + 1, b]
            c_before, c = cells[t, b], cells[t + 1, b]
            i, f = gates[:hidden], gates[hidden:]
            g, o = gates[2 * hidden :], gates[3 * hidden :]
            for j in range(2 * hidden):
                gates[j] = sigmoid(gates[j], single)
            for j in range(hidden):
                g[j] = tanh(g[j], single)
            for j in range(hidden):
                o[j] = sigmoid(o[j], single)
            for j in range(hidden):
                c[j] = f[j] * c_before[j]
            for j in range(hidden):
                c[j] += i[j] * g[j]
            for j in range(hidden):
                bounded[j] = tanh(c[j], single)
            for j in range(hidden):
                after[j] = o[j] * bounded[j]
            if len(saved):
                kept = saved[t, b]
                for j in range(width):
                    kept[j] = gates[j]
                for j in range(hidden):
                    kept[width + j] = bounded[j]


@compiled_fused
def lstm_backward(
    by_hidden: Array,
    weight: Array,
    _operands: Array,
    cells: Array,
    saved: Array,
    slopes: Array,
    by_state: Array,
    by_cell: Array,
) -> None:
    """See `Backward`; `slopes` takes those of p, which q shares."""
    time, streams, hidden = by_hidden.shape
    width = 4 * hidden
    matrix = padded(weight)  # (4 * hidden, hidden), padded
    q = np.zeros((streams, len(matrix)), weight.dtype)  # the slopes of q
    h = np.zeros((streams, matrix.shape[1]), weight.dtype)  # those of the hidden state
    h[:, :hidden] = by_state
    one = weight.dtype.type(1)
    for t in range(time - 1, -1, -1):
        for b in range(streams):
            gradient, h_b, c_b, c_before = by_hidden[t, b], h[b], by_cell[b], cells[t, b]
            kept, slope, slope_all = saved[t, b], q[b], slopes[t, b]
            i, f = kept[:hidden], kept[hidden:]
            g, o, bounded = kept[2 * hidden :], kept[3 * hidden :], kept[width:]
            slope_i, slope_f = slope[:hidden], slope[hidden:]
            slope_g, slope_o = slope[2 * hidden :], slope[3 * hidden :]
            for j in range(hidden):
                h_b[j] += gradient[j]
            for j in range(hidden):
                slope_o[j] = h_b[j] * bounded[j]
            for j in range(hidden):
                slope_o[j] *= o[j] * (one - o[j])
            for j in range(hidden):
                c_b[j] += h_b[j] * o[j] * (one - bounded[j] * bounded[j])
            for j in range(hidden):
                slope_i[j] = c_b[j] * g[j] * i[j] * (one - i[j])
            for j in range(hidden):
                slope_g[j] = c_b[j] * i[j] * (one - g[j] * g[j])
            for j in range(hidden):
                slope_f[j] = c_b[j] * c_before[j] * f[j] * (one - f[j])
            for j in range(hidden):
                c_b[j] *= f[j]
            for j in range(width):
                slope_all[j] = slope[j]
        h[:] = 0
        add_products(q, 0, matrix, h)
    by_state[:] = h[:, :hidden]
