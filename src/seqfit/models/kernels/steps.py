"""One step of each recurrent cell, forward and back, on rows of the memory.

p and q are the projections of the input and of the hidden state, biases included; `before` and
`after` the hidden states around the step. `saved` keeps what the way back needs. `carried` is the
gradient by the hidden state after the step, gathered so far: the step back leaves in it the part
of the gradient before the step that does not go through q; `slopes_p` and `slopes_q` are those by
p and q.

References:
    Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical
    machine translation", 2014, with the reset after the product as in cuDNN.
    Gers, Schmidhuber and Cummins, "Learning to forget: continual prediction with LSTM", 2000.
    Elman, "Finding structure in time", 1990.
"""

from __future__ import annotations

from seqfit.models.kernels.vectors import Row, rowwise, sigmoid, tanh


@rowwise(operands=5)
def gru_forward(p: Row, q: Row, before: Row, after: Row, saved: Row) -> None:
    """``r, z = sigmoid(p + q)``, ``n = tanh(p_n + r q_n)``, ``h <- n + z (h - n)``."""
    r, z = sigmoid(p[0] + q[0]), sigmoid(p[1] + q[1])
    q_n = q[2]
    n = tanh(p[2] + r * q_n)
    after[0] = n + z * (before[0] - n)
    saved[0], saved[1], saved[2], saved[3] = r, z, n, q_n


@rowwise(operands=7)
def gru_backward(
    direct: Row, before: Row, saved: Row, carried: Row, slopes_p: Row, slopes_q: Row, factors: Row
) -> None:
    """See `gru_forward`."""
    r, z, n, q_n = saved[0], saved[1], saved[2], saved[3]
    h = carried[0] + direct[0]
    slope_z = h * (before[0] - n) * (z * (1.0 - z))
    slope_n = h * (1.0 - z) * (1.0 - n * n)
    slope_q = slope_n * r
    slope_r = slope_q * q_n * (1.0 - r)
    carried[0] = h * z
    slopes_p[0], slopes_p[1], slopes_p[2] = slope_r, slope_z, slope_n
    slopes_q[0], slopes_q[1], slopes_q[2] = slope_r, slope_z, slope_q
    factors[0], factors[1], factors[2] = slope_r, slope_z, slope_q


@rowwise(operands=6)
def lstm_forward(p: Row, q: Row, c_before: Row, c_after: Row, after: Row, saved: Row) -> None:
    """``i, f, o = sigmoid(p + q)``, ``g = tanh``, ``c <- f c + i g``, ``h <- o tanh(c)``."""
    i, f = sigmoid(p[0] + q[0]), sigmoid(p[1] + q[1])
    g, o = tanh(p[2] + q[2]), sigmoid(p[3] + q[3])
    c = f * c_before[0] + i * g
    bounded = tanh(c)
    c_after[0] = c
    after[0] = o * bounded
    saved[0], saved[1], saved[2], saved[3], saved[4] = i, f, g, o, bounded


@rowwise(operands=7)
def lstm_backward(
    direct: Row, c_before: Row, saved: Row, carried: Row, carried_c: Row, slopes: Row, factors: Row
) -> None:
    """See `lstm_forward`; `carried_c` is the gradient by the cell state."""
    i, f, g, o, bounded = (saved[k] for k in range(5))
    h = carried[0] + direct[0]
    c = carried_c[0] + h * o * (1.0 - bounded * bounded)
    parts = (
        c * g * i * (1.0 - i),
        c * c_before[0] * f * (1.0 - f),
        c * i * (1.0 - g * g),
        h * bounded * o * (1.0 - o),
    )
    carried[0] = h.constant(0.0)
    carried_c[0] = c * f
    for k, part in enumerate(parts):
        slopes[k] = part
        factors[k] = part


@rowwise(operands=3)
def tanh_forward(p: Row, q: Row, after: Row) -> None:
    """``h <- tanh(p + q)``."""
    after[0] = tanh(p[0] + q[0])


@rowwise(operands=5)
def tanh_backward(direct: Row, after: Row, carried: Row, slopes: Row, factors: Row) -> None:
    """See `tanh_forward`."""
    h, a = carried[0] + direct[0], after[0]
    slope = h * (1.0 - a * a)
    carried[0] = h.constant(0.0)
    slopes[0] = slope
    factors[0] = slope


@rowwise(operands=3)
def relu_forward(p: Row, q: Row, after: Row) -> None:
    """``h <- max(p + q, 0)``, where not-a-number stays."""
    total = p[0] + q[0]
    after[0] = total.where("<", 0.0, 0.0, total)


@rowwise(operands=5)
def relu_backward(direct: Row, after: Row, carried: Row, slopes: Row, factors: Row) -> None:
    """See `relu_forward`."""
    h = carried[0] + direct[0]
    slope = after[0].where(">", 0.0, h, 0.0)
    carried[0] = h.constant(0.0)
    slopes[0] = slope
    factors[0] = slope


@rowwise(operands=1)
def rectify(values: Row) -> None:
    """Set what is negative to zero."""
    value = values[0]
    values[0] = value.where("<", 0.0, 0.0, value)


@rowwise(operands=2)
def rectify_back(slopes: Row, values: Row) -> None:
    """Set slopes to zero where the rectifier was shut."""
    slopes[0] = values[0].where(">", 0.0, slopes[0], 0.0)


@rowwise(operands=1)
def squash(values: Row) -> None:
    """Take the hyperbolic tangent."""
    values[0] = tanh(values[0])


@rowwise(operands=2)
def squash_back(slopes: Row, values: Row) -> None:
    """Multiply slopes by those of the hyperbolic tangent."""
    a = values[0]
    slopes[0] = slopes[0] * (1.0 - a * a)


@rowwise(operands=1)
def clear(values: Row) -> None:
    """Set to zero."""
    values[0] = values[0].constant(0.0)


@rowwise(operands=2)
def add(sums: Row, values: Row) -> None:
    """Add to the sums."""
    sums[0] = sums[0] + values[0]
