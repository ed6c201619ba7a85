"""Streams that start anew, each by itself, while the others run on."""

import re
import subprocess
import sys

import attrs
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqfit import Fitter, states
from seqfit.fitting import CheckpointError, LevenbergMarquardt, TorchOptimizer
from seqfit.fitting.checkpoint import read_checkpoint, write_checkpoint
from seqfit.fitting.learner import GradientLearner
from seqfit.models import GRU, LSTM, RNN, OutputFeedback, Scaled, Wrap
from seqfit.models.base import Model, StreamModule
from seqfit.schedules import Accumulate, EveryWindow, Replay, TruncatedBPTT
from seqfit.streams import join, leaves, take


class Leaky(torch.nn.Module):
    """A user's module; its state begins at ones."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.into = torch.nn.Linear(inputs + 3, 3)
        self.out = torch.nn.Linear(3, outputs)

    def start(self, streams):
        return {"level": torch.ones(streams, 3)}

    def forward(self, x, state):
        level, levels = state["level"], []
        for x_t in x:
            level = 0.9 * level + 0.1 * torch.tanh(self.into(torch.cat([x_t, level], dim=1)))
            levels.append(level)
        return self.out(torch.stack(levels)), {"level": level}


class TorchLayer(torch.nn.Module):
    """A layer of torch, of which a wrapped module finds the states of windows in one run."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.layer = torch.nn.GRU(inputs, 3)
        self.out = torch.nn.Linear(3, outputs)

    def start(self, streams):
        return torch.full((1, streams, 3), 0.5)

    def forward(self, x, state):
        y, state = self.layer(x, state)
        return self.out(y), state


MODELS = [
    GRU(hidden=4, head=(3,)),
    LSTM(hidden=3, layers=2, head=()),
    OutputFeedback(units=3, input_lags=2, output_lags=2),
    Scaled(RNN(hidden=3), (0.5,), (2.0,), (1.0, 0.0), (3.0, 1.0)),
    Wrap(Leaky),
    Wrap(TorchLayer, stream_axis=1),
]
SCHEDULES = [
    EveryWindow(3),
    Accumulate(2, 8),
    Accumulate(3, 7, phase=2),
    TruncatedBPTT(3, 8),
    TruncatedBPTT(5, 2),
    TruncatedBPTT(2, 7, loss_on="all"),
    Replay(EveryWindow(4), capacity=20, passes=2),
    Replay(TruncatedBPTT(2, 5, loss_on="all"), capacity=16),
]
ENGINES = ["auto", "windowed"]
NARROW = TruncatedBPTT(4, 9, loss_on="all")


def on(schedule, streams):
    if isinstance(schedule, Replay):
        return attrs.evolve(schedule, inner=attrs.evolve(schedule.inner, streams=streams))
    return attrs.evolve(schedule, streams=streams)


def fitter(**parts):
    problem = {
        "model": GRU(hidden=4, head=(3,)),
        "schedule": EveryWindow(4, streams=3),
        "optimizer": TorchOptimizer("SGD", {"lr": 0.1}),
        "loss": "mse",
        "clip": 1.0,
        "dtype": "float64",
        "seed": 5,
    }
    return Fitter(**(problem | parts))


