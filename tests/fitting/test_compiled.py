"""The compiled engine does what plain autograd and torch's optimizers do."""

import math
import resource

import attrs
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqfit import Fitter, states
from seqfit.fitting import Callback, DivergedError, TorchLearningRate, TorchOptimizer
from seqfit.models import GRU, LSTM, RNN, OutputFeedback, Scaled, StateSpace, Wrap
from seqfit.schedules import Accumulate, EveryWindow, Progress, TruncatedBPTT, UpdateSchedule
from seqfit.signals import RandomHold
from seqfit.targets import SaturatedIntegral


def fitter(**parts):
    problem = {
        "signal": RandomHold(),
        "target": SaturatedIntegral(),
        "model": GRU(hidden=5, head=(4,)),
        "schedule": Accumulate(2, 10),
        "optimizer": TorchOptimizer("Adam", {"lr": 3e-3}),
        "dtype": "float64",
        "engine": "compiled",
        "seed": 3,
    }
    return Fitter(**(problem | parts))


def weights(fitted):
    return torch.cat([p.detach().flatten() for p in fitted.module.parameters()])


def distance(found, expected):
    return float((weights(found) - weights(expected)).norm() / weights(expected).norm())


def everything(fitted):
    """All that a checkpoint of a fit holds."""
    return fitted._course.training.state()


@pytest.mark.parametrize("cell", [GRU, LSTM, RNN])
@pytest.mark.parametrize(
    ("hidden", "head", "layers", "streams", "window", "every", "inputs", "outputs"),
    [
        (1, (), 1, 1, 2, 7, 1, 1),
        (1, (1,), 2, 5, 9, 20, 2, 1),
        (3, (2, 5, 3), 1, 33, 4, 4, 1, 3),
        (16, (16,), 1, 2, 3, 10, 15, 16),
        (17, (17, 1), 3, 5, 6, 9, 4, 2),
        (65, (31,), 1, 1, 50, 60, 1, 1),
        (65, (), 2, 33, 2, 3, 2, 17),
    ],
)
def test_any_size_does(cell, hidden, head, layers, streams, window, every, inputs, outputs):
    rng = np.random.default_rng(0)
    x = rng.random((4 * every + 1, streams, inputs))
    y = rng.random((4 * every + 1, streams, outputs))
    model = cell(hidden=hidden, head=head, layers=layers)
    schedule = Accumulate(window, every, streams=streams)
    found, expected = (
        fitter(signal=None, target=None, model=model, schedule=schedule, engine=engine)
        for engine in ("compiled", "windowed")
    )
    for fitted in (found, expected):
        fitted.partial_fit(x, y)
        assert fitted.report.updates == 4
    assert distance(found, expected) < 1e-9
    assert found.report.loss == pytest.approx(expected.report.loss, rel=1e-9)


SCHEDULES = st.one_of(
    st.builds(EveryWindow, st.integers(1, 12), streams=st.integers(1, 3)),
    st.integers(1, 8).flatmap(
        lambda w: st.builds(
            Accumulate, st.just(w), st.integers(w, 20), streams=st.sampled_from([1, 2])
        )
    ),
    st.builds(
        TruncatedBPTT,
        st.integers(1, 9),
        st.integers(1, 20),
        loss_on=st.sampled_from(["new", "all"]),
        streams=st.sampled_from([1, 2]),
    ),
)
ADAM = st.fixed_dictionaries(
    {
        "lr": st.sampled_from([1e-3, 1e-2]),
        "betas": st.sampled_from([(0.9, 0.999), (0.5, 0.9), (0.0, 0.99)]),
        "eps": st.sampled_from([1e-8, 1e-3]),
        "weight_decay": st.sampled_from([0.0, 0.1]),
        "amsgrad": st.booleans(),
        "maximize": st.booleans(),
    }
)
SGD = st.fixed_dictionaries(
    {
        "lr": st.sampled_from([1e-2, 1e-1]),
        "momentum": st.sampled_from([0.5, 0.9]),
        "weight_decay": st.sampled_from([0.0, 0.1]),
        "nesterov": st.booleans(),
    }
)
PLAIN_SGD = st.fixed_dictionaries(
    {
        "lr": st.just(0.05),
        "momentum": st.sampled_from([0.0, 0.9]),
        "dampening": st.sampled_from([0.0, 0.3]),
    }
)
OPTIMIZERS = st.one_of(
    st.builds(TorchOptimizer, st.sampled_from(["Adam", "AdamW"]), ADAM),
    st.builds(TorchOptimizer, st.just("SGD"), SGD | PLAIN_SGD),
)
RATES = st.sampled_from(
    [
        None,
        TorchLearningRate("StepLR", {"step_size": 3, "gamma": 0.5}),
        TorchLearningRate("OneCycleLR", {"max_lr": 0.02, "total_steps": 9}),
        TorchLearningRate("CosineAnnealingLR", {"T_max": 7}),
    ]
)


