"""Networks that are fed with their own outputs."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np
import torch

from seqfit.models.base import Model, StreamModule
from seqfit.models.recurrent_map import RecurrentMapModule, Solution
from seqfit.second_order.maps import Array, HiddenLayerMap
from seqfit.second_order.output_feedback import FeedbackSearch, fit_output_feedback
from seqfit.second_order.recurrence import Recurrence
from seqfit.validators import natural, positive_int


@final
@attrs.frozen
class OutputFeedback(Model):
    """``y[t] = f(x[t] .. x[t - input_lags], y[t-1] .. y[t - output_lags])``.

    f is a layer of rectified linear units with a linear skip. Where a target's outputs determine
    its state, as those of a saturated integral do, it can be represented exactly.

    References:
        Jordan (1986), "Serial order: a parallel distributed processing approach"; Narendra and
        Parthasarathy (1990), "Identification and control of dynamical systems using neural
        networks", model IV.

    Attributes:
        units: hidden units at most; a solver leaves out those that are of no use.
        input_lags: past inputs that the map sees, besides the present one.
        output_lags: past outputs that it sees.
    """

    units: int = attrs.field(default=8, validator=positive_int)
    input_lags: int = attrs.field(default=0, validator=natural)
    output_lags: int = attrs.field(default=1, validator=positive_int)

    def build(self, inputs: int, outputs: int) -> StreamModule:
        size = self.output_lags * outputs
        features = inputs * (self.input_lags + 1) + size
        f = HiddenLayerMap(
            np.zeros(outputs),
            0.1 * torch.randn(outputs, features).numpy(),
            0.1 * torch.randn(outputs, self.units).numpy(),
            torch.randn(self.units, features).numpy(),
            torch.randn(self.units).numpy(),
        )
        first = Recurrence(f, np.eye(outputs, size), np.zeros(outputs))
        return RecurrentMapModule(
            first, self.input_lags, trained_readout=False, search=self._search
        )

    def _search(self, x: Array, y: Array, seed: int, robust: bool) -> Solution:
        search = FeedbackSearch(
            units=self.units,
            input_lags=self.input_lags,
            output_lags=self.output_lags,
            robust=robust,
            seed=seed,
        )
        if self.output_lags > 1 and robust:
            raise ValueError(
                "loss='huber' needs free runs of one past output, but output_lags is "
                f"{self.output_lags}; use a StateSpace model for outliers, or output_lags=1"
            )
        if self.output_lags > 1:  # a search by free runs would give a state, not a row of outputs
            search = attrs.evolve(search, free_starts=0)
        found = fit_output_feedback(x, y, search)
        return Solution(found.model, found.start, found.status, found.between)
