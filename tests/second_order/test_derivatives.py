"""Exact derivatives against autograd, and damped least squares against SciPy."""

import attrs
import numpy as np
import pytest
import torch
from scipy.optimize import least_squares

from seqfit.second_order.free_run_error import FreeRun
from seqfit.second_order.levenberg_marquardt import Stop, minimise
from seqfit.second_order.maps import HiddenLayerMap
from seqfit.second_order.recurrence import Recurrence, free_run
from seqfit.second_order.teacher_forced import Pairs


def random_map(rng, new, features, units, tanh):
    return HiddenLayerMap(
        0.1 * rng.normal(size=new),
        0.3 * rng.normal(size=(new, features)),
        0.3 * rng.normal(size=(new, units)),
        rng.normal(size=(units, features)),
        rng.normal(size=units),
        tanh,
    )


def in_torch(f, p, theta):
    """The map of the packed numbers `theta`, by torch."""
    sizes = [np.size(a) for a in (f.constant, f.linear, f.output, f.hidden, f.bias)]
    constant, linear, output, hidden, bias = theta.split(sizes)
    z = p @ hidden.reshape(f.hidden.shape).T + bias
    units = torch.tanh(z) if f.tanh else torch.relu(z)
    return (
        constant + p @ linear.reshape(f.linear.shape).T + units @ output.reshape(f.output.shape).T
    )


def gradient_and_normal(residuals, theta):
    """Half the gradient of the mean square, and J'J over the number of residuals."""
    jacobian = torch.autograd.functional.jacobian(residuals, theta)
    r = residuals(theta).detach()
    return (jacobian.T @ r / len(r)).numpy(), (jacobian.T @ jacobian / len(r)).numpy()


@pytest.mark.parametrize("tanh", [False, True])
@pytest.mark.parametrize("outputs", [1, 3])
def test_teacher_forced_derivatives_are_those_of_autograd(tanh, outputs):
    rng = np.random.default_rng(0)
    f = random_map(rng, outputs, 4, 5, tanh)
    p, y = rng.normal(size=(60, 4)), rng.normal(size=(60, outputs))
    theta = torch.tensor(f.pack())

    def residuals(numbers):
        return (in_torch(f, torch.tensor(p), numbers) - torch.tensor(y)).flatten()

    cost, gradient, normal = Pairs(p, y, f).linearise(f.pack())
    assert cost == pytest.approx(Pairs(p, y, f).cost(f.pack()))
    assert cost == pytest.approx(residuals(theta).square().mean().item())
    expected_gradient, expected_normal = gradient_and_normal(residuals, theta)
    np.testing.assert_allclose(gradient, expected_gradient, atol=1e-12)
    np.testing.assert_allclose(normal, expected_normal, atol=1e-12)


@pytest.mark.parametrize("tanh", [False, True])
@pytest.mark.parametrize(("new", "size"), [(2, 2), (1, 3)])
def test_sensitivities_of_a_free_run_are_those_of_autograd(tanh, new, size):
    rng = np.random.default_rng(1)
    f = random_map(rng, new, 2 + size, 4, tanh)
    model = Recurrence(f, rng.normal(size=(2, size)), rng.normal(size=2))
    x, y = rng.normal(size=(30, 3, 2)), rng.normal(size=(30, 3, 2))
    start = 0.1 * rng.normal(size=(3, size))
    mapped = f.pack().size

    def residuals(theta):
        readout, shift = theta[mapped : mapped + 2 * size].reshape(2, size), theta[-2:]
        s, out = torch.tensor(start), []
        for x_t in torch.tensor(x):
            value = in_torch(f, torch.cat([x_t, s], dim=1), theta[:mapped])
            s = torch.cat([value, s[:, : size - new]], dim=1)
            out.append(s @ readout.T + shift)
        return (torch.stack(out) - torch.tensor(y)).flatten()

    theta = torch.tensor(model.pack())
    problem = FreeRun(x, y, start, model, np.ones(theta.numel(), bool))
    cost, gradient, normal = problem.linearise(model.pack())
    np.testing.assert_allclose(free_run(model, x, start)[0] - y, residuals(theta).reshape(y.shape))
    assert cost == pytest.approx(problem.cost(model.pack()))
    expected_gradient, expected_normal = gradient_and_normal(residuals, theta)
    np.testing.assert_allclose(gradient, expected_gradient, atol=1e-10)
    np.testing.assert_allclose(normal, expected_normal, atol=1e-9)


def test_damped_least_squares_ends_where_scipy_does():
    rng = np.random.default_rng(2)
    f = random_map(rng, 1, 2, 3, tanh=True)
    p = rng.normal(size=(200, 2))
    y = np.sin(p[:, :1]) + 0.1 * p[:, 1:] + 0.01 * rng.normal(size=(200, 1))
    end = minimise(Pairs(p, y, f), f.pack(), Stop(iterations=500, gain=1e-9))
    reference = least_squares(lambda t: (f.unpack(t)(p) - y).ravel(), f.pack(), method="lm")
    assert end.cost == pytest.approx(2 * reference.cost / len(p), rel=0.02)


@attrs.frozen
class NeverBetter:
    """A problem whose every step leads up, and whose normal matrix is singular."""

    def cost(self, theta):
        return 1.0 + float(np.abs(theta).sum())

    def linearise(self, theta):
        return self.cost(theta), np.ones_like(theta), np.zeros((theta.size, theta.size))


def test_the_start_is_kept_where_no_step_helps():
    end = minimise(NeverBetter(), np.zeros(3))
    assert end.cost == 1.0
    np.testing.assert_array_equal(end.theta, np.zeros(3))
