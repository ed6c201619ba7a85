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
        self, inputs: Array, weight: Array, bias: Array, states: Array, saved: Array, /
    ) -> None:
        """Fill in the states after the first.

        All arrays are contiguous and of one dtype, float32 or float64.

        Args:
            inputs: (time, streams, gates * hidden), the projected inputs with their bias.
            weight: (gates * hidden, hidden), which projects the hidden state.
            bias: (gates * hidden,), of that projection.
            states: (time + 1, streams, parts * hidden), of which the first is given.
            saved: (time, streams, saved * hidden), filled with what `Backward` needs, or of
                length 0 where nothing is to be saved.

        """


class Backward(Protocol):
    """A kernel that carries gradients back through time."""

    def __call__(
        self,
        gradients: Array,
        weight: Array,
        states: Array,
        saved: Array,
        slopes: Array,
        flow: Array,
        /,
    ) -> None:
        """Fill in the gradients of the projections; `states` and `saved` are from `Forward`.

        Args:
            gradients: (time, streams, hidden), of the loss by each hidden state, its direct part.
            weight: as for `Forward`.
            states: as `Forward` left them.
            saved: as `Forward` left it.
            slopes: (time, streams, slopes * hidden), filled with the gradients of the projected
                inputs and, where those of the projected hidden state differ, these.
            flow: (streams, parts * hidden), the gradient of the last state, overwritten with that
                of the first.

        """


@final
@attrs.frozen
class Cell:
    """A recurrent cell: two kernels, and the widths of their arrays in units of `hidden`.

    Attributes:
        forward: steps through time.
        backward: carries gradients back.
        gates: parts of a projection.
        parts: parts of a state; the hidden state comes first.
        saved: numbers to save for the way back.
        slopes: parts of the gradients; those beyond `gates` are the gradients of the last parts
            of the projected hidden state, which in the others are those of the inputs.

    """

    forward: Forward
    backward: Backward
    gates: int
    parts: int
    saved: int
    slopes: int


CELLS = {
    "GRU": Cell(gru_forward, gru_backward, gates=3, parts=1, saved=4, slopes=4),
    "LSTM": Cell(lstm_forward, lstm_backward, gates=4, parts=2, saved=5, slopes=4),
    "RNN_TANH": Cell(rnn_tanh_forward, rnn_tanh_backward, gates=1, parts=1, saved=0, slopes=1),
    "RNN_RELU": Cell(rnn_relu_forward, rnn_relu_backward, gates=1, parts=1, saved=0, slopes=1),
}
"""The cells, by the ``mode`` of the torch module."""
