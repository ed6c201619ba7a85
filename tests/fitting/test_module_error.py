"""Damped least squares for any small module: derivatives, and what it finds."""

import numpy as np
import pytest
import torch

from seqfit import Fitter
from seqfit.fitting import LevenbergMarquardt
from seqfit.fitting.module_error import ModuleFreeRun
from seqfit.models import GRU, LSTM, RNN, StateSpace, Wrap
from seqfit.schedules import EveryWindow
from seqfit.second_order.free_run_error import FreeRun
from seqfit.second_order.residuals import Huber, Squares
from seqfit.signals import RandomHold
from seqfit.targets import LeakyIntegral, SaturatedIntegral


class Decay(torch.nn.Module):
    """y[t] = keep y[t-1] + gain x[t], written by hand."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.keep = torch.nn.Parameter(torch.tensor(0.5))
        self.gain = torch.nn.Parameter(torch.tensor([0.5]))

    def start(self, streams):
        return torch.zeros(streams, 1)

    def forward(self, x, state):
        outputs = []
        for x_t in x:
            state = self.keep * state + self.gain * x_t
            outputs.append(state)
        return torch.stack(outputs), state


def samples(streams=2, time=300):
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(time, streams, 1, generator=generator, dtype=torch.float64)
    return x, torch.rand(time, streams, 1, generator=generator, dtype=torch.float64)


def built(model):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return model.build(1, 1).double()


@pytest.mark.parametrize("residuals", [Squares(), Huber(0.2)])
@pytest.mark.parametrize(
    "model", [RNN(3, head=()), GRU(2, head=(3,)), LSTM(2, layers=2, head=()), Wrap(Decay)], ids=str
)
def test_the_gradient_is_that_of_finite_differences(model, residuals):
    problem = ModuleFreeRun(built(model), *samples(), residuals)
    theta = problem.numbers()
    direction = np.random.default_rng(0).normal(size=theta.size)
    cost, gradient, _ = problem.linearise(theta)
    step = 1e-6
    ahead, back = (problem.cost(theta + sign * step * direction) for sign in (1, -1))
    assert cost == pytest.approx(problem.cost(theta), rel=1e-12)
    assert 2 * gradient @ direction == pytest.approx((ahead - back) / (2 * step), rel=1e-5)


def test_normal_equations_are_those_of_the_compiled_state_space():
    """Two independent ways to the same matrix, for a model that both know."""
    module = built(StateSpace(size=2, units=3))
    with torch.no_grad():  # calm enough that the free run does not grow
        module.linear.copy_(0.2 * module.linear)
        module.output.copy_(0.2 * module.output)
    x, y = samples()
    problem = ModuleFreeRun(module, x, y)
    names = [name for name, _ in module.named_parameters()]
    own = module.recurrence()
    free = np.ones(own.pack().size, bool)
    start = module.start(1)[0].numpy()
    other = FreeRun(x.numpy(), y.numpy(), start, own, free)
    cost, gradient, normal = problem.linearise(problem.numbers())
    expected = other.linearise(other.numbers())
    order = np.concatenate(
        [
            np.flatnonzero(np.repeat(names, [p.numel() for p in module.parameters()]) == name)
            for name in ("constant", "linear", "output", "hidden", "bias", "readout", "shift")
        ]
    )
    assert cost == pytest.approx(expected[0], rel=1e-10)
    np.testing.assert_allclose(gradient[order], expected[1], rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(normal[np.ix_(order, order)], expected[2], rtol=1e-8, atol=1e-12)


def solved(model, target, samples=500, **parts):
    solver = LevenbergMarquardt(**parts)
    return Fitter(RandomHold(), target, model, EveryWindow(samples), optimizer=solver, seed=0)


def test_a_system_written_by_hand_is_found_exactly():
    fitted = solved(Wrap(Decay), LeakyIntegral(leak=0.05, gain=0.2)).fit(500)
    assert fitted.verdict.startswith("exact")
    assert fitted.module.module.keep.item() == pytest.approx(0.95, abs=1e-7)
    assert fitted.module.module.gain.item() == pytest.approx(0.2, abs=1e-7)


def test_outliers_pull_no_harder_than_others():
    target, rng = LeakyIntegral(leak=0.05, gain=0.2), np.random.default_rng(0)
    x, _ = RandomHold().generate(RandomHold().start(1, 0), 500)
    y, _ = target.transform(x, target.start(1))
    y = y + (rng.random(y.shape) < 0.05) * rng.normal(size=y.shape) * 5 + 0.01
    errors = {}
    for loss in ("squares", "huber"):
        fitted = solved(Wrap(Decay), target, loss=loss).partial_fit(x, y)
        errors[loss] = abs(fitted.module.module.keep.item() - 0.95)
    assert errors["huber"] < 0.3 * errors["squares"]


@pytest.mark.parametrize("model", [RNN(3, head=()), GRU(2, head=())], ids=str)
def test_the_free_run_never_gets_worse(model):
    fitted = solved(model, SaturatedIntegral(), samples=300)
    x, _ = RandomHold().generate(RandomHold().start(1, 0), 300)
    y, _ = SaturatedIntegral().transform(x, SaturatedIntegral().start(1))
    before = fitted.score(x, y).rmse
    fitted.fit(300)
    assert fitted.score(x, y).rmse < before
    assert (
        fitted.module.forward(torch.from_numpy(x), fitted.module.start(1))[0].dtype is torch.float32
    )