@settings(deadline=None, max_examples=60)
@given(
    schedule=SCHEDULES,
    optimizer=OPTIMIZERS,
    rate=RATES,
    loss=st.sampled_from(["l1", "mse", "huber"]),
    clip=st.sampled_from([None, 0.05, 10.0]),
    model=st.sampled_from([GRU(3, head=(4,)), LSTM(3, layers=2, head=()), RNN(4, head=(3,))]),
    scaled=st.booleans(),
    pieces=st.lists(st.integers(1, 60), min_size=1, max_size=3),
)
def test_every_choice_agrees(schedule, optimizer, rate, loss, clip, model, scaled, pieces):
    """Weights, averages, schedule and losses are those of torch, in whatever pieces."""
    if scaled:
        model = Scaled(model, (0.3,), (2.0,), (0.1,), (0.5,))
    if rate is not None and rate.name == "OneCycleLR" and not _has_inertia(optimizer):
        rate = None
    parts = {
        "schedule": schedule,
        "optimizer": optimizer,
        "learning_rate": rate,
        "loss": loss,
        "clip": clip,
        "model": model,
    }
    found, expected = fitter(**parts), fitter(**parts, engine="windowed")
    for samples in pieces:
        found.fit(samples)
        expected.fit(samples)
    assert found.report.engine == "compiled"
    assert _differs(everything(found), everything(expected)) is None


def _has_inertia(optimizer):
    return optimizer.name != "SGD" or optimizer.options.get("momentum", 0) > 0


def _differs(a, b, where="the state"):
    """Where two trees differ in structure, or in numbers by more than rounding."""
    if isinstance(a, dict) and isinstance(b, dict):
        if a.keys() != b.keys():
            return f"{where}: {a.keys()} and {b.keys()}"
        return next(filter(None, (_differs(a[k], b[k], f"{where}.{k}") for k in a)), None)
    if isinstance(a, list | tuple) and type(a) is type(b) and len(a) == len(b):
        pairs = enumerate(zip(a, b, strict=True))
        return next(filter(None, (_differs(u, v, f"{where}.{i}") for i, (u, v) in pairs)), None)
    if isinstance(a, torch.Tensor | np.ndarray):
        if a.shape != b.shape or a.dtype != b.dtype:
            return f"{where}: {a.shape}, {a.dtype} and {b.shape}, {b.dtype}"
        a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
        return None if np.allclose(a, b, rtol=1e-7, atol=1e-9) else f"{where}: {a} and {b}"
    if isinstance(a, float) and isinstance(b, float):
        close = math.isclose(a, b, rel_tol=1e-7, abs_tol=1e-9) or (a != a and b != b)
        return None if close else f"{where}: {a} and {b}"
    return None if a == b else f"{where}: {a!r} and {b!r}"


@pytest.mark.parametrize("optimizer", ["Adam", "AdamW", "SGD"])
def test_float32_agrees_after_100_updates(optimizer):
    options = {"lr": 1e-3} | ({"momentum": 0.9} if optimizer == "SGD" else {})
    parts = {
        "model": GRU(hidden=20, head=(10,)),
        "optimizer": TorchOptimizer(optimizer, options),
        "loss": "mse",
        "clip": 1.0,
        "dtype": "float32",
    }
    found, expected = fitter(**parts).fit(1000), fitter(**parts, engine="eager").fit(1000)
    assert found.report.updates == 100
    assert distance(found, expected) < 1e-4


