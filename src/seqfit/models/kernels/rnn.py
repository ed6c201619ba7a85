"""The plain recurrent cell of torch.nn.RNN: ``h <- activation(p + q)``.

p and q are the projections of the input and of the hidden state h, biases included.

References:
    Elman, "Finding structure in time", 1990.

"""

from __future__ import annotations

import numpy as np

from seqfit.compiling import compiled_fused
from seqfit.models.kernels.activations import SINGLE, tanh
from seqfit.models.kernels.products import Array, add_products, padded, padded_transpose


@compiled_fused
def _forward(inputs: Array, weight: Array, bias: Array, states: Array, relu: bool) -> None:
    time, streams, hidden = inputs.shape
    single = states.dtype == SINGLE
    zero = states.dtype.type(0)
    matrix = padded_transpose(weight)  # (hidden, hidden), padded
    h = np.zeros((streams, matrix.shape[0]), states.dtype)
    q = np.empty((streams, matrix.shape[1]), states.dtype)
    h[:, :hidden] = states[0]
    for t in range(time):
        for b in range(streams):
            q[b, :hidden] = bias
        add_products(h, matrix, q)
        for b in range(streams):
            q_b, p, after = q[b], inputs[t, b], states[t + 1, b]
            if relu:
                for j in range(hidden):
                    sum_j = q_b[j] + p[j]
                    after[j] = zero if sum_j < zero else sum_j  # not-a-number stays
            else:
                for j in range(hidden):
                    after[j] = tanh(q_b[j] + p[j], single)
            h[b, :hidden] = after


@compiled_fused
def _backward(
    gradients: Array, weight: Array, states: Array, slopes: Array, flow: Array, relu: bool
) -> None:
    time, streams, hidden = gradients.shape
    zero, one = states.dtype.type(0), states.dtype.type(1)
    matrix = padded(weight)  # (hidden, hidden), padded
    q = np.zeros((streams, matrix.shape[0]), states.dtype)  # the slopes of q
    h = np.zeros((streams, matrix.shape[1]), states.dtype)  # those of the hidden state
    h[:, :hidden] = flow
    for t in range(time - 1, -1, -1):
        for b in range(streams):
            gradient, h_b, q_b, after = gradients[t, b], h[b], q[b], states[t + 1, b]
            for j in range(hidden):
                h_b[j] += gradient[j]
            if relu:
                for j in range(hidden):
                    q_b[j] = h_b[j] if after[j] > zero else zero
            else:
                for j in range(hidden):
                    q_b[j] = h_b[j] * (one - after[j] * after[j])
            slopes[t, b] = q_b[:hidden]
            h_b[:] = 0
        add_products(q, matrix, h)
    flow[:] = h[:, :hidden]


@compiled_fused
def rnn_tanh_forward(
    inputs: Array, weight: Array, bias: Array, states: Array, _saved: Array
) -> None:
    """See `Cell.forward`; the states are all that the way back needs."""
    _forward(inputs, weight, bias, states, False)


@compiled_fused
def rnn_relu_forward(
    inputs: Array, weight: Array, bias: Array, states: Array, _saved: Array
) -> None:
    """See `Cell.forward`; the states are all that the way back needs."""
    _forward(inputs, weight, bias, states, True)


@compiled_fused
def rnn_tanh_backward(
    gradients: Array, weight: Array, states: Array, _saved: Array, slopes: Array, flow: Array
) -> None:
    """See `Cell.backward`; `slopes` takes those of p, which q shares."""
    _backward(gradients, weight, states, slopes, flow, False)


@compiled_fused
def rnn_relu_backward(
    gradients: Array, weight: Array, states: Array, _saved: Array, slopes: Array, flow: Array
) -> None:
    """See `Cell.backward`; `slopes` takes those of p, which q shares."""
    _backward(gradients, weight, states, slopes, flow, True)
