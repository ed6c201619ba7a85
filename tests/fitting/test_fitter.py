"""The fitter: streaming, resuming, predicting, and what it refuses."""

import functools
import math
import subprocess
import sys

import attrs
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqfit import Fitter
from seqfit.fitting import (
    Callback,
    CheckpointError,
    DivergedError,
    StopFitting,
    TorchLearningRate,
    TorchOptimizer,
)
from seqfit.models import GRU, RNN
from seqfit.schedules import Accumulate, EveryWindow, TruncatedBPTT
from seqfit.signals import RandomHold, Recorded, UniformNoise
from seqfit.targets import Delay, SaturatedIntegral, Target

SMALL = RNN(hidden=4, head=())


def fitter(**parts):
    problem = {
        "signal": RandomHold(),
        "target": SaturatedIntegral(),
        "model": SMALL,
        "schedule": TruncatedBPTT(k1=3, k2=7),
    }
    return Fitter(**(problem | parts))


def weights(fitted):
    return torch.cat([p.detach().flatten() for p in fitted.module.parameters()])


def same_course(a, b):
    return (
        torch.equal(weights(a), weights(b))
        and a.loss_curve == b.loss_curve
        and (a.report.samples, a.report.updates) == (b.report.samples, b.report.updates)
    )


SCHEDULES = st.sampled_from(
    [EveryWindow(2), Accumulate(2, 9, streams=3), TruncatedBPTT(3, 7, streams=2), EveryWindow(40)]
)
OPTIMIZERS = st.sampled_from(
    [
        TorchOptimizer("Adam", {"lr": 1e-2}),
        TorchOptimizer("SGD", {"lr": 1e-2, "momentum": 0.9}),
        TorchOptimizer("RMSprop", {"lr": 1e-3}),
    ]
)
ENGINES = st.sampled_from(["eager", "windowed"])


@settings(max_examples=25, deadline=None, derandomize=True)
@given(SCHEDULES, OPTIMIZERS, ENGINES, st.lists(st.integers(1, 80), min_size=1, max_size=4))
def test_fitting_in_pieces_is_fitting_at_once(schedule, optimizer, engine, pieces):
    parts = {"schedule": schedule, "optimizer": optimizer, "engine": engine}
    whole = fitter(**parts).fit(sum(pieces))
    piecewise = fitter(**parts)
    for samples in pieces:
        piecewise.fit(samples)
    assert same_course(whole, piecewise)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(SCHEDULES, OPTIMIZERS, ENGINES, st.integers(1, 150))
def test_a_loaded_fit_goes_on_as_if_it_had_not_stopped(
    tmp_path_factory, schedule, optimizer, engine, stop
):
    path = tmp_path_factory.mktemp("saved") / "fit.safetensors"
    rate = TorchLearningRate("StepLR", {"step_size": 5, "gamma": 0.5})
    parts = {"schedule": schedule, "optimizer": optimizer, "engine": engine, "learning_rate": rate}
    whole = fitter(**parts).fit(200)
    fitter(**parts).fit(stop).save(path)
    resumed = Fitter.load(path).fit(200 - stop)
    assert same_course(whole, resumed)
    assert resumed.learning_rate_now == whole.learning_rate_now