def samples(time=60, streams=3, seed=0, share=0.05, missing=0.0):
    """Inputs, outputs, and a mask in which a stream starts anew before some samples."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(time, streams, 1)), rng.normal(size=(time, streams, 2))
    y[rng.random(y.shape) < missing] = np.nan
    return x, y, rng.random((time, streams)) < share


def weights(fitted):
    return torch.cat([p.detach().flatten() for p in fitted.module.parameters()])


def everything(fitted):
    """All that a checkpoint of a fit holds."""
    return fitted._course.state()


examples = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
problems = {
    "model": st.sampled_from(MODELS),
    "schedule": st.sampled_from(SCHEDULES),
    "streams": st.integers(1, 3),
    "share": st.sampled_from([0.02, 0.1, 0.5, 1.0]),
    "missing": st.sampled_from([0.0, 0.3]),
    "seed": st.integers(0, 10_000),
}


class TestFits:
    @examples
    @given(engine=st.sampled_from(ENGINES), **problems)
    def test_every_engine_agrees_with_eager(
        self, engine, model, schedule, streams, share, missing, seed
    ):
        x, y, reset = samples(60, streams, seed, share, missing)
        parts = {"model": model, "schedule": on(schedule, streams), "missing": "mask"}
        expected = fitter(engine="eager", **parts).partial_fit(x, y, reset)
        found = fitter(engine=engine, **parts).partial_fit(x, y, reset)
        assert found.report.updates == expected.report.updates > 5
        torch.testing.assert_close(weights(found), weights(expected), rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(found.loss_curve[1], expected.loss_curve[1], rtol=1e-8)

    @examples
    @given(
        engine=st.sampled_from([*ENGINES, "eager"]),
        cuts=st.lists(st.integers(1, 59), max_size=4, unique=True),
        stop=st.booleans(),
        **problems,
    )
    def test_pieces_and_checkpoints_make_no_difference_to_the_last_bit(
        self, engine, cuts, stop, model, schedule, streams, share, missing, seed, tmp_path_factory
    ):
        x, y, reset = samples(60, streams, seed, share, missing)
        parts = {
            "model": model, "schedule": on(schedule, streams), "missing": "mask", "engine": engine
        }  # fmt: skip
        expected, found = (fitter(**parts) for _ in range(2))
        expected.partial_fit(x, y, reset)
        path = tmp_path_factory.mktemp("resets") / "fit"
        for pieces in zip(*(np.split(a, sorted(cuts)) for a in (x, y, reset)), strict=True):
            found.partial_fit(*pieces)
            if stop:
                found.save(path)
                found = Fitter.load(path, model=model)
        assert states.same(everything(found), everything(expected))

    @pytest.mark.parametrize("engine", ["eager", "windowed", "compiled"])
    def test_the_gradient_is_that_of_plain_autograd(self, engine):
        """Window after window, stream after stream, each sequence of its own from the start."""
        x, y, reset = samples(12, 2, seed=3)
        reset[:] = False
        reset[[2, 5, 9], [0, 1, 0]] = True
        schedule = Accumulate(4, 12, streams=2)
        fitted = fitter(schedule=schedule, engine=engine, clip=None)
        module = fitter(schedule=schedule, clip=None).partial_fit(x[:1], y[:1]).module
        inputs, outputs, total = torch.from_numpy(x), torch.from_numpy(y), 0.0
        for stream in range(2):
            state = module.start(1)
            for t in range(12):
                if t % 4 == 0:
                    state = state.detach()
                if reset[t, stream]:
                    state = module.start(1)
                out, state = module(inputs[t : t + 1, stream : stream + 1], state)
                total = total + (out[0, 0] - outputs[t, stream]).square().sum()
        (total / (4 * 2 * 2)).backward()  # sums of the means of windows
        expected = torch.cat([(p - 0.1 * p.grad).detach().flatten() for p in module.parameters()])
        fitted.partial_fit(x, y, reset)
        torch.testing.assert_close(weights(fitted), expected, rtol=1e-10, atol=1e-12)
        assert fitted.loss_curve[1][0] == pytest.approx(total.item() / y.size, rel=1e-10)

    @pytest.mark.parametrize("engine", ["eager", "windowed", "auto"])
    @pytest.mark.parametrize("model", MODELS, ids=str)
    def test_what_a_stream_saw_before_it_started_anew_is_forgotten(self, model, engine):
        """And nothing else is: of streams at a rate of nought the states can be compared."""
        x, y, _ = samples(40)
        reset = np.zeros((40, 3), bool)
        reset[17, 1] = reset[36, 2] = True
        parts = {
            "model": model, "engine": engine, "schedule": Accumulate(3, 8, streams=3),
            "optimizer": TorchOptimizer("SGD", {"lr": 0.0}),
        }  # fmt: skip
        found, without = fitter(**parts), fitter(**parts).partial_fit(x, y)
        found.partial_fit(x, y, reset)
        module = found.module

        def end_of(fitted):
            return fitted._course.training.buffer.boundaries[-1][1]

        for stream, begin in ((1, 17), (2, 36)):
            fresh = torch.from_numpy(x[begin:, stream : stream + 1])
            with torch.no_grad():
                _, expected = module(fresh, module.start(1))
            own = states.rows(end_of(found), stream, stream + 1)
            for a, b in zip(states.leaves(own), states.leaves(expected), strict=True):
                torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)
        untouched = [states.rows(end_of(fitted), 0, 1) for fitted in (found, without)]
        for a, b in zip(*map(states.leaves, untouched), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)

    @pytest.mark.parametrize("model", [GRU(hidden=4, head=(3,)), OutputFeedback(units=3)])
    def test_a_mask_without_a_reset_is_no_mask(self, model, tmp_path):
        """A stream that starts anew where it starts anyway does not either."""
        x, y, reset = samples(60)
        reset[:] = False
        reset[0] = True
        expected, found = (fitter(model=model, schedule=on(NARROW, 3)) for _ in range(2))
        expected.partial_fit(x, y).save(tmp_path / "expected")
        found.partial_fit(x[:1], y[:1], reset[:1]).partial_fit(x[1:], y[1:], reset[1:])
        found.save(tmp_path / "found")
        assert (tmp_path / "found").read_bytes() == (tmp_path / "expected").read_bytes()
        assert "resets" not in everything(expected)["training"]["buffer"]

    def test_updates_between_resets_are_made_many_at_a_time(self, monkeypatch):
        """The others one by one, and also those that look back on a reset."""
        made, ahead, learn = [], GradientLearner.learn_ahead, GradientLearner.learn

        def many(self, run):
            made.append(run.count)
            return ahead(self, run)

        def one(self, segment):
            made.append("reset" if segment.reset is not None else "one")
            return learn(self, segment)

        monkeypatch.setattr(GradientLearner, "learn_ahead", many)
        monkeypatch.setattr(GradientLearner, "learn", one)
        x, y, reset = samples(100)
        reset[:] = False
        reset[50, 1] = True
        for engine in ("auto", "compiled"):
            made.clear()
            fitted = fitter(engine=engine).partial_fit(x, y, reset)
            assert made == [12, "reset", 12]
            assert fitted.report.engine == "compiled"
        made.clear()
        fitter().partial_fit(x, y)
        assert made == [25]
        made.clear()
        fitter(schedule=TruncatedBPTT(4, 10, streams=3)).partial_fit(x, y, reset)
        assert made == [1, 1, 10, "reset", "reset", "reset", 10]


class TestRanks:
    def test_what_waits_is_divided_and_put_together_again(self):
        """A rank whose streams run on has the same samples before which others start anew."""
        x, y, reset = samples(30)
        reset[:] = False
        reset[29, 2] = reset[28, 0] = True
        state = fitter(schedule=EveryWindow(40, streams=3)).partial_fit(x, y, reset)
        state = state._course.training.state()
        axes = fitter().partial_fit(x[:1], y[:1])._course.training.stream_axes(state)
        parts = [take(state, axes, range(*ends), 3) for ends in ((0, 2), (2, 3))]
        assert parts[0]["buffer"]["resets"]["streams"].tolist() == [[True, False], [False, False]]
        assert parts[1]["buffer"]["resets"]["positions"].tolist() == [28, 29]
        assert states.same(join(parts[0], axes, [leaves(p, axes) for p in parts]), state)

    @pytest.mark.slow
    def test_two_ranks_fit_as_one_does(self, tmp_path):
        """One of them has no resets of its own; another number goes on from their checkpoint."""
        x, y, reset = samples(60, streams=4, share=0.1)
        reset[:, 2:] = False
        np.savez(tmp_path / "samples.npz", x=x, y=y, reset=reset)
        script = tmp_path / "worker.py"
        script.write_text(WORKER, encoding="utf-8")
        command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", str(script)]
        ended = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
        )
        assert ended.returncode == 0, ended.stderr[-3000:]
        parts = {"schedule": on(NARROW, 4), "model": RNN(hidden=3)}
        expected = fitter(**parts).partial_fit(x, y, reset)
        resumed = Fitter.load(tmp_path / "half").partial_fit(x[33:], y[33:], reset[33:])
        for found in (Fitter.load(tmp_path / "end"), resumed):
            torch.testing.assert_close(weights(found), weights(expected), rtol=1e-9, atol=1e-12)


WORKER = """
import numpy as np
from seqfit import Fitter
from seqfit.fitting import TorchOptimizer, joined
from seqfit.models import RNN
from seqfit.schedules import TruncatedBPTT

