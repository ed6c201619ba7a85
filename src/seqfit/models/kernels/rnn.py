"""The plain recurrent cell of torch.nn.RNN: ``h <- activation(p + q)``.

p and q are the projections of the input and of the hidden state h, biases included.

References:
    Elman, "Finding structure in time", 1990.
"""

from __future__ import annotations

import numpy as np

from seqfit.compiling import compiled_fused
from seqfit.models.kernels.activations import SINGLE, tanh
from seqfit.models.kernels.operands import joint_matrix, put_inputs
from seqfit.models.kernels.products import Array, add_products, padded


@compiled_fused
def _forward(
    x: Array,
    weight_in: Array,
    weight: Array,
    bias_in: Array,
    bias: Array,
    operands: Array,
    relu: bool,
) -> None:
    time, streams, _ = x.shape
    hidden = weight.shape[1]
    single = x.dtype == SINGLE
    zero = x.dtype.type(0)
    matrix = joint_matrix(weight_in, weight, bias_in, bias)
    put_inputs(x, hidden, operands)
    sums = np.empty((streams, matrix.shape[1]), x.dtype)  # p + q
    for t in range(time):
        sums[:] = 0
        add_products(operands[t], 0, matrix, sums)
        for b in range(streams):
            sum_b, after = sums[b], operands[t + 1, b]
            if relu:
                for j in range(hidden):  # written so that not-a-number stays
                    after[j] = zero if sum_b[j] < zero else sum_b[j]
            else:
                for j in range(hidden):
                    after[j] = tanh(sum_b[j], single)


@compiled_fused
def _backward(
    by_hidden: Array, weight: Array, operands: Array, slopes: Array, by_state: Array, relu: bool
) -> None:
    time, streams, hidden = by_hidden.shape
    zero, one = weight.dtype.type(0), weight.dtype.type(1)
    matrix = padded(weight)  # (hidden, hidden), padded
    q = np.zeros((streams, len(matrix)), weight.dtype)  # the slopes of q
    h = np.zeros((streams, matrix.shape[1]), weight.dtype)  # those of the hidden state
    h[:, :hidden] = by_state
    for t in range(time - 1, -1, -1):
        for b in range(streams):
            gradient, h_b, q_b = by_hidden[t, b], h[b], q[b]
            after, slope = operands[t + 1, b], slopes[t, b]
            for j in range(hidden):
                h_b[j] += gradient[j]
            if relu:
                for j in range(hidden):
                    q_b[j] = h_b[j] if after[j] > zero else zero
            else:
                for j in range(hidden):
                    q_b[j] = h_b[j] * (one - after[j] * after[j])
            for j in range(hidden):
                slope[j] = q_b[j]
        h[:] = 0
        add_products(q, 0, matrix, h)
    by_state[:] = h[:, :hidden]


@compiled_fused
def rnn_tanh_forward(
    x: Array,
    weight_in: Array,
    weight: Array,
    bias_in: Array,
    bias: Array,
    operands: Array,
    _cells: Array,
    _saved: Array,
) -> None:
    """See `Forward`; the hidden states are all that the way back needs."""
    _forward(x, weight_in, weight, bias_in, bias, operands, False)


@compiled_fused
def rnn_relu_forward(
    x: Array,
    weight_in: Array,
    weight: Array,
    bias_in: Array,
    bias: Array,
    operands: Array,
    _cells: Array,
    _saved: Array,
) -> None:
    """See `Forward`; the hidden states are all that the way back needs."""
    _forward(x, weight_in, weight, bias_in, bias, operands, True)


@compiled_fused
def rnn_tanh_backward(
    by_hidden: Array,
    weight: Array,
    operands: Array,
    _cells: Array,
    _saved: Array,
    slopes: Array,
    by_state: Array,
    _by_cell: Array,
) -> None:
    """See `Backward`; `slopes` takes those of p, which q shares."""
    _backward(by_hidden, weight, operands, slopes, by_state, False)


@compiled_fused
def rnn_relu_backward(
    by_hidden: Array,
    weight: Array,
    operands: Array,
    _cells: Array,
    _saved: Array,
    slopes: Array,
    by_state: Array,
    _by_cell: Array,
) -> None:
    """See `Backward`; `slopes` takes those of p, which q shares."""
    _backward(by_hidden, weight, operands, slopes, by_state, True)