def test_a_fit_goes_on_in_another_process(tmp_path):
    fitter().fit(101).save(tmp_path / "a.safetensors")
    code = (
        "import sys; from seqfit import Fitter;Fitter.load(sys.argv[1]).fit(99).save(sys.argv[2])"
    )
    command = [sys.executable, "-c", code, tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    subprocess.run(command, check=True)
    resumed = Fitter.load(tmp_path / "b.safetensors")
    assert torch.equal(weights(resumed), weights(fitter().fit(200)))


def test_every_sample_is_counted_over_all_streams():
    fitted = fitter(schedule=EveryWindow(2, streams=3)).fit(100).fit(1)
    assert fitted.report.samples == 96  # 33 time steps make 16 windows of 2 samples of 3 streams
    assert fitted.report.updates == 16


def test_the_loss_is_that_before_the_update():
    fitted = fitter(schedule=EveryWindow(10), loss="l1").fit(10)
    fresh = fitter(schedule=EveryWindow(10))
    x, _ = RandomHold().generate(RandomHold().start(1, 0), 10)
    y, _ = SaturatedIntegral().transform(x, SaturatedIntegral().start(1))
    assert fitted.report.loss == pytest.approx(np.abs(fresh.predict(x) - y).mean(), rel=1e-6)


def test_given_samples_are_fitted_like_streamed_ones():
    streamed = fitter().fit(60)
    x, _ = RandomHold().generate(RandomHold().start(1, 0), 60)
    y, _ = SaturatedIntegral().transform(x, SaturatedIntegral().start(1))
    given_ = Fitter(model=SMALL, schedule=TruncatedBPTT(k1=3, k2=7))
    given_.partial_fit(x[:25], y[:25]).partial_fit(x[25:, 0, 0], y[25:, 0, 0])
    assert torch.equal(weights(streamed), weights(given_))


def test_a_fit_of_given_samples_is_saved_and_loaded(tmp_path):
    x, y = np.random.default_rng(0).uniform(size=(2, 50, 1, 2))
    parts = {"model": SMALL, "schedule": EveryWindow(4)}
    whole = Fitter(**parts).partial_fit(x, y)
    Fitter(**parts).partial_fit(x[:30], y[:30]).save(tmp_path / "fit")
    resumed = Fitter.load(tmp_path / "fit").partial_fit(x[30:], y[30:])
    assert torch.equal(weights(whole), weights(resumed))


def test_predicting_and_scoring_leave_the_training_alone():
    plain, disturbed = fitter().fit(40), fitter().fit(40)
    disturbed.predict(np.ones(30))
    disturbed.evaluate(1000)
    disturbed.predictor()(0.5)
    random_state = torch.random.get_rng_state()
    disturbed.evaluate(100, streams=2, seed=5)
    assert torch.equal(random_state, torch.random.get_rng_state())
    assert same_course(plain.fit(40), disturbed.fit(40))


def test_predictions_have_the_axes_of_their_inputs():
    fitted = fitter().fit(50)
    x = np.random.default_rng(0).uniform(size=(20, 3, 1)).astype(np.float32)
    full = fitted.predict(x)
    assert full.shape == (20, 3, 1)
    np.testing.assert_allclose(fitted.predict(x[:, 1]), full[:, 1], rtol=1e-5)
    np.testing.assert_allclose(fitted.predict(x[:, 1, 0].tolist()), full[:, 1, 0], rtol=1e-5)


@pytest.mark.parametrize("model", [SMALL, GRU(hidden=5)])
def test_a_predictor_steps_as_the_prediction_runs(model):
    fitted = fitter(model=model).fit(50)
    x = np.random.default_rng(0).uniform(size=(20, 2, 1)).astype(np.float32)
    predictor, single = fitted.predictor(streams=2), fitted.predictor()
    stepped = np.stack([predictor(x_t) for x_t in x])
    np.testing.assert_allclose(stepped, fitted.predict(x), rtol=1e-4, atol=1e-6)
    steps = [single(float(v)) for v in x[:, 0, 0]]
    assert all(isinstance(step, float) for step in steps)
    np.testing.assert_allclose(steps, stepped[:, 0, 0], rtol=1e-4, atol=1e-6)
    before = single(0.3)
    fitted.fit(200)
    assert before != fitted.predictor()(0.3)


def test_scores_are_taken_on_streams_that_were_not_fitted():
    fitted = fitter()
    x, y = fitted.held_out_samples(100, streams=1)
    seen, _ = RandomHold().generate(RandomHold().start(1, fitted.seed), 100)
    assert not np.array_equal(x, seen)
    scores = fitted.evaluate(100, streams=1)
    error = np.abs(fitted.predict(x) - y)
    assert scores.mae == pytest.approx(error.mean())
    assert scores.max == pytest.approx(error.max())
    assert scores.samples == 100


def test_recorded_data_is_scored_on_its_last_stretch():
    rng = np.random.default_rng(0)
    data = {"u": rng.uniform(size=200), "y": rng.uniform(size=200)}
    from seqfit.recordings import Recording, pair

    signal, target = pair(Recording(data, stretch="train"), "u", "y")
    fitted = fitter(signal=signal, target=target).fit(140)
    assert fitted.evaluate().samples == 30
    _, y = fitted.held_out_samples()
    np.testing.assert_allclose(y.ravel(), data["y"][170:], rtol=1e-6)
    with pytest.raises(ValueError, match="the signal ends after 140 samples, 141 were asked for"):
        fitted.fit(1)


class Recorder(Callback):
    def __init__(self, stop_after=None):
        self.losses, self.ends, self.stop_after = [], 0, stop_after

    def after_update(self, fitter):
        self.losses.append(fitter.report.loss)
        if fitter.report.updates == self.stop_after:
            raise StopFitting

    def after_fit(self, fitter):
        self.ends += 1


def test_callbacks_hear_of_each_update_and_can_stop_the_fit():
    recorder = Recorder(stop_after=4)
    fitted = fitter(schedule=EveryWindow(5), callbacks=[recorder]).fit(100)
    assert len(recorder.losses) == fitted.report.updates == 4
    assert recorder.ends == 1


def test_one_cycle_rates_end_and_stay():
    options = {"max_lr": 0.1, "total_steps": 5}
    rate = TorchLearningRate("OneCycleLR", options)
    fitted = fitter(schedule=EveryWindow(2), learning_rate=rate).fit(10)
    last = fitted.learning_rate_now
    assert last < 1e-3
    assert fitted.fit(20).learning_rate_now == last


def test_any_factory_and_any_loss_will_do():
    fitted = fitter(
        optimizer=functools.partial(torch.optim.NAdam, lr=1e-2),
        learning_rate=lambda optimizer: torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.99),
        loss=torch.nn.SmoothL1Loss(reduction="none"),
    )
    before = weights(fitted).clone()
    fitted.fit(100)
    assert not torch.equal(weights(fitted), before)


