"""The long short-term memory of torch.nn.LSTM.

With the gates i (input), f (forget), o (output) and the candidate g, and p, q the projections of
the input and of the hidden state h, biases included::

    i, f, o = sigmoid(p + q)    g = tanh(p_g + q_g)
    c <- f * c + i * g          h <- o * tanh(c)

A state holds h, then c.

References:
    Gers, Schmidhuber and Cummins, "Learning to forget: continual prediction with LSTM", 2000.

"""

from __future__ import annotations

import numpy as np

from seqfit.compiling import compiled_fused
from seqfit.models.kernels.activations import SINGLE, sigmoid, tanh
from seqfit.models.kernels.products import Array, add_products, padded, padded_transpose

# Few arrays to a loop, as in the gated recurrent unit, or the compiler no longer vectorises.


@compiled_fused
def lstm_forward(inputs: Array, weight: Array, bias: Array, states: Array, saved: Array) -> None:
    """See `Cell.forward`; `saved` takes i, f, g, o and tanh(c)."""
    time, streams, width = inputs.shape  # width = 4 * hidden
    hidden = width // 4
    single = states.dtype == SINGLE
    matrix = padded_transpose(weight)  # (hidden, 4 * hidden), padded
    h = np.zeros((streams, matrix.shape[0]), states.dtype)
    q = np.empty((streams, matrix.shape[1]), states.dtype)
    h[:, :hidden] = states[0, :, :hidden]
    bounded = np.empty(hidden, states.dtype)  # tanh(c)
    for t in range(time):
        for b in range(streams):
            q[b, :width] = bias
        add_products(h, matrix, q)
        for b in range(streams):
            gates, p, h_b = q[b], inputs[t, b], h[b]
            c_before, c = states[t, b, hidden:], states[t + 1, b, hidden:]
            for j in range(2 * hidden):
                gates[j] = sigmoid(gates[j] + p[j], single)
            for j in range(2 * hidden, 3 * hidden):
                gates[j] = tanh(gates[j] + p[j], single)
            for j in range(3 * hidden, width):
                gates[j] = sigmoid(gates[j] + p[j], single)
            i, f = gates[:hidden], gates[hidden:]
            g, o = gates[2 * hidden :], gates[3 * hidden :]
            for j in range(hidden):
                c[j] = f[j] * c_before[j]
            for j in range(hidden):
                c[j] += i[j] * g[j]
            for j in range(hidden):
                bounded[j] = tanh(c[j], single)
            for j in range(hidden):
                h_b[j] = o[j] * bounded[j]
            states[t + 1, b, :hidden] = h_b[:hidden]
            if len(saved):
                saved[t, b, :width] = gates[:width]
                saved[t, b, width:] = bounded


@compiled_fused
def lstm_backward(
    gradients: Array, weight: Array, states: Array, saved: Array, slopes: Array, flow: Array
) -> None:
    """See `Cell.backward`; `slopes` takes those of p, which q shares."""
    time, streams, hidden = gradients.shape
    width = 4 * hidden
    matrix = padded(weight)  # (4 * hidden, hidden), padded
    q = np.zeros((streams, matrix.shape[0]), states.dtype)  # the slopes of q
    h = np.zeros((streams, matrix.shape[1]), states.dtype)  # those of the hidden state
    h[:, :hidden] = flow[:, :hidden]
    one = states.dtype.type(1)
    for t in range(time - 1, -1, -1):
        for b in range(streams):
            gradient, h_b, c_b = gradients[t, b], h[b], flow[b, hidden:]
            kept, slope, c_before = saved[t, b], q[b], states[t, b, hidden:]
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
            slopes[t, b] = slope[:width]
            h_b[:] = 0
        add_products(q, matrix, h)
    flow[:, :hidden] = h[:, :hidden]
