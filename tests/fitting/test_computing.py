"""How numbers are computed during a fit, and that nothing of it is left behind."""

import contextlib

import numpy as np
import pytest
import torch

from seqfit import Fitter
from seqfit.computing import computing
from seqfit.fitting import Callback, TorchOptimizer
from seqfit.models import RNN
from seqfit.schedules import EveryWindow
from seqfit.signals import RandomHold
from seqfit.targets import SaturatedIntegral


def keeps_subnormals():
    return bool((torch.tensor(1e-310, dtype=torch.float64) * 1.0).item())


@pytest.mark.parametrize("before", [False, True])
def test_everything_is_as_before_afterwards(before):
    torch.set_flush_denormal(before)
    threads = torch.get_num_threads()
    try:
        with contextlib.suppress(KeyError), computing(2):
            assert torch.get_num_threads() == 2
            assert not keeps_subnormals()
            raise KeyError
        assert torch.get_num_threads() == threads
        assert keeps_subnormals() != before
    finally:
        torch.set_flush_denormal(False)


@pytest.mark.parametrize("engine", ["compiled", "windowed"])
def test_averages_of_gradients_that_are_zero_end_at_zero(engine):
    """A unit that does nothing has gradients of zero from some update on."""

    class Dies(Callback):
        def after_update(self, fitter):
            if fitter.report.updates == 20:
                with torch.no_grad():
                    fitter.module.recurrence.bias_ih_l0.fill_(-100.0)  # all units are off

    fitter = Fitter(
        RandomHold(),
        SaturatedIntegral(),
        RNN(4, activation="relu", head=()),
        EveryWindow(2),
        optimizer=TorchOptimizer("Adam", {"lr": 1e-6}),
        engine=engine,
        callbacks=[Dies()],
    ).fit(4_000)
    optimizer = fitter._course.training.learner.optimizer
    averages = optimizer.state[fitter.module.recurrence.weight_hh_l0]["exp_avg"].numpy()
    assert not averages.any()
    assert np.isfinite(fitter.report.loss)