def test_parts_that_hold_code_are_asked_for_when_loading(tmp_path):
    path = tmp_path / "fit"
    optimizer = functools.partial(torch.optim.NAdam, lr=1e-2)
    whole = fitter(optimizer=optimizer).fit(90)
    fitter(optimizer=optimizer).fit(40).save(path)
    with pytest.raises(CheckpointError, match=r"without its optimizer .* give it"):
        Fitter.load(path)
    assert same_course(whole, Fitter.load(path, optimizer=optimizer).fit(50))


def test_a_diverging_fit_names_the_update_and_keeps_the_last_good_weights():
    fitted = fitter(optimizer=TorchOptimizer("SGD", {"lr": 1e30}), loss="mse")
    with pytest.raises(DivergedError, match=r"diverged at update \d+, after \d+ samples"):
        fitted.fit(1000)
    assert weights(fitted).isfinite().all()
    assert np.isfinite(fitted.predict(np.zeros(5))).all()


@attrs.frozen
class TurnsToNan(Target):
    def start(self, streams):
        return 0

    def transform(self, x, state):
        y = x.copy()
        y[max(0, 50 - state) :] = math.nan
        return y, state + len(x)


class Lengthless(torch.nn.Module):
    def start(self, streams):
        return torch.zeros(streams, 1)


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda: fitter().fit(0), ValueError, "samples must be a positive int, got 0"),
        (lambda: fitter().fit(2.5), ValueError, "samples must be a positive int, got 2.5"),
        (
            lambda: fitter(target=TurnsToNan()).fit(99),
            ValueError,
            "the target must be finite.*time 50",
        ),
        (lambda: fitter().partial_fit([], []), ValueError, "x must hold at least one sample"),
        (lambda: fitter().partial_fit([1.0], [1.0, 2.0]), ValueError, "equally long, got 1 and 2"),
        (lambda: fitter().partial_fit([math.inf], [1.0]), ValueError, "x must be finite, got inf"),
        (
            lambda: fitter().partial_fit([[1.0, 2.0]], [1.0]),
            ValueError,
            r"\(time, 1, 1\), got \(1, 2\)",
        ),
        (lambda: fitter().partial_fit(["a"], [1.0]), TypeError, "x must hold real numbers"),
        (
            lambda: fitter().predict(np.zeros((2, 3, 4))),
            ValueError,
            r"\(time, 3, 1\), got \(2, 3, 4\)",
        ),
        (lambda: fitter().predict([[math.nan]]), ValueError, "x must be finite, got nan"),
        (lambda: fitter().evaluate(0), ValueError, "samples must be a positive int"),
        (lambda: fitter().evaluate(10, streams=0), ValueError, "streams must be a positive int"),
        (
            lambda: fitter().evaluate(10, streams=1, washout=10),
            ValueError,
            "washout must be from 0 to 9",
        ),
        (lambda: fitter().predictor()([1.0, 2.0]), ValueError, r"shape \(1, 1\), got \(2,\)"),
        (lambda: fitter().predictor()(math.nan), ValueError, "must be finite, got nan"),
        (lambda: fitter(loss="l3"), ValueError, "loss must be one of huber, l1, mse"),
        (lambda: fitter(loss=torch.nn.L1Loss()), ValueError, r"L1Loss\(reduction='none'\)"),
        (
            lambda: fitter(loss=torch.nn.functional.l1_loss).fit(9),
            ValueError,
            "one number for each sample",
        ),
        (lambda: fitter(clip=0), ValueError, "clip must be a positive"),
        (lambda: fitter(seed=-1), ValueError, "seed must be an int from 0"),
        (lambda: fitter(dtype="float16"), ValueError, "dtype must be one of float32, float64"),
        (lambda: fitter(device="gpu"), ValueError, "device must be a device that torch has here"),
        (lambda: fitter(engine="fast"), ValueError, "engine must be one of auto, eager"),
        (lambda: fitter(optimizer=TorchOptimizer("Adm")), ValueError, "did you mean 'Adam'"),
        (lambda: TorchOptimizer("Adam", {"lr": -1}), ValueError, "Adam refuses .*-1"),
        (lambda: TorchOptimizer("Adam", {"rate": 1}), ValueError, "Adam refuses"),
        (lambda: TorchLearningRate("OneCycle"), ValueError, "did you mean 'OneCycleLR'"),
        (lambda: fitter(model=GRU), TypeError, "model must be a Model.*give an instance"),
        (lambda: Fitter(schedule=EveryWindow()), TypeError, "model must be a Model, got None"),
        (lambda: fitter(target=None), ValueError, "belong together, but there is no target"),
        (
            lambda: Fitter(model=SMALL, schedule=EveryWindow()).fit(5),
            ValueError,
            "feed it by partial_fit",
        ),
        (
            lambda: Fitter(model=SMALL, schedule=EveryWindow()).predict([1]),
            ValueError,
            "call partial_fit",
        ),
        (
            lambda: fitter(signal=Recorded({"u": [1.0] * 9}, "u"), schedule=EveryWindow(streams=2)),
            ValueError,
            "the schedule runs 2 streams, but the signal has 1",
        ),
    ],
)
def test_bad_input_is_named_with_its_value(act, error, message):
    with pytest.raises(error, match=message):
        act()