given = np.load("samples.npz")
x, y, reset = given["x"], given["y"], given["reset"]
with joined() as ranks:
    fitter = Fitter(
        model=RNN(hidden=3), schedule=TruncatedBPTT(4, 9, loss_on="all", streams=4),
        optimizer=TorchOptimizer("SGD", {"lr": 0.1}), loss="mse", clip=1.0, dtype="float64",
        seed=5, ranks=ranks,
    )
    fitter.partial_fit(x[:33], y[:33], reset[:33]).save("half")
    fitter.partial_fit(x[33:], y[33:], reset[33:]).save("end")
"""


class TestFreeRuns:
    @examples
    @given(
        model=st.sampled_from(MODELS),
        streams=st.integers(1, 3),
        share=st.sampled_from([0.02, 0.2, 1.0]),
        seed=st.integers(0, 10_000),
    )
    def test_each_sequence_is_a_fresh_stream(self, model, streams, share, seed):
        x, y, reset = samples(40, streams, seed, share)
        fitted = fitter(model=model, schedule=EveryWindow(5, streams=streams)).partial_fit(x, y)
        found = fitted.predict(x, reset)
        for stream in range(streams):
            begins = [0, *np.flatnonzero(reset[1:, stream]) + 1]
            for begin, end in zip(begins, [*begins[1:], 40], strict=True):
                fresh = fitted.predict(x[begin:end, stream])
                np.testing.assert_allclose(found[begin:end, stream], fresh, rtol=1e-10, atol=1e-12)

    @pytest.mark.parametrize("model", MODELS, ids=str)
    def test_all_streams_at_once_are_as_in_a_run_of_their_own_bit_for_bit(self, model):
        x, y, _ = samples(40)
        fitted = fitter(model=model).partial_fit(x, y)
        reset = np.zeros((40, 3), bool)
        reset[13] = True
        expected = np.concatenate([fitted.predict(x[:13]), fitted.predict(x[13:])])
        np.testing.assert_array_equal(fitted.predict(x, reset), expected)
        assert fitted.score(x, expected, reset).max == 0
        assert fitted.score(x, expected).max > 0

    def test_shapes_of_one_stream(self):
        x, y, reset = (a[:, 0] for a in samples(40, streams=1))
        fitted = fitter(schedule=EveryWindow(5)).partial_fit(x, y, reset)
        np.testing.assert_array_equal(
            fitted.predict(x[:, 0], reset), fitted.predict(x[:, None], reset[:, None])[:, 0]
        )

    @pytest.mark.parametrize("streams", [1, 3])
    @pytest.mark.parametrize("model", MODELS, ids=str)
    def test_a_predictor_goes_on_as_a_free_run_does(self, model, streams):
        x, y, reset = samples(30, streams, share=0.2)
        y = y[..., :1] if not isinstance(model, Scaled) else y
        schedule = EveryWindow(5, streams=streams)
        fitted = fitter(model=model, schedule=schedule).partial_fit(x, y)
        predictor, found = fitted.predictor(streams), []
        one_number = streams == 1 and y.shape[2] == 1
        for x_t, anew in zip(x, reset, strict=True):
            if anew.any():
                predictor.reset(anew)
            found.append(predictor(float(x_t[0, 0]) if one_number else x_t))
        expected = fitted.predict(x, reset)
        found = np.reshape(found, expected.shape)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
        predictor.reset()
        np.testing.assert_allclose(
            np.reshape(predictor(x[0]), expected[0].shape), expected[0], rtol=1e-9, atol=1e-12
        )


class TestRefusals:
    @pytest.mark.parametrize(
        "shape", [(), (1,), (20,), (3,), (1, 3), (20, 1), (3, 20), (20, 3, 1), (19, 3), (20, 4)]
    )
    def test_another_shape_is_named_and_never_broadcast(self, shape):
        x, y, _ = samples(20)
        fitted = fitter().partial_fit(x, y)
        before = everything(fitted)
        wanted = f"reset must have the shape (time, streams) = (20, 3), got {shape}"
        wanted = f"^{re.escape(wanted)}$"
        for call in (fitted.partial_fit, fitted.score):
            with pytest.raises(ValueError, match=wanted):
                call(x, y, reset=np.ones(shape, bool))
        with pytest.raises(ValueError, match=wanted):
            fitted.predict(x, reset=np.ones(shape, bool))
        assert states.same(everything(fitted), before)

    @pytest.mark.parametrize("dtype", [int, float, "U1", object])
    def test_what_is_not_bool_is_refused(self, dtype):
        x, y, reset = samples(20)
        with pytest.raises(TypeError, match=r"array of bool of .* = \(20, 3\), got dtype .*"):
            fitter().partial_fit(x, y, reset.astype(dtype))

    def test_rows_of_different_lengths_are_refused(self):
        x, y, _ = samples(2)
        with pytest.raises(ValueError, match=r"\(2, 3\), got rows of different lengths"):
            fitter().partial_fit(x, y, [[True], [True, False]])

    def test_a_predictor_wants_a_bool_for_each_stream(self):
        predictor = fitter().partial_fit(*samples(20)[:2]).predictor(3)
        with pytest.raises(ValueError, match=r"bool of the shape \(3,\), got \(1,\)"):
            predictor.reset([True])
        with pytest.raises(TypeError, match=r"bool of the shape \(3,\), got dtype int64 of \(\)"):
            predictor.reset(1)

    def test_a_solver_says_that_it_wants_streams_that_run_on(self):
        x, y, reset = samples(30)
        parts = {"model": OutputFeedback(3), "optimizer": LevenbergMarquardt(), "clip": None}
        fitted = fitter(**parts, schedule=EveryWindow(40, streams=3))
        reset[:8], reset[8, 1] = False, True
        reset[0] = True  # harmless: they start there anyway
        fitted.partial_fit(x[:5], y[:5], reset[:5])
        with pytest.raises(ValueError, match="levenberg_marquardt .* got a reset at time 3; use"):
            fitted.partial_fit(x[5:], y[5:], reset[5:])
        assert fitted.samples_given == 5

    def test_a_state_that_belongs_to_no_stream_can_not_start_anew(self):
        class Counting(StreamModule):
            def __init__(self, inputs, outputs):
                super().__init__()
                self.map = torch.nn.Linear(inputs, outputs)

            def start(self, streams):
                return 0

            def forward(self, x, state):
                return self.map(x) / (1 + state), state + len(x)

        @attrs.frozen
        class Count(Model):
            def build(self, inputs, outputs):
                return Counting(inputs, outputs)

        x, y, reset = samples(20)
        with pytest.raises(ValueError, match=r"a state holds \d+, which was 0 at the start"):
            fitter(model=Count()).partial_fit(x, y, reset)

    @pytest.mark.parametrize(
        ("name", "change"),
        [
            ("positions", lambda p: p[::-1].copy()),
            ("positions", lambda p: p + 100),
            ("positions", lambda p: p - 100),
            ("positions", lambda p: p * 1.0),
            ("positions", lambda p: p[1:]),
            ("streams", lambda s: s[:, :1]),
            ("streams", lambda s: s.astype(np.int8)),
            ("streams", lambda s: s[0]),
        ],
    )
    def test_a_checkpoint_with_other_resets_is_refused(self, name, change, tmp_path):
        x, y, reset = samples(30)
        reset[10], reset[20] = True, True
        fitter(schedule=EveryWindow(40, streams=3)).partial_fit(x, y, reset).save(tmp_path / "fit")
        content, state = read_checkpoint(tmp_path / "fit")
        resets = state["course"]["training"]["buffer"]["resets"]
        resets[name] = change(resets[name])
        write_checkpoint(tmp_path / "fit", content, state)
        with pytest.raises(CheckpointError, match="does not fit its experiment"):
            Fitter.load(tmp_path / "fit")
