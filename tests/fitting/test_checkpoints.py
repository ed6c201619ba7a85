"""Checkpoints on the way: taken, kept, and gone on from."""

import pytest
import torch

from seqfit import Fitter, states
from seqfit.fitting import (
    Callback,
    CheckpointError,
    Checkpoints,
    StopFitting,
    TorchOptimizer,
    load_latest,
)
from seqfit.models import GRU, LSTM, RNN, Wrap
from seqfit.schedules import Accumulate, EveryWindow, Replay, TruncatedBPTT
from seqfit.signals import RandomHold
from seqfit.targets import Noisy, SaturatedIntegral


def fitter(callbacks=(), **parts):
    problem = {"model": RNN(4, head=()), "schedule": EveryWindow(10), "clip": 1.0}
    return Fitter(
        RandomHold(), Noisy(SaturatedIntegral()), callbacks=callbacks, **(problem | parts)
    )


class StopAt(Callback):
    every_update = False

    def __init__(self, samples):
        self.samples = samples

    def after_update(self, fitter):
        if fitter.report.samples >= self.samples:
            raise StopFitting


class Dropped(torch.nn.Module):
    """A network that draws from torch's generator while it is fitted."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.net = torch.nn.GRU(inputs, 4)
        self.out = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(4, outputs))

    def start(self, streams):
        return torch.zeros(1, streams, 4)

    def forward(self, x, state):
        h, state = self.net(x, state)
        return self.out(h), state


def weights(fitted):
    return dict(fitted.module.state_dict())


def test_the_last_few_are_kept(tmp_path):
    fitter([Checkpoints(tmp_path, samples=50, keep=2)], engine="windowed").fit(300)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"checkpoint-{n:012}.safetensors" for n in (250, 300)]


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"engine": "eager"},
        {"engine": "windowed", "schedule": Accumulate(3, 17)},
        {"model": GRU(hidden=3), "schedule": TruncatedBPTT(3, 8)},
        {"model": LSTM(hidden=3), "schedule": EveryWindow(5, streams=3)},
        {"schedule": Replay(TruncatedBPTT(3, 9, loss_on="all"), capacity=60, passes=2)},
        {"optimizer": TorchOptimizer("SOAP", {"lr": 1e-3})},
        {"model": Wrap(Dropped), "schedule": EveryWindow(7)},
    ],
    ids=str,
)
def test_a_stopped_fit_goes_on_from_a_checkpoint_taken_on_the_way(parts, tmp_path):
    """In the middle of a call of fit, with samples that wait."""
    # Compiled updates are made some thousands at a time.
    total = 60_000 if fitter(**parts).report.engine == "compiled" else 600
    if isinstance(parts.get("schedule"), Replay):
        total = 600
    whole = fitter(**parts).fit(total)
    callbacks = [Checkpoints(tmp_path, samples=total // 9), StopAt(total * 2 // 3)]
    fitter(callbacks, **parts).fit(total)
    given = {"model": parts["model"]} if isinstance(parts.get("model"), Wrap) else {}
    resumed, damaged = load_latest(tmp_path, **given)
    assert not damaged
    done = resumed.report.samples
    assert total // 3 < done < total
    resumed.fit(total - done)
    assert states.same(weights(resumed), weights(whole))
    assert resumed.loss_curve == whole.loss_curve


def test_samples_left_are_those_that_were_asked_for_and_not_fitted(tmp_path):
    stopped = fitter([Checkpoints(tmp_path, samples=70), StopAt(400)], samples=600, engine="eager")
    assert stopped.samples_left == 600
    stopped.fit()
    resumed, _ = load_latest(tmp_path)
    assert resumed.samples_left == 600 - resumed.report.samples
    assert resumed.fit(resumed.samples_left).samples_left == 0


def test_what_a_module_draws_does_not_depend_on_what_others_draw(tmp_path):
    parts = {"model": Wrap(Dropped)}
    whole = fitter(**parts).fit(300)
    first = fitter(**parts).fit(100)
    torch.rand(7)
    first.save(tmp_path / "fit")
    torch.rand(3)
    before = torch.get_rng_state()
    resumed = Fitter.load(tmp_path / "fit", **parts).fit(200)
    assert torch.equal(torch.get_rng_state(), before)
    assert states.same(weights(resumed), weights(whole))


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path):
    fitter([Checkpoints(tmp_path, samples=100)], engine="windowed").fit(300)
    newest = tmp_path / "checkpoint-000000000300.safetensors"
    newest.write_bytes(newest.read_bytes()[:-9])
    (tmp_path / ".checkpoint-000000000400.safetensors.x.part").write_bytes(b"half")
    resumed, damaged = load_latest(tmp_path)
    assert resumed.report.samples == 200
    assert [str(error).split(" is ")[0] for error in damaged] == [str(newest)]
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]
    expected = fitter(engine="windowed").fit(300)
    assert states.same(weights(resumed.fit(100)), weights(expected))


def test_nothing_to_go_on_from_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint in"):
        load_latest(tmp_path / "gone")
    (tmp_path / "checkpoint-000000000300.safetensors").write_bytes(b"no")
    with pytest.raises(CheckpointError, match="000300.safetensors is not a seqfit checkpoint"):
        load_latest(tmp_path)


def test_a_callback_goes_on_too(tmp_path):
    class Counts(Callback):
        def __init__(self):
            self.updates = 0

        def after_update(self, fitter):
            self.updates += 1

        def state(self):
            return self.updates

        def restore(self, state):
            self.updates = state

    fitter([Counts()]).fit(50).save(tmp_path / "fit")
    counts = Counts()
    Fitter.load(tmp_path / "fit", callbacks=(counts,)).fit(20)
    assert counts.updates == 7


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "give the samples or the seconds"),
        ({"samples": 0}, "samples must be a positive int, got 0"),
        ({"seconds": float("nan")}, "seconds must be a positive, finite number, got nan"),
        ({"samples": 5, "keep": 0}, "keep must be a positive int, got 0"),
    ],
)
def test_bad_settings_are_named(settings, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        Checkpoints(tmp_path, **settings)


def test_a_slower_rate_goes_through_the_whole_schedule(tmp_path):
    from seqfit.fitting import TorchLearningRate

    cycle = TorchLearningRate("OneCycleLR", {"max_lr": 0.01, "cycle_momentum": False})
    parts = {"learning_rate": cycle, "samples": 500, "engine": "windowed"}
    plain, slowed = fitter(**parts).fit(100), fitter(**parts).fit(100)
    slowed.slow_down(0.5)
    for _ in range(20):
        assert slowed.learning_rate_now == pytest.approx(0.5 * plain.learning_rate_now, rel=1e-9)
        plain.fit(10)
        slowed.fit(10)
    with pytest.raises(ValueError, match="factor must be a positive, finite number, got 0"):
        slowed.slow_down(0)
