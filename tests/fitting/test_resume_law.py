"""The law of resuming: a fit that stops, in another process goes on, and is the fit without a stop.

Hypothesis chooses the parts and the moment. The files of both fits hold the same bit for bit:
weights, optimizer, rates, states of every part, waiting samples, generators and counters.
"""

import os
import subprocess
import sys

import attrs
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqfit import Fitter, plugins, states
from seqfit.fitting import (
    Callback,
    DivergedError,
    LevenbergMarquardt,
    TorchLearningRate,
    TorchOptimizer,
)
from seqfit.fitting.checkpoint import read_checkpoint
from seqfit.models import GRU, LSTM, RNN, OutputFeedback, Scaled, StateSpace, Wrap
from seqfit.schedules import Accumulate, EveryWindow, Replay, TruncatedBPTT
from seqfit.signals import Beside, Events, RandomHold
from seqfit.targets import Chain, Delay, LeakyIntegral, Noisy, SaturatedIntegral


class Dropped(torch.nn.Module):
    """A network that draws from torch's generator while it is fitted."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.net = torch.nn.GRU(inputs, 3)
        self.out = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(3, outputs))

    def start(self, streams):
        return torch.zeros(1, streams, 3)

    def forward(self, x, state):
        h, state = self.net(x, state)
        return self.out(h), state


class Largest(Callback):
    """Remembers the largest loss so far."""

    def __init__(self):
        self.loss = 0.0

    def after_update(self, fitter):
        self.loss = max(self.loss, fitter.report.loss)

    def state(self):
        return self.loss

    def restore(self, state):
        self.loss = state


class Quiet(Largest):
    """The same, told of many updates at a time."""

    every_update = False


CODE = {"dropout": Wrap(Dropped, stream_axis=1)}
CALLBACKS = {"each": Largest, "many": Quiet, "none": None}


def callbacks(which):
    return () if CALLBACKS[which] is None else (CALLBACKS[which](),)


def serve():
    """Load, fit and save what standard input says, a line for each fit."""
    for line in sys.stdin:
        source, samples, destination, told, code = line.rstrip("\n").split("\t")
        parts = {"model": CODE[code]} if code else {}
        fitter = Fitter.load(source, callbacks=callbacks(told), **parts)
        fitter.fit(int(samples)).save(destination)
        print("done", flush=True)


@pytest.fixture(scope="module")
def elsewhere():
    """Goes on with a saved fit in a process that did not begin it."""
    command = [sys.executable, __file__]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def go_on(source, samples, destination, told, code):
            print(
                source, samples, destination, told, code, sep="\t", file=process.stdin, flush=True
            )
            assert process.stdout.readline() == "done\n"

        yield go_on
        process.stdin.close()
    assert process.returncode == 0


MODELS = (
    GRU(hidden=3, head=(4,)),
    GRU(hidden=2, layers=2, head=()),
    LSTM(hidden=3, head=()),
    RNN(hidden=4, head=(), activation="relu"),
    Scaled(RNN(hidden=3), (0.5,), (2.0,), (0.0,), (4.0,)),
    OutputFeedback(),
    StateSpace(),
    CODE["dropout"],
)
OPTIMIZERS = (
    TorchOptimizer("Adam", {"lr": 1e-2}),
    TorchOptimizer("Adam", {"lr": 1e-2, "amsgrad": True}),
    TorchOptimizer("AdamW", {"lr": 1e-2}),
    TorchOptimizer("SGD", {"lr": 1e-2}),
    TorchOptimizer("SGD", {"lr": 1e-2, "momentum": 0.9, "nesterov": True}),
    TorchOptimizer("RMSprop", {"lr": 1e-3, "momentum": 0.5, "centered": True}),
    TorchOptimizer("Adagrad"),
    TorchOptimizer("Adadelta"),
    TorchOptimizer("Adamax"),
    TorchOptimizer("NAdam"),
    TorchOptimizer("RAdam"),
    TorchOptimizer("ASGD"),
    TorchOptimizer("Rprop"),
    TorchOptimizer("LBFGS", {"max_iter": 3}),
    TorchOptimizer("SOAP", {"lr": 1e-3}),
    LevenbergMarquardt(),
)
RATES = (
    None,
    TorchLearningRate("StepLR", {"step_size": 3, "gamma": 0.5}),
    TorchLearningRate("OneCycleLR", {"max_lr": 1e-2, "cycle_momentum": False}),
    TorchLearningRate("CosineAnnealingWarmRestarts", {"T_0": 4}),
    TorchLearningRate("LinearLR"),
    TorchLearningRate("CyclicLR", {"base_lr": 1e-4, "max_lr": 1e-2, "cycle_momentum": False}),
)
SCHEDULES = (
    EveryWindow(1),
    EveryWindow(5, phase=2, streams=3),
    Accumulate(2, 9, phase=4),
    Accumulate(3, 17, streams=2),
    TruncatedBPTT(3, 8),
    TruncatedBPTT(4, 9, loss_on="all", streams=2),
    TruncatedBPTT(9, 4),
    Replay(TruncatedBPTT(3, 9, loss_on="all"), capacity=30, passes=2),
    Replay(Accumulate(2, 6, streams=2), capacity=20),
)


def with_defaults(kind):
    """Every registered component that needs no settings, and examples of those that do."""
    for name in plugins.names(kind):
        component = plugins.load(kind, name)
        if all(f.default is not attrs.NOTHING for f in attrs.fields(component) if f.init):
            yield component()


SIGNALS = (*with_defaults("signals"), Beside([RandomHold(), Events()]))
TARGETS = (
    *with_defaults("targets"),
    Chain([Delay(3), SaturatedIntegral(), LeakyIntegral()]),
    Noisy(SaturatedIntegral(), outliers=0.1),
)


def fits_together(signal, target):
    try:
        target.outputs(signal.channels)
    except ValueError:
        return False
    return True


SOURCES = [(s, t) for s in SIGNALS for t in TARGETS if fits_together(s, t)]


@st.composite
def fits(draw):
    """The parts of a fit, of all kinds and engines; the engine auto is compiled where it can."""
    signal, target = draw(st.sampled_from(SOURCES))
    models = [m for m in MODELS if signal.channels == 1 or not isinstance(m, Scaled)]
    return {
        "signal": signal,
        "target": target,
        "model": draw(st.sampled_from(models)),
        "schedule": draw(st.sampled_from(SCHEDULES)),
        "optimizer": draw(st.sampled_from(OPTIMIZERS)),
        "learning_rate": draw(st.sampled_from(RATES)),
        "loss": draw(st.sampled_from(["l1", "mse", "huber"])),
        "clip": draw(st.sampled_from([None, 0.5])),
        "seed": draw(st.integers(0, 2**63 - 1)),
        "dtype": draw(st.sampled_from(["float32", "float64"])),
        "engine": draw(st.sampled_from(["auto", "eager", "windowed"])),
        "samples": 150,
    }


@settings(
    max_examples=int(os.environ.get("SEQFIT_RESUMES", "60")),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data(), fits(), st.integers(2, 150), st.sampled_from(sorted(CALLBACKS)))
def test_a_fit_that_goes_on_in_another_process_is_the_fit_without_a_stop(
    tmp_path, elsewhere, data, parts, samples, told
):
    stop = data.draw(st.integers(1, samples - 1))
    code = "dropout" if parts["model"] is CODE["dropout"] else ""
    Fitter(**parts, callbacks=callbacks(told)).fit(samples).save(tmp_path / "whole")
    Fitter(**parts, callbacks=callbacks(told)).fit(stop).save(tmp_path / "stopped")
    elsewhere(tmp_path / "stopped", samples - stop, tmp_path / "resumed", told, code)
    resumed, expected = (read_checkpoint(tmp_path / name) for name in ("resumed", "whole"))
    assert states.same(resumed, expected)


if __name__ == "__main__":
    serve()


@pytest.mark.parametrize("engine", ["compiled", "windowed"])
def test_a_fit_that_diverges_once_loaded_keeps_the_weights_of_the_fit_without_a_stop(
    engine, tmp_path
):
    """At whatever update it was saved, the very last good one included."""

    def begun():
        return Fitter(
            RandomHold(),
            SaturatedIntegral(),
            RNN(3, activation="relu", head=()),
            EveryWindow(2),
            optimizer=TorchOptimizer("SGD", {"lr": 1e3}),
            loss="mse",
            engine=engine,
        )

    unstopped = begun()
    with pytest.raises(DivergedError):
        unstopped.fit(1000)
    updates = unstopped.report.updates
    assert updates > 1
    for made in range(1, updates + 1):
        begun().fit(2 * made).save(tmp_path / "fit")
        loaded = Fitter.load(tmp_path / "fit")
        with pytest.raises(DivergedError):
            loaded.fit(1000)
        kept = [dict(fitted.module.state_dict()) for fitted in (loaded, unstopped)]
        assert states.same(*kept)
