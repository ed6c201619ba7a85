"""What a kernel of a recurrent cell takes and gives."""

from __future__ import annotations

from typing import Protocol, final

import attrs

from seqfit.models.kernels.gru import gru_backward, gru_forward
from seqfit.models.kernels.lstm import lstm_backward, lstm_forward
from seqfit.models.kernels.products import Array
from seqfit.models.kernels.rnn import (
    rnn_relu_backward,
    rnn_relu_forward,
    rnn_tanh_backward,
    rnn_tanh_forward,
)


class Forward(Protocol):
    """A kernel that steps a cell through time."""

    def __call__(
        self,
        x: Array,
        weight_in: Array,
        weight: Array,
        bias_in: Array,
        bias: Array,
        operands: Array,
        cells: Array,
        saved: Array,
        /,
    ) -> None:
        """Fill in the states after the first.

        All arrays are contiguous and of one dtype, float32 or float64.

        Args:
            x: (time, streams, inputs).
            weight_in: (gates * hidden, inputs).
            weight: (gates * hidden, hidden).
            bias_in: (gates * hidden,).
            bias: (gates * hidden,).
            operands: (time + 1, streams, `operand_width`), each row a hidden state, then the
                input that follows it and a one; the first hidden state is given.
            cells: (time + 1, streams, hidden), of which the first is given; empty where the cell
                has no cell state.
            saved: (time, streams, saved * hidden), filled with what `Backward` needs, or of
                length 0 where nothing is to be saved.
        """


class Backward(Protocol):
    """A kernel that carries gradients back through time."""

    def __call__(
        self,
        by_hidden: Array,
        weight: Array,
        operands: Array,
        cells: Array,
        saved: Array,
        slopes: Array,
        by_state: Array,
        by_cell: Array,
        /,
    ) -> None:
        """Fill in the gradients by the projections and by the first state.

        Args:
            by_hidden: (time, streams, hidden), gradients by each hidden state, their direct part.
            weight: as for `Forward`.
            operands: as `Forward` left them.
            cells: as `Forward` left them.
            saved: as `Forward` left them.
            slopes: (time, streams, slopes * hidden), filled with the gradients by the projected
                inputs and, where those by the projected hidden state differ, these.
            by_state: (streams, hidden), the gradient by the last hidden state, overwritten with
                that by the first.
            by_cell: (streams, hidden), likewise by the cell state; empty where there is none.
        """


@final
@attrs.frozen
class Cell:
    """A recurrent cell: two kernels, and the widths of their arrays in units of `hidden`.

    Attributes:
        forward: steps through time.
        backward: carries gradients back.
        parts: 2 with a cell state, else 1.
        saved: numbers to save for the way back.
        slopes: gradients by projections. Those beyond the width of the weights belong to the last
            gates of the projected hidden state; its other gates share those of the inputs.
    """

    forward: Forward
    backward: Backward
    parts: int
    saved: int
    slopes: int


CELLS = {
    "GRU": Cell(gru_forward, gru_backward, parts=1, saved=4, slopes=4),
    "LSTM": Cell(lstm_forward, lstm_backward, parts=2, saved=5, slopes=4),
    "RNN_TANH": Cell(rnn_tanh_forward, rnn_tanh_backward, parts=1, saved=0, slopes=1),
    "RNN_RELU": Cell(rnn_relu_forward, rnn_relu_backward, parts=1, saved=0, slopes=1),
}
"""The cells, by the ``mode`` of the torch module."""
