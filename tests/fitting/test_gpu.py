"""Fits on a GPU are those of the processor, to rounding; skipped where there is none."""

import pytest
import torch

from seqfit import Fitter
from seqfit.fitting import TorchOptimizer
from seqfit.models import (
    GRU,
    LSTM,
    RNN,
    DiagonalStateSpace,
    OutputFeedback,
    Scaled,
    StateSpace,
    Wrap,
)
from seqfit.schedules import Accumulate, EveryWindow, Replay, TruncatedBPTT
from seqfit.signals import RandomHold
from seqfit.targets import SaturatedIntegral

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU")


class Asks(torch.nn.Module):
    """A module that waits for a number, so that it can't be captured."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.map = torch.nn.Linear(inputs, outputs)

    def start(self, streams):
        return torch.zeros(streams, 1)

    def forward(self, x, state):
        return self.map(x) if x.sum().item() > -1 else self.map(-x), state


MODELS = {
    "gru": GRU(5, head=(4,)),
    "lstm": LSTM(5, layers=2),
    "rnn": RNN(5, head=()),
    "output_feedback": OutputFeedback(4),
    "state_space": StateSpace(2, 4),
    "diagonal": DiagonalStateSpace(4),
    "scaled": Scaled(GRU(4), (0.3,), (2.0,), (0.1,), (0.5,)),
    "torch": Wrap(torch.nn.GRU, start=lambda streams: torch.zeros(1, streams, 1), stream_axis=1),
    "asks": Wrap(Asks),
}
SCHEDULES = [
    EveryWindow(3),
    Accumulate(2, 10, streams=3),
    TruncatedBPTT(3, 10),
    Replay(EveryWindow(5), capacity=100, passes=2),
]


def fitter(**parts):
    problem = {
        "signal": RandomHold(),
        "target": SaturatedIntegral(),
        "model": GRU(5),
        "schedule": Accumulate(2, 10),
        "optimizer": TorchOptimizer("Adam", {"lr": 1e-3}),
        "dtype": "float64",
        "clip": 1.0,
        "seed": 3,
    }
    return Fitter(**(problem | parts))


def weights(fitted):
    return torch.cat([p.detach().cpu().flatten() for p in fitted.module.parameters()])


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
@pytest.mark.parametrize("model", MODELS)
def test_the_weights_are_those_of_the_processor(model, schedule):
    parts = {"model": MODELS[model], "schedule": schedule}
    found = fitter(**parts, device="cuda").fit(150 * schedule.streams)
    expected = fitter(**parts, engine="eager").fit(150 * schedule.streams)
    assert found.report.updates == expected.report.updates > 5
    assert next(found.module.parameters()).is_cuda
    torch.testing.assert_close(weights(found), weights(expected), rtol=1e-7, atol=1e-10)


def test_a_checkpoint_goes_on_elsewhere(tmp_path):
    fitter(device="cuda").fit(75).save(tmp_path / "fit")
    found = Fitter.load(tmp_path / "fit", device="cpu").fit(75)
    torch.testing.assert_close(weights(found), weights(fitter().fit(150)), rtol=1e-7, atol=1e-10)


def test_predictions_are_those_of_the_processor():
    x, _ = fitter().held_out_samples(500, streams=2)
    found, expected = fitter(device="cuda").predict(x), fitter().predict(x)
    assert abs(found - expected).max() < 1e-9
