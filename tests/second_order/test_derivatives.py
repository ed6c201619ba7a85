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
from seqfit.second_order.residuals import Huber, LogLoss, Squares
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


LOSSES = {
    "squares": (Squares(), lambda out, y: (out - y).square()),
    "huber": (Huber(0.5), lambda out, y: 2 * torch.nn.functional.huber_loss(
        out, y, reduction="none", delta=0.5
    )),
    "log loss": (LogLoss(), lambda out, y: 2 * torch.nn.functional.binary_cross_entropy_with_logits(
        out, y, reduction="none"
    )),
}  # fmt: skip


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("tanh", [False, True])
@pytest.mark.parametrize(("new", "size"), [(2, 2), (1, 3)])
def test_sensitivities_of_a_free_run_are_those_of_autograd(loss, tanh, new, size):
    rng = np.random.default_rng(1)
    f = random_map(rng, new, 2 + size, 4, tanh)
    model = Recurrence(f, rng.normal(size=(2, size)), rng.normal(size=2))
    x, y = rng.normal(size=(30, 3, 2)), (rng.random((30, 3, 2)) > 0.5).astype(float)
    start = 0.1 * rng.normal(size=(1, size))
    mapped = f.pack().size
    residuals, loss_in_torch = LOSSES[loss]

    def run(theta):
        numbers, s = theta[:-size], theta[-size:].repeat(3, 1)
        readout, shift, out = numbers[mapped:-2].reshape(2, size), numbers[-2:], []
        for x_t in torch.tensor(x):
            value = in_torch(f, torch.cat([x_t, s], dim=1), numbers[:mapped])
            s = torch.cat([value, s[:, : size - new]], dim=1)
            out.append(s @ readout.T + shift)
        return torch.stack(out).flatten()

    theta = torch.tensor(np.concatenate([model.pack(), start[0]]))
    target = torch.tensor(y).flatten()
    free = np.ones(model.pack().size, bool)
    problem = FreeRun(x, y, start, model, free, free_start=True, residuals=residuals)
    cost, gradient, normal = problem.linearise(problem.numbers())
    np.testing.assert_array_equal(problem.numbers(), theta)
    np.testing.assert_allclose(free_run(model, x, start.repeat(3, 0))[0].ravel(), run(theta))
    assert cost == pytest.approx(problem.cost(problem.numbers()))

    def mean_loss(theta):
        return loss_in_torch(run(theta), target).mean()

    assert cost == pytest.approx(mean_loss(theta).item())
    expected = torch.autograd.functional.jacobian(mean_loss, theta) / 2
    np.testing.assert_allclose(gradient, expected, atol=1e-10)
    jacobian = torch.autograd.functional.jacobian(run, theta)
    curvature = residuals.curvature(run(theta).numpy(), target.numpy())
    weights = torch.ones(180) if curvature is None else torch.tensor(curvature)
    expected_normal = jacobian.T @ (weights[:, None] * jacobian) / 180
    np.testing.assert_allclose(normal, expected_normal, atol=1e-9)
    if loss == "log loss":  # the curvature is the second derivative itself
        logits = run(theta).detach().requires_grad_()
        once = torch.autograd.grad(loss_in_torch(logits, target).sum(), logits, create_graph=True)[
            0
        ]
        twice = torch.autograd.grad(once.sum(), logits)[0]
        np.testing.assert_allclose(weights, twice / 2, atol=1e-12)
    chosen = FreeRun(x, y, start, model, np.arange(free.size) % 2 == 0, residuals=residuals)
    _, part, _ = chosen.linearise(chosen.numbers())
    np.testing.assert_allclose(part, gradient[: free.size : 2], atol=1e-12)


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
