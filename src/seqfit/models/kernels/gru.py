"""The gated recurrent unit of torch.nn.GRU.

With the gates r (reset), z (update) and the candidate n, and p, q the projections of the input
and of the hidden state h, biases included::

    r = sigmoid(p_r + q_r)    z = sigmoid(p_z + q_z)    n = tanh(p_n + r * q_n)
    h <- n + z * (h - n)

References:
    Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical
    machine translation", 2014, with the reset after the product as in cuDNN.
"""

from __future__ import annotations

import numpy as np

from seqfit.compiling import compiled_fused
from seqfit.models.kernels.activations import SINGLE, sigmoid, tanh
from seqfit.models.kernels.operands import joint_matrix, put_inputs
from seqfit.models.kernels.products import Array, add_products, padded

# Loops are short and many on purpose: with more than three arrays in one, the compiler's checks
# that they don't overlap grow too many and it no longer vectorises.


@compiled_fused
def gru_forward(
    x: Array,
    weight_in: Array,
    weight: Array,
    bias_in: Array,
    bias: Array,
    operands: Array,
    _cells: Array,
    saved: Array,
) -> None:
    """See `Forward`; `saved` takes r, z, n and q_n."""
    time, streams, _ = x.shape
    hidden = weight.shape[1]
    single = x.dtype == SINGLE
    # p_n and q_n are needed apart, so the joint product has no input in its last third.
    gates_in, gates_bias = weight_in.copy(), bias_in.copy()
    gates_in[2 * hidden :] = 0
    gates_bias[2 * hidden :] = 0
    matrix = joint_matrix(gates_in, weight, gates_bias, bias)
    no_weight, no_bias = np.zeros((hidden, 0), x.dtype), np.zeros(hidden, x.dtype)
    candidate_in = joint_matrix(weight_in[2 * hidden :], no_weight, bias_in[2 * hidden :], no_bias)
    put_inputs(x, hidden, operands)
    q = np.empty((streams, matrix.shape[1]), x.dtype)
    p = np.empty((streams, candidate_in.shape[1]), x.dtype)
    for t in range(time):
        q[:] = 0
        p[:] = 0
        add_products(operands[t], 0, matrix, q)
        add_products(operands[t], hidden, candidate_in, p)
        for b in range(streams):
            gates, n = q[b], p[b]
            for j in range(2 * hidden):
                gates[j] = sigmoid(gates[j], single)
            r, z, q_n = gates[:hidden], gates[hidden:], gates[2 * hidden :]
            for j in range(hidden):
                n[j] += r[j] * q_n[j]
            for j in range(hidden):
                n[j] = tanh(n[j], single)
            before, after = operands[t, b], operands[t + 1, b]
            for j in range(hidden):
                after[j] = n[j] + z[j] * (before[j] - n[j])
            if len(saved):
                kept = saved[t, b]
                for j in range(2 * hidden):
                    kept[j] = gates[j]
                for j in range(hidden):
                    kept[2 * hidden + j] = n[j]
                for j in range(hidden):
                    kept[3 * hidden + j] = q_n[j]


@compiled_fused
def gru_backward(
    by_hidden: Array,
    weight: Array,
    operands: Array,
    _cells: Array,
    saved: Array,
    slopes: Array,
    by_state: Array,
    _by_cell: Array,
) -> None:
    """See `Backward`; `slopes` takes those of p_r, p_z, p_n and q_n."""
    time, streams, hidden = by_hidden.shape
    matrix = padded(weight)  # (3 * hidden, hidden), padded
    q = np.zeros((streams, len(matrix)), weight.dtype)  # the slopes of q
    h = np.zeros((streams, matrix.shape[1]), weight.dtype)  # those of the hidden state
    h[:, :hidden] = by_state
    one = weight.dtype.type(1)
    for t in range(time - 1, -1, -1):
        for b in range(streams):
            gradient, h_b, before = by_hidden[t, b], h[b], operands[t, b]
            kept, slope = saved[t, b], slopes[t, b]
            r, z = kept[:hidden], kept[hidden:]
            n, q_n = kept[2 * hidden :], kept[3 * hidden :]
            slope_r, slope_z = slope[:hidden], slope[hidden:]
            slope_n, slope_q = slope[2 * hidden :], slope[3 * hidden :]
            for j in range(hidden):
                h_b[j] += gradient[j]
            for j in range(hidden):
                slope_z[j] = h_b[j] * (before[j] - n[j])
            for j in range(hidden):
                slope_z[j] *= z[j] * (one - z[j])
            for j in range(hidden):
                slope_n[j] = h_b[j] * (one - z[j]) * (one - n[j] * n[j])
            for j in range(hidden):
                slope_q[j] = slope_n[j] * r[j]
            for j in range(hidden):
                slope_r[j] = slope_q[j] * q_n[j] * (one - r[j])
            for j in range(hidden):
                h_b[j] *= z[j]
            q_b = q[b]
            for j in range(2 * hidden):
                q_b[j] = slope[j]
            for j in range(hidden):
                q_b[2 * hidden + j] = slope_q[j]
        add_products(q, 0, matrix, h)
    by_state[:] = h[:, :hidden]
