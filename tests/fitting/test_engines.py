"""Every engine computes what plain autograd computes."""

import attrs
import pytest
import torch

from seqfit import Fitter
from seqfit.fitting import TorchOptimizer
from seqfit.fitting.engines import CompiledGradient, Segment, choose_engine
from seqfit.fitting.engines.base import sample_weights
from seqfit.fitting.losses import elementwise
from seqfit.models import GRU, LSTM, RNN, Wrap
from seqfit.schedules import Accumulate, EveryWindow, Replay, TruncatedBPTT, Update
from seqfit.signals import RandomHold
from seqfit.targets import SaturatedIntegral


class PlainNet(torch.nn.Module):
    """A user's module: a leaky cell written by hand."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.into = torch.nn.Linear(inputs + 5, 5)
        self.out = torch.nn.Linear(5, outputs)

    def start(self, streams):
        return self.out.weight.new_zeros(streams, 5)

    def forward(self, x, state):
        states = []
        for x_t in x:
            state = 0.9 * state + 0.1 * torch.tanh(self.into(torch.cat([x_t, state], dim=1)))
            states.append(state)
        return self.out(torch.stack(states)), state


MODELS = [
    GRU(hidden=6, head=(5,)),
    GRU(hidden=5, layers=2, head=()),
    LSTM(hidden=5, head=(4,)),
    RNN(hidden=6, head=()),
    RNN(hidden=6, activation="relu", layers=2, head=(5,)),
    Wrap(PlainNet),
]
SCHEDULES = [
    EveryWindow(2),
    EveryWindow(7),
    EveryWindow(2, phase=1),
    Accumulate(2, 50),
    Accumulate(3, 10, phase=4),
    TruncatedBPTT(3, 10),
    TruncatedBPTT(4, 10, loss_on="all"),
    TruncatedBPTT(10, 3),
    Replay(TruncatedBPTT(4, 10, loss_on="all"), capacity=60, passes=3),
]


def fitter(**parts):
    problem = {
        "signal": RandomHold(),
        "target": SaturatedIntegral(),
        "model": GRU(hidden=6, head=(5,)),
        "schedule": Accumulate(2, 10),
        "optimizer": TorchOptimizer("Adam", {"lr": 3e-3}),
        "clip": 1.0,
        "seed": 3,
    }
    return Fitter(**(problem | parts))


def weights(fitted):
    return torch.cat([p.detach().flatten() for p in fitted.module.parameters()])


@pytest.mark.parametrize("engine", ["windowed", "auto"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-10)])
@pytest.mark.parametrize("streams", [1, 3])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_weights_after_20_updates_are_those_of_eager(
    model, schedule, streams, dtype, tolerance, engine
):
    inner = attrs.evolve(getattr(schedule, "inner", schedule), streams=streams)
    length = max(getattr(inner, name, 0) for name in ("window", "every", "k1"))
    schedule = attrs.evolve(schedule, inner=inner) if isinstance(schedule, Replay) else inner
    samples = 20 * length * streams
    # The sign of an L1 error turns with its last bit, so in float32 the loss is another.
    loss = "l1" if dtype == "float64" else "mse"
    parts = {"model": model, "schedule": schedule, "dtype": dtype, "loss": loss}
    reference = fitter(engine="eager", **parts).fit(samples)
    other = fitter(engine=engine, **parts).fit(samples)
    assert reference.report.updates == other.report.updates >= 19
    before = weights(fitter(**parts))
    moved = weights(reference)
    assert (moved - before).norm() > 1e-3
    assert (weights(other) - moved).norm() <= tolerance * moved.norm()
    assert other.report.loss == pytest.approx(reference.report.loss, rel=100 * tolerance)


def test_auto_names_the_engine_that_it_uses():
    assert fitter(engine="auto").fit(100).report.engine == "compiled"


@pytest.mark.parametrize("loss", ["l1", "mse", "huber"])
def test_engines_agree_on_every_loss(loss):
    reference = fitter(engine="eager", loss=loss, dtype="float64").fit(200)
    other = fitter(engine="windowed", loss=loss, dtype="float64").fit(200)
    assert (weights(other) - weights(reference)).norm() < 1e-10 * weights(reference).norm()


def engine_of(name, module):
    if name == CompiledGradient.name:
        return CompiledGradient(module, [*module.parameters()], "l1")
    return choose_engine(name)


def independent_gradient(module, x, y, update):
    """The gradient of an update, straight from its definition."""
    state = module.start(x.shape[1])
    windows, total = [], 0.0
    for first in range(0, len(x), update.window):
        last = min(first + update.window, len(x))
        prediction, state = module(x[first:last], state)
        error = (prediction - y[first:last]).abs()[max(update.washout - first, 0) :]
        windows.append(error)
        state = state.detach()
    for error in windows:
        if error.numel():
            scale = error.numel() if update.reduction == "sum" else sum(e.numel() for e in windows)
            total = total + error.sum() / scale
    return torch.cat([g.flatten() for g in torch.autograd.grad(total, list(module.parameters()))])


@pytest.mark.parametrize(
    "update",
    [
        Update(length=10, window=3),
        Update(length=10, window=3, reduction="sum"),
        Update(length=4, window=3, lookback=6, washout=4),
        Update(length=4, window=3, lookback=6, washout=4, reduction="sum"),
        Update(length=4, window=99, lookback=6, washout=6),
        Update(length=1, window=2, reduction="sum"),
    ],
    ids=str,
)
@pytest.mark.parametrize("live", [1, 2, 3])
@pytest.mark.parametrize("name", ["eager", "windowed", "compiled gradients"])
def test_the_gradient_of_an_update_is_what_its_fields_say(name, live, update):
    torch.manual_seed(0)
    module = GRU(hidden=4, head=(3,)).build(2, 2).double()
    time = update.lookback + update.length
    x = torch.rand(time, 3, 2, dtype=torch.float64)
    y = torch.rand(time, 3, 2, dtype=torch.float64)
    segment = Segment(x, y, module.start(3), update, live)
    outcome = engine_of(name, module).accumulate(module, elementwise("l1"), segment)
    found = torch.cat([p.grad.flatten() for p in module.parameters()])
    torch.testing.assert_close(
        found, independent_gradient(module, x, y, update), rtol=1e-9, atol=1e-12
    )
    with torch.no_grad():
        prediction, state = module(x, module.start(3))
    errors = (prediction - y).abs()
    assert outcome.loss == pytest.approx(errors[update.lookback :, :live].mean().item())
    weights = sample_weights(update, torch.float64, x.device)
    assert outcome.objective == pytest.approx((weights @ errors.mean(dim=(1, 2))).item())
    torch.testing.assert_close(outcome.state, state)
