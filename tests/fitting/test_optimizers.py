"""Optimizers that compute gradients at several points, or come from another package."""

import pytest
import torch

from seqfit import Fitter, states
from seqfit.fitting import DivergedError, TorchOptimizer
from seqfit.models import GRU, Wrap
from seqfit.schedules import Accumulate, EveryWindow
from seqfit.signals import RandomHold
from seqfit.targets import LeakyIntegral, SaturatedIntegral

SOAP = TorchOptimizer("SOAP", {"lr": 3e-3, "precondition_frequency": 3})
LBFGS = TorchOptimizer("LBFGS", {"max_iter": 5, "line_search_fn": "strong_wolfe"})


def fitter(optimizer, **parts):
    problem = {
        "target": SaturatedIntegral(),
        "model": GRU(hidden=4),
        "schedule": EveryWindow(20),
        "loss": "mse",
        "dtype": "float64",
        "seed": 1,
    }
    return Fitter(RandomHold(), optimizer=optimizer, **(problem | parts))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", [SOAP, LBFGS], ids=lambda o: o.name)
@pytest.mark.parametrize("stop", [20, 90, 230])
def test_they_go_on_from_a_checkpoint_bit_for_bit(optimizer, stop, dtype, tmp_path):
    whole = fitter(optimizer, dtype=dtype).fit(400)
    fitter(optimizer, dtype=dtype).fit(stop).save(tmp_path / "fit")
    resumed = Fitter.load(tmp_path / "fit").fit(400 - stop)
    assert states.same(dict(resumed.module.state_dict()), dict(whole.module.state_dict()))


@pytest.mark.parametrize("schedule", [EveryWindow(20), Accumulate(5, 20)], ids=repr)
def test_lbfgs_finds_what_torch_finds_by_hand(schedule):
    """The same searches over the same segments, written as torch's documentation has it."""
    found = fitter(LBFGS, schedule=schedule).fit(100)
    module = fitter(LBFGS).module
    optimizer = torch.optim.LBFGS(module.parameters(), **LBFGS.options)
    x, _ = RandomHold().generate(RandomHold().start(1, 1), 100)
    y, _ = SaturatedIntegral().transform(x, SaturatedIntegral().start(1))
    x, y = torch.from_numpy(x).double(), torch.from_numpy(y).double()
    window, state = schedule.window, module.start(1)
    for first in range(0, 100, 20):
        begin = state

        def closure(first=first, begin=begin):
            optimizer.zero_grad()
            total, inner = 0.0, begin
            for t in range(first, first + 20, window):
                prediction, inner = module(x[t : t + window], inner)
                total = total + (prediction - y[t : t + window]).square().mean()
                inner = inner.detach()
            total.backward()
            return total

        with torch.no_grad():
            _, state = module(x[first : first + 20], begin)
        optimizer.step(closure)
    start, ours, theirs = (
        torch.nn.utils.parameters_to_vector(m.parameters())
        for m in (fitter(LBFGS).module, found.module, module)
    )
    assert (ours - theirs).norm() < 1e-5 * (theirs - start).norm()  # searches amplify rounding


class Leaky(torch.nn.Module):
    """y[t] = keep y[t-1] + gain x[t]."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.keep = torch.nn.Parameter(torch.tensor(0.5))
        self.gain = torch.nn.Parameter(torch.tensor(0.5))

    def start(self, streams):
        return self.keep.new_zeros(streams, 1)

    def forward(self, x, state):
        outputs = []
        for x_t in x:
            state = self.keep * state + self.gain * x_t
            outputs.append(state)
        return torch.stack(outputs), state


def test_lbfgs_finds_the_parameters_of_a_system_to_the_last_digits():
    options = {"max_iter": 50, "line_search_fn": "strong_wolfe", "tolerance_change": 1e-16}
    fitted = Fitter(
        RandomHold(),
        LeakyIntegral(leak=0.05, gain=0.2),
        Wrap(Leaky),
        EveryWindow(100),
        optimizer=TorchOptimizer("LBFGS", options | {"tolerance_grad": 1e-14}),
        loss="mse",
        dtype="float64",
    ).fit(100)
    assert fitted.module.module.keep.item() == pytest.approx(0.95, abs=1e-6)
    assert fitted.module.module.gain.item() == pytest.approx(0.2, abs=1e-6)


def test_an_optimizer_that_nobody_has_is_named_with_what_was_meant():
    with pytest.raises(ValueError, match="torch.optim or pytorch_optimizer, got 'SAOP'; did you"):
        TorchOptimizer("SAOP")


def test_lbfgs_takes_no_gradient_twice_at_one_point():
    """Each point of a search is a pass; the first is the one whose loss is recorded."""
    points = []

    class Counted(Leaky):
        def forward(self, x, state):
            if torch.is_grad_enabled():
                points.append((self.keep.item(), self.gain.item()))
            return super().forward(x, state)

    fitter(LBFGS, model=Wrap(Counted), target=LeakyIntegral(), engine="windowed").fit(20)
    assert len(points) == len(set(points)) > 2


def test_a_search_that_diverges_leaves_the_weights_before_it():
    """A gradient that is not finite in the middle of a search, where weights have moved."""

    class Breaks(Leaky):
        def forward(self, x, state):
            y, state = super().forward(x, state)
            moved = (self.keep != 0.5).item()
            return (y + (self.gain - self.gain).sqrt() if moved else y), state  # slope 1 / 0

    model = Wrap(Breaks)
    fitted = fitter(LBFGS, model=model, target=LeakyIntegral(), clip=1.0, engine="windowed")
    with pytest.raises(DivergedError):
        fitted.fit(20)
    assert fitted.module.module.keep.item() == 0.5
    assert fitted.module.module.gain.item() == 0.5
