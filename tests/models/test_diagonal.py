"""Diagonal linear state space models."""

import math

import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from seqfit import Fitter
from seqfit.models import DiagonalStateSpace
from seqfit.schedules import EveryWindow, TruncatedBPTT
from seqfit.signals import RandomHold
from seqfit.targets import LeakyIntegral


def test_a_real_factor_is_a_low_pass():
    """One number that does not turn, read by its real part: scipy's filter of first order."""
    module = DiagonalStateSpace(size=1, head=()).build(1, 1).double()
    with torch.no_grad():
        module.log_rate.fill_(math.log(-math.log(0.9)))
        module.angle.zero_()
        module.into.copy_(torch.tensor([[[2.0, 0.0]]]))
        module.head.weight.copy_(torch.tensor([[1.0, 0.0, 0.0]]))
        module.head.bias.zero_()
        x = np.random.default_rng(0).standard_normal(500)
        y, _ = module(torch.from_numpy(x[:, None, None]), module.start(1))
    expected = lfilter([2.0 * math.sqrt(1 - 0.81)], [1.0, -0.9], x)
    np.testing.assert_allclose(y[:, 0, 0].numpy(), expected, rtol=1e-12, atol=1e-12)


def test_factors_that_turn_are_those_of_the_formula():
    torch.manual_seed(0)
    module = DiagonalStateSpace(size=4, slowest=20.0).build(2, 1).double()
    x = torch.randn(30, 3, 2, dtype=torch.float64)
    with torch.no_grad():
        _, state = module.fast_forward(x, module.start(3))
        size = np.exp(-np.exp(module.log_rate.numpy()))
        factors = size * np.exp(1j * module.angle.numpy())
        into = module.into.numpy()[..., 0] + 1j * module.into.numpy()[..., 1]
    s = np.zeros((3, 4), complex)
    for sample in x.numpy():
        s = factors * s + np.sqrt(1 - size**2) * (sample @ into.T)
    found = state.numpy()[..., 0] + 1j * state.numpy()[..., 1]
    np.testing.assert_allclose(found, s, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("schedule", [TruncatedBPTT(3, 10), EveryWindow(7, streams=3)])
def test_windowed_is_eager(schedule):
    fits = [
        Fitter(
            RandomHold(),
            LeakyIntegral(),
            DiagonalStateSpace(size=5, head=(4,)),
            schedule,
            engine=engine,
            dtype="float64",
        ).fit(90 * schedule.streams)
        for engine in ("windowed", "eager")
    ]
    found, expected = (torch.cat([p.flatten() for p in f.module.parameters()]) for f in fits)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_a_leaky_integral_is_learned():
    """Seeds 0 to 4 leave 0.028 to 0.163 of its spread; a constant leaves 1."""
    fitter = Fitter(
        RandomHold(),
        LeakyIntegral(),
        DiagonalStateSpace(size=8, slowest=100.0),
        EveryWindow(20, streams=8),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=3e-3),
        seed=2,
    ).fit(200_000)
    assert fitter.evaluate(40_000).nrmse < 0.1
