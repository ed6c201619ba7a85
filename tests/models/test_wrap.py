"""Modules of one's own."""

import doctest
import functools

import numpy as np
import pytest
import torch

from seqfit import Fitter
from seqfit.configuration import NotSerialisable, to_data
from seqfit.models import Wrap, wrap
from seqfit.schedules import Accumulate, EveryWindow
from seqfit.signals import UniformNoise
from seqfit.targets import Delay


class Leaky(torch.nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.into = torch.nn.Linear(inputs, outputs)

    def start(self, streams):
        return {"sum": torch.zeros(streams, self.into.out_features)}

    def forward(self, x, state):
        total, sums = state["sum"], []
        for x_t in x:
            total = 0.9 * total + self.into(x_t)
            sums.append(total)
        return torch.stack(sums), {"sum": total}


class Faulty(torch.nn.Module):
    def __init__(self, out):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.out = out

    def start(self, streams):
        return torch.zeros(streams, 1)

    def forward(self, x, state):
        return self.out(x, state)


def fit(model, **parts):
    problem = {"signal": UniformNoise(channels=2), "target": Delay(1)}
    return Fitter(**problem, model=model, schedule=Accumulate(2, 10, streams=2), **parts).fit(80)


def weights(fitter):
    return torch.cat([p.detach().flatten() for p in fitter.module.parameters()])


@pytest.mark.parametrize(
    "model",
    [
        Wrap(Leaky),
        Wrap(Leaky(2, 2)),
        Wrap(torch.nn.GRU, start=lambda streams: torch.zeros(1, streams, 2), stream_axis=1),
        Wrap(
            lambda inputs, outputs: torch.nn.LSTM(inputs, outputs, num_layers=2),
            start=lambda streams: (torch.zeros(2, streams, 2), torch.zeros(2, streams, 2)),
            stream_axis=1,
        ),
    ],
)
def test_a_module_of_ones_own_is_fitted_by_every_engine(model):
    eager, windowed = (fit(model, engine=e, dtype="float64") for e in ("eager", "windowed"))
    assert (weights(eager) - weights(windowed)).norm() < 1e-10 * weights(eager).norm()
    assert np.isfinite(eager.evaluate(100).mae)


def test_an_instance_is_copied_so_that_the_configuration_stays():
    module = Leaky(2, 2)
    before = module.into.weight.detach().clone()
    fit(Wrap(module))
    assert torch.equal(module.into.weight, before)


def test_code_is_not_written():
    with pytest.raises(NotSerialisable, match="Wrap.module holds"):
        to_data(Wrap(Leaky))


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: Wrap(3), TypeError, "module must be a torch module or a factory"),
        (lambda: Wrap(Leaky, start=3), TypeError, "start must be a function of the streams, got 3"),
        (lambda: Wrap(Leaky, stream_axis=-1), ValueError, "stream_axis must be a non-negative int"),
        (
            lambda: fit(Wrap(lambda i, o: "net")),
            TypeError,
            "must return a torch.nn.Module, got str",
        ),
        (lambda: fit(Wrap(torch.nn.GRU)), TypeError, r"GRU has no method start\(streams\)"),
        (lambda: fit(Wrap(Faulty(lambda x, s: x))), TypeError, r"Faulty must return \(y, state\)"),
        (
            lambda: fit(Wrap(Faulty(lambda x, s: (x[0], s)))),
            ValueError,
            r"Faulty must give y of shape \(time, streams, outputs\) = \(\d, \d+, 2\), got",
        ),
    ],
)
def test_what_is_wrong_with_a_module_is_said(build, error, message):
    with pytest.raises(error, match=message):
        build()


def test_streams_on_another_axis_than_said_are_an_error():
    start = {"start": lambda streams: torch.zeros(1, streams, 2)}
    with pytest.raises(ValueError, match="the 5 streams along axis 0, got the shape"):
        Wrap(torch.nn.GRU, **start).build(2, 2).start(5)


def test_the_start_has_the_dtype_of_the_parameters():
    module = Wrap(Leaky).build(2, 2).double()
    assert module.start(3)["sum"].dtype == torch.float64


def test_the_example_runs():
    failed, tried = doctest.testmod(wrap)
    assert failed == 0
    assert tried > 0


class Torchs(torch.nn.Module):
    """A recurrent layer of torch between two maps; its state as it is, or in another form."""

    def __init__(self, inputs, outputs, kind="GRU", layers=1, form="own", **options):
        super().__init__()
        self.into = torch.nn.Linear(inputs, 3)
        self.recurrence = getattr(torch.nn, kind)(3, 4, layers, **options)
        self.out = torch.nn.Linear(4, outputs)
        self.form = form

    def start(self, streams):
        zeros = torch.zeros(self.recurrence.num_layers, streams, 4)
        if self.form == "doubled":
            return {"h": zeros, "samples": torch.zeros(1, streams, 1)}
        return (zeros, zeros + 0.1) if isinstance(self.recurrence, torch.nn.LSTM) else zeros

    def forward(self, x, state):
        before = state["h"] / 2 if self.form == "doubled" else state
        hidden, after = self.recurrence(torch.tanh(self.into(x)), before)
        if self.form == "doubled":
            after = {"h": 2 * after, "samples": state["samples"] + len(x)}
        return self.out(hidden), after


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"layers": 2},
        {"kind": "LSTM"},
        {"kind": "LSTM", "layers": 3},
        {"kind": "RNN"},
        {"kind": "RNN", "nonlinearity": "relu"},
        {"form": "doubled"},
        {"bias": False},
        {"layers": 2, "dropout": 0.0},
    ],
    ids=str,
)
@pytest.mark.parametrize("schedule", [Accumulate(2, 9), EveryWindow(7, streams=3)], ids=str)
def test_torch_layers_within_a_module_are_run_by_kernels(options, schedule):
    """Whatever form the state has, the weights are those of plain autograd."""
    model = Wrap(functools.partial(Torchs, **options), stream_axis=1)
    found, expected = (
        Fitter(
            UniformNoise(channels=2),
            Delay(1),
            model,
            schedule,
            engine=engine,
            dtype="float64",
        ).fit(90 * schedule.streams)
        for engine in ("windowed", "eager")
    )
    assert found.report.updates == expected.report.updates > 3
    torch.testing.assert_close(weights(found), weights(expected), rtol=1e-9, atol=1e-12)


def test_one_run_tells_the_states_before_all_windows():
    module = Wrap(Torchs, stream_axis=1).build(2, 1)
    calls = []
    module.module.register_forward_pre_hook(lambda *_: calls.append(1))
    x, state = torch.rand(10, 2, 2), module.start(2)
    found = module.window_states(x, state, 3)
    assert len(calls) == 1
    expected = [state]
    for first in (0, 3, 6):
        expected.append(module(x[first : first + 3], expected[-1])[1])
    torch.testing.assert_close(found, torch.cat(expected).detach())