@pytest.mark.parametrize("schedule", [EveryWindow(3), Accumulate(2, 10), TruncatedBPTT(3, 10)])
@pytest.mark.parametrize("engines", [("compiled", "eager"), ("windowed", "compiled")], ids=str)
def test_another_engine_can_go_on(engines, schedule, tmp_path):
    rate = TorchLearningRate("CosineAnnealingLR", {"T_max": 30})
    parts = {"schedule": schedule, "learning_rate": rate}
    fitter(**parts, engine=engines[0]).fit(55).save(tmp_path / "fit")
    found = Fitter.load(tmp_path / "fit", engine=engines[1]).fit(66)
    expected = fitter(**parts, engine="eager").fit(121)
    assert found.report.engine == engines[1]
    assert _differs(everything(found), everything(expected)) is None


@pytest.mark.parametrize("schedule", [EveryWindow(3), TruncatedBPTT(3, 10)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pieces_checkpoints_and_callbacks_change_nothing(schedule, dtype, tmp_path):
    parts = {
        "schedule": schedule,
        "dtype": dtype,
        "optimizer": TorchOptimizer("SGD", {"lr": 0.1, "momentum": 0.9}),
        "learning_rate": TorchLearningRate("StepLR", {"step_size": 5}),
    }
    at_once = fitter(**parts).fit(300)
    told = []

    class Counter(Callback):
        def after_update(self, fitted):
            told.append(fitted.report.updates)

    one_by_one = fitter(**parts, callbacks=(Counter(),)).fit(300)
    assert told == list(range(1, at_once.report.updates + 1))
    fitter(**parts).fit(77).fit(1).save(tmp_path / "fit")
    loaded = Fitter.load(tmp_path / "fit").fit(222)
    for other in (one_by_one, loaded):
        assert states.same(everything(other), everything(at_once))


def test_threads_do_not_change_the_numbers():
    """Blocks of streams are summed in order, whoever computed them."""
    schedule = TruncatedBPTT(5, 9, streams=70)
    alone, together = (
        fitter(schedule=schedule, dtype="float32", clip=0.1, threads=threads).fit(70 * 43)
        for threads in (1, 3)
    )
    assert together.report.updates == 8
    assert states.same(everything(alone), everything(together))


@attrs.frozen
class UntilLoss(UpdateSchedule):
    """A schedule that looks at the loss."""

    def start(self):
        return None

    def next_update(self, state, progress: Progress):
        window = 2 if progress.loss > 0.2 else 5
        return EveryWindow(window).next_update(state, progress)


def test_a_schedule_may_look_at_the_loss():
    found, expected = (
        fitter(schedule=UntilLoss(), engine=engine).fit(200) for engine in ("compiled", "windowed")
    )
    assert found.report.updates == expected.report.updates
    assert distance(found, expected) < 1e-9


class Doubled(torch.nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.map = torch.nn.Linear(inputs, outputs)

    def start(self, streams):
        return torch.zeros(streams, 1)

    def forward(self, x, state):
        return self.map(x), state


def two_groups(parameters):
    first, *others = parameters
    return torch.optim.Adam([{"params": [first], "lr": 0.1}, {"params": others}])


@pytest.mark.parametrize(
    ("parts", "what", "instead"),
    [
        ({"optimizer": TorchOptimizer("RMSprop")}, "the optimizer RMSprop", "compiled gradients"),
        ({"optimizer": two_groups}, "groups of parameters", "compiled gradients"),
        (
            {"optimizer": TorchOptimizer("Adam", {"lr": torch.tensor(0.01)})},
            "the option lr=",
            "compiled gradients",
        ),
        ({"loss": torch.nn.SmoothL1Loss(reduction="none")}, "the loss", "windowed"),
        ({"model": Wrap(Doubled)}, "the module", "windowed"),
    ],
)
def test_what_it_does_not_know_falls_back_and_says_so(parts, what, instead):
    fitted = fitter(**parts, engine="auto").fit(50)
    assert fitted.report.engine.startswith(f"{instead} (compiled does not know ")
    assert what in fitted.report.engine
    with pytest.raises(ValueError, match=f"engine 'compiled' does not know .*{what}"):
        fitter(**parts)


def test_a_head_of_ones_own_falls_back():
    fitted = fitter(engine="auto").fit(10)
    assert fitted.module.network() is not None
    fitted.module.head = torch.nn.Sequential(torch.nn.Linear(5, 1), torch.nn.Tanh())
    assert fitted.module.network() is None


@pytest.mark.parametrize("engine", ["compiled", "windowed"])
def test_divergence_leaves_the_last_good_weights(engine):
    parts = {"optimizer": TorchOptimizer("SGD", {"lr": 1e200}), "loss": "mse", "engine": engine}
    fitted = fitter(**parts, model=RNN(3, activation="relu", head=()))
    with pytest.raises(DivergedError, match="the fit diverged at update"):
        fitted.fit(1000)
    assert weights(fitted).isfinite().all()
    reference = fitter(**parts | {"engine": "eager"}, model=RNN(3, activation="relu", head=()))
    with pytest.raises(DivergedError):
        reference.fit(1000)
    assert fitted.report.updates == reference.report.updates
    assert torch.allclose(weights(fitted), weights(reference), rtol=1e-6)


def test_memory_does_not_grow():
    fitted = fitter(dtype="float32", schedule=EveryWindow(50)).fit(100_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fitted.fit(1_000_000)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 4096  # KB


@pytest.mark.parametrize(
    "model",
    [
        OutputFeedback(1),
        OutputFeedback(17, input_lags=2, output_lags=3),
        OutputFeedback(5, input_lags=9),
        StateSpace(1, 3),
        StateSpace(4, 8, activation="tanh"),
        Scaled(OutputFeedback(4, output_lags=2), (0.3, 0.1), (2.0, 1.0), (0.1,), (0.5,)),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "schedule",
    [
        EveryWindow(2),
        Accumulate(3, 20, streams=5),
        Accumulate(2, 50),
        TruncatedBPTT(5, 12),
        EveryWindow(7, streams=40),
    ],
    ids=str,
)
def test_maps_that_are_fed_with_their_outputs_agree(model, schedule):
    """Weights, averages and states are those of torch, in pieces of any length."""
    rng = np.random.default_rng(0)
    x, y = rng.random((130, schedule.streams, 2)), rng.random((130, schedule.streams, 1))
    parts = {
        "signal": None,
        "target": None,
        "model": model,
        "schedule": schedule,
        "optimizer": TorchOptimizer("AdamW", {"lr": 1e-3, "weight_decay": 0.1}),
        "clip": 0.1,
    }
    found, expected = fitter(**parts), fitter(**parts, engine="eager")
    for piece in (slice(3), slice(3, 60), slice(60, None)):
        found.partial_fit(x[piece], y[piece])
        expected.partial_fit(x[piece], y[piece])
    assert found.report.engine == "compiled"
    assert found.report.updates > 1
    assert _differs(everything(found), everything(expected)) is None


def test_more_outputs_than_one_are_fed_back():
    rng = np.random.default_rng(0)
    x, y = rng.random((90, 3, 1)), rng.random((90, 3, 2))
    parts = {
        "signal": None,
        "target": None,
        "model": OutputFeedback(6, input_lags=1, output_lags=2),
        "schedule": TruncatedBPTT(4, 10, streams=3),
    }
    found, expected = (fitter(**parts, engine=engine) for engine in ("compiled", "eager"))
    for fitted in (found, expected):
        fitted.partial_fit(x, y)
    assert _differs(everything(found), everything(expected)) is None


def test_a_map_takes_any_optimizer_with_compiled_gradients():
    parts = {"model": OutputFeedback(4), "optimizer": TorchOptimizer("RMSprop")}
    found, expected = fitter(**parts, engine="auto").fit(100), fitter(**parts, engine="eager")
    assert found.report.engine.startswith("compiled gradients")
    assert _differs(everything(found), everything(expected.fit(100))) is None


def test_a_map_of_two_valued_outputs_falls_back():
    fitted = fitter(model=OutputFeedback(4), engine="auto").fit(50)
    assert fitted.module.network() is not None
    fitted.module.between[1] = 1.0
    assert fitted.module.network() is None
