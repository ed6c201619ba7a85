"""Logs for TensorBoard, read back from their event files."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from seqfit import Fitter
from seqfit.evaluation.memory import memory_horizon
from seqfit.fitting import Callback, TorchOptimizer
from seqfit.fitting.tensorboard import TensorBoard
from seqfit.models import RNN, StateSpace
from seqfit.schedules import EveryWindow
from seqfit.signals import RandomHold
from seqfit.targets import SaturatedIntegral


def fitter(callbacks=(), **parts):
    problem = {"model": RNN(4, head=()), "schedule": EveryWindow(10), "clip": 1.0}
    return Fitter(RandomHold(), SaturatedIntegral(), callbacks=callbacks, **(problem | parts))


def read(folder):
    """All series of a folder: names, and lists of (step, number)."""
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return {
        name: [(e.step, float(make_ndarray(e.tensor_proto))) for e in events.Tensors(name)]
        for name in events.Tags()["tensors"]
    }


def test_what_is_logged_is_what_the_fit_says(tmp_path):
    moments = []

    class Watched(Callback):
        def after_update(self, fitter):
            if fitter.report.samples % 100:
                return
            norms = [float(p.grad.norm()) for p in fitter.module.parameters()]
            moments.append(
                (fitter.report.samples, math.hypot(*norms), fitter.evaluate(2_000, streams=8))
            )

    log = TensorBoard(tmp_path / "log", every=100, held_out=2_000)
    fitted = fitter([log, Watched()], engine="eager").fit(300)
    series = read(tmp_path / "log")
    assert series["loss"] == [
        (samples, pytest.approx(loss)) for samples, loss in zip(*fitted.loss_curve, strict=True)
    ]
    for name, value in {
        "gradient/norm": lambda moment: moment[1],
        "held_out/mae": lambda moment: moment[2].mae,
        "held_out/nrmse": lambda moment: moment[2].nrmse,
        "held_out/max": lambda moment: moment[2].max,
        "learning_rate": lambda _: fitted.learning_rate_now,
    }.items():
        assert series[name] == [(m[0], pytest.approx(value(m), rel=1e-6)) for m in moments], name
    assert {f"gradient/{name}" for name, _ in fitted.module.named_parameters()} <= series.keys()
    assert [step for step, _ in series["held_out/memory"]] == [100, 200, 300]
    assert all(norm <= 1.0 + 1e-6 for _, norm in series["gradient/norm"])
    log.close()


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_log_does_not_change_the_fit(tmp_path, engine):
    alone = fitter(engine=engine).fit(2_000)
    logged = fitter([TensorBoard(tmp_path, every=500, held_out=800)], engine=engine).fit(2_000)
    for name, weight in alone.module.state_dict().items():
        assert np.array_equal(weight, logged.module.state_dict()[name]), name


def test_whole_updates_that_are_compiled_have_no_gradient_to_log(tmp_path):
    fitter([TensorBoard(tmp_path, every=500, held_out=800)], engine="compiled").fit(2_000)
    assert not [name for name in read(tmp_path) if name.startswith("gradient")]


def test_a_fit_that_goes_on_logs_on(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    fitter([TensorBoard(whole, every=100, held_out=800)], engine="eager").fit(600)
    first = fitter([TensorBoard(parts, every=100, held_out=800)], engine="eager").fit(300)
    first.save(tmp_path / "fit")
    Fitter.load(tmp_path / "fit", callbacks=(TensorBoard(parts, every=100, held_out=800),)).fit(300)
    assert read(parts) == read(whole)


def test_samples_that_are_given_have_no_scores(tmp_path):
    rng = np.random.default_rng(0)
    fed = Fitter(
        model=RNN(4, head=()), schedule=EveryWindow(10), engine="eager", samples=500,
        callbacks=[TensorBoard(tmp_path)],
    )  # fmt: skip
    for _ in range(5):
        fed.partial_fit(rng.uniform(size=100), rng.uniform(size=100))
    series = read(tmp_path)
    assert [step for step, _ in series["learning_rate"]][-1] == 500
    assert not [name for name in series if name.startswith("held_out")]


def test_nothing_is_left_by_a_fit_that_was_not_logged(tmp_path):
    TensorBoard(tmp_path / "log")
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize("numbers", [{"every": 0}, {"held_out": -1}])
def test_numbers_must_be_positive(tmp_path, numbers):
    with pytest.raises(ValueError, match="must be a positive int"):
        TensorBoard(tmp_path, **numbers)


def test_its_absence_names_the_extra(tmp_path):
    code = (
        "import sys; sys.modules['tensorboard.summary'] = None\n"
        "from seqfit.cli import main\n"
        "main(['fit', '--tensorboard', '--run', sys.argv[1]])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "error: logging for TensorBoard needs it: pip install 'seqfit[tensorboard]'"
    )
    assert not (tmp_path / "run").exists()


def test_a_leak_of_known_length_is_the_memory_horizon():
    """``y[t] = a y[t-1] + x[t]`` leaves a**lag of an input: 1% after log(0.01) / log(a)."""
    a = 0.9
    module = StateSpace(size=1, units=1).build(1, 1)
    with torch.no_grad():
        for weight in module.parameters():
            weight.zero_()
        module.linear.copy_(torch.tensor([[1.0, a]]))  # of input and state
        module.readout.fill_(1.0)
    x = np.random.default_rng(0).uniform(size=(400, 4, 1)).astype(np.float32)
    assert memory_horizon(module, x) == math.floor(math.log(0.01) / math.log(a))
    assert memory_horizon(module, x[:, :1]) is None


def test_an_optimizer_without_a_schedule_has_a_rate(tmp_path):
    rate = TorchOptimizer("SGD", {"lr": 0.125})
    fitter([TensorBoard(tmp_path, every=100, held_out=80)], optimizer=rate, engine="eager").fit(100)
    assert read(tmp_path)["learning_rate"] == [(100, 0.125)]