def test_more_than_one_channel_and_stream():
    fitted = fitter(
        signal=UniformNoise(channels=3), target=Delay(2), schedule=Accumulate(2, 8, streams=2)
    ).fit(64)
    assert fitted.predict(np.zeros((4, 5, 3))).shape == (4, 5, 3)


def test_the_memory_of_a_fit_does_not_grow():
    fitted = fitter(schedule=TruncatedBPTT(k1=1, k2=20)).fit(3000)
    buffer = fitted._course.training.buffer
    assert len(buffer.x) <= 21
    assert len(buffer.boundaries) <= 21
    samples, losses = fitted.loss_curve
    assert len(samples) == len(losses) <= 1024


def test_a_stopped_fit_goes_on_with_as_many_samples_as_it_is_asked_for():
    stopped = fitter(schedule=EveryWindow(5), callbacks=[Recorder(stop_after=3)]).fit(1000)
    assert stopped.report.samples == 15
    assert stopped.fit(10).report.samples == 25
    whole = fitter(schedule=EveryWindow(5)).fit(25)
    assert torch.equal(weights(stopped), weights(whole))


def test_given_and_streamed_samples_follow_one_another():
    fitted = fitter(schedule=EveryWindow(5))
    fitted.partial_fit(np.ones(20), np.ones(20)).fit(30)
    assert fitted.report.samples == 50


@attrs.frozen
class Raises(Target):
    def start(self, streams):
        return None

    def transform(self, x, state):
        if len(x):
            raise KeyError("lost")
        return x, state


def test_an_error_of_a_part_names_the_part():
    with pytest.raises(ValueError, match=r"Raises\(\) raised KeyError: 'lost'"):
        fitter(target=Raises()).fit(10)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"dtype": "float64"}, "it holds 1 streams of float32, not 1 of float64"),
        ({"schedule": EveryWindow(5, streams=2)}, "not 2 of float32"),
        ({"signal": UniformNoise()}, "does not fit"),
        ({"model": GRU(hidden=4)}, "does not fit"),
    ],
)
def test_parts_that_do_not_belong_to_a_checkpoint_are_refused(tmp_path, parts, message):
    fitter().fit(50).save(tmp_path / "fit")
    with pytest.raises(CheckpointError, match=message):
        Fitter.load(tmp_path / "fit", **parts)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: fitter(callbacks=(3,)), "callbacks must be a list of Callback, got"),
        (lambda: fitter(callbacks=Callback()), "callbacks must be a list of Callback, got"),
        (lambda: fitter(optimizer="Adam"), r"got 'Adam'; write TorchOptimizer\('Adam'\)"),
        (lambda: fitter(loss=torch.nn.L1Loss), "loss must be a name or a function"),
        (lambda: fitter(device="meta"), "device must be a device that torch has here"),
        (lambda: fitter(model=GRU(head=5)), "head must be a list of positive ints, got 5"),
        (lambda: fitter(model=GRU(hidden=10**7)), "can't be built"),
        (lambda: fitter().evaluate(seed=-3), "seed must be an int from 0 to 2..63 - 1, got -3"),
        (lambda: fitter().evaluate(100, washout=1.5), "washout must be from 0"),
        (lambda: fitter().predictor()("a"), "must hold numbers, got 'a'"),
        (lambda: fitter().predict([[1], [2, 3]]), "x must be an array, got rows of different"),
        (lambda: fitter().score([1.0, 2.0], [1.0, math.nan]), "y must be finite"),
        (lambda: fitter().score(np.zeros((4, 2, 1)), np.zeros((4, 1, 2))), "must have the shape"),
        (lambda: fitter().save("/tmp"), "is a folder, not a file"),
    ],
)
def test_other_wrong_input_is_named_too(act, message):
    with pytest.raises((ValueError, TypeError, OSError), match=message):
        act()
