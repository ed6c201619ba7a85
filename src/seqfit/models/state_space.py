"""Small state-space networks, with a memory of their own."""

from __future__ import annotations

from typing import Literal, final

import attrs
import numpy as np
import torch

from seqfit.models.base import Model, StreamModule
from seqfit.models.recurrent_map import RecurrentMapModule, Solution
from seqfit.second_order.maps import Array, HiddenLayerMap
from seqfit.second_order.recurrence import Recurrence
from seqfit.second_order.state_space import StateSpaceSearch, fit_state_space
from seqfit.validators import one_of, positive_int


@final
@attrs.frozen
class StateSpace(Model):
    """``s[t] = A s[t-1] + B x[t] + c + V act(W s[t-1] + U x[t] + b)``, ``y[t] = C s[t] + e``.

    Its memory need not be its output, so that it can represent targets of which the outputs do
    not tell the state. A digital filter of order n that passes its input on at once has n + 1
    numbers in it, as the output is read after the state has moved on.

    References:
        Suykens, De Moor and Vandewalle (1995), "Nonlinear system identification using neural
        state space models".

    Attributes:
        size: numbers in the state; a solver tries smaller states first.
        units: hidden units at most; a solver leaves out those that are of no use.
        activation: of the hidden units.
    """

    size: int = attrs.field(default=3, validator=positive_int)
    units: int = attrs.field(default=8, validator=positive_int)
    activation: Literal["relu", "tanh"] = attrs.field(
        default="relu", validator=one_of("relu", "tanh")
    )

    def build(self, inputs: int, outputs: int) -> StreamModule:
        features = inputs + self.size
        linear = 0.1 * torch.randn(self.size, features)
        linear[:, inputs:] = torch.diag(torch.empty(self.size).uniform_(0.7, 1.0))
        f = HiddenLayerMap(
            0.02 * torch.randn(self.size).numpy(),
            linear.numpy(),
            0.05 * torch.randn(self.size, self.units).numpy(),
            torch.randn(self.units, features).numpy(),
            0.5 * torch.randn(self.units).numpy(),
            tanh=self.activation == "tanh",
        )
        readout = np.full((outputs, self.size), 1.0 / self.size)
        first = Recurrence(f, readout, np.zeros(outputs))
        return RecurrentMapModule(first, 0, trained_readout=True, search=self._search)

    def _search(self, x: Array, y: Array, seed: int, robust: bool) -> Solution:
        search = StateSpaceSearch(
            sizes=tuple(range(1, self.size + 1)),
            units=self.units,
            tanh=self.activation == "tanh",
            robust=robust,
            seed=seed,
        )
        found = fit_state_space(x, y, search)
        return Solution(found.model, found.start, found.status, found.between)
