"""Outputs that are missing add nothing to losses and scores."""

import math

import numpy as np
import pytest
import torch

from seqfit import Fitter
from seqfit.evaluation import examine
from seqfit.evaluation.scores import score
from seqfit.fitting import LevenbergMarquardt, TorchOptimizer
from seqfit.models import GRU, RNN, OutputFeedback, Wrap
from seqfit.schedules import Accumulate, EveryWindow, TruncatedBPTT
from seqfit.signals import RandomHold
from seqfit.targets import Delay, Missing, SaturatedIntegral


def fitter(**parts):
    problem = {
        "signal": None,
        "target": None,
        "model": GRU(4, head=(3,)),
        "schedule": Accumulate(2, 10, streams=3),
        "optimizer": TorchOptimizer("SGD", {"lr": 0.1}),
        "dtype": "float64",
        "missing": "mask",
    }
    return Fitter(**(problem | parts))


def samples(streams=3, outputs=2, share=0.3, time=100):
    rng = np.random.default_rng(0)
    x, y = rng.random((time, streams, 1)), rng.random((time, streams, outputs))
    y[rng.random(y.shape) < share] = np.nan
    return x, y


def weights(fitted):
    return torch.cat([p.detach().flatten() for p in fitted.module.parameters()])


@pytest.mark.parametrize("loss", ["l1", "mse", "huber", torch.nn.SmoothL1Loss(reduction="none")])
@pytest.mark.parametrize("schedule", [Accumulate(2, 10, streams=3), TruncatedBPTT(4, 9, streams=3)])
def test_all_engines_leave_out_what_is_missing(loss, schedule):
    """The gradient is that of autograd on the sum over what is there."""
    x, y = samples()
    fits = [
        fitter(loss=loss, schedule=schedule, engine=engine).partial_fit(x, y)
        for engine in ("auto", "windowed", "eager")
    ]
    for fitted in fits[1:]:
        torch.testing.assert_close(weights(fitted), weights(fits[0]), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(fitted.loss_curve[1], fits[0].loss_curve[1], rtol=1e-9)


@pytest.mark.parametrize("engine", ["compiled", "windowed", "eager"])
def test_one_step_is_that_of_plain_autograd(engine):
    x, y = samples(time=7)
    fitted = fitter(engine=engine, schedule=EveryWindow(7, streams=3))
    module = fitter().partial_fit(x[:1], y[:1]).module  # the same weights, before any update
    prediction, _ = module(torch.from_numpy(x), module.start(3))
    there = ~np.isnan(y)
    off = (prediction - torch.from_numpy(np.where(there, y, 0))).abs() * torch.from_numpy(there)
    (off.sum() / y.size).backward()
    expected = torch.cat([(p - 0.1 * p.grad).detach().flatten() for p in module.parameters()])
    fitted.partial_fit(x, y)
    torch.testing.assert_close(weights(fitted), expected, rtol=1e-9, atol=1e-12)
    seen = off.detach().numpy()[there].mean()  # the loss that is recorded is over what is there
    assert fitted.report.loss == pytest.approx(seen, rel=1e-9)


@pytest.mark.parametrize("engine", ["compiled", "windowed", "eager"])
def test_an_update_of_which_all_is_missing_changes_nothing(engine):
    x, y = samples(share=1.0)
    fitted = fitter(engine=engine).partial_fit(x[:5], y[:5])
    before = weights(fitted).clone()
    fitted.partial_fit(x[5:], y[5:])
    assert fitted.report.updates == 10
    assert torch.equal(weights(fitted), before)
    assert math.isnan(fitted.report.loss)


def test_it_is_the_fit_without_a_mask_where_nothing_is_missing():
    x, y = samples(share=0.0)
    found, expected = (fitter(missing=missing).partial_fit(x, y) for missing in ("mask", "error"))
    assert torch.equal(weights(found), weights(expected))
    assert found.loss_curve == expected.loss_curve


def test_a_fit_to_a_target_with_missing_outputs_is_scored_on_all():
    parts = {"model": RNN(4), "schedule": EveryWindow(5)}
    signal, target = RandomHold(), SaturatedIntegral()
    found = fitter(signal=signal, target=Missing(target, 0.5), **parts).fit(500)
    clean = fitter(signal=signal, target=target, **parts).fit(500)
    assert not np.isnan(found.held_out_samples(300)[1]).any()
    assert found.evaluate(300).samples == clean.evaluate(300).samples
    assert not torch.equal(weights(found), weights(clean))


def test_scores_are_those_of_what_is_there():
    rng = np.random.default_rng(1)
    prediction, y = rng.random((500, 1, 1)), rng.random((500, 1, 1))
    gone = rng.random(500) < 0.4
    masked = y.copy()
    masked[gone] = np.nan
    found, expected = score(prediction, masked), score(prediction[~gone], y[~gone])
    for measure in ("mae", "rmse", "nrmse", "p99", "max", "samples"):
        assert getattr(found, measure) == pytest.approx(getattr(expected, measure), rel=1e-12)


def test_scores_of_streams_weigh_what_each_has():
    prediction = np.zeros((4, 3, 1))
    y = np.array([[1, 3, 9], [1, 3, 9], [np.nan, 3, 9], [np.nan, 3, 9.0]])[..., None]
    y[:, 2] = np.nan
    scores = score(prediction, y)
    assert scores.mae == pytest.approx((2 * 1 + 4 * 3) / 6)
    assert (scores.samples, scores.streams) == (6, 2)
    with pytest.raises(ValueError, match="every output is missing"):
        score(prediction, np.full_like(y, np.nan))


def test_an_examination_goes_through_with_a_mask():
    class Half(Missing.__mro__[1]):  # a target whose held-out outputs are missing too
        def start(self, streams):
            return Missing(SaturatedIntegral(), 0.5).start(streams)

        def transform(self, x, state):
            return Missing(SaturatedIntegral(), 0.5).transform(x, state)

        bounds = (0.0, 1.0)
        has_missing = True

    fitted = fitter(signal=RandomHold(), target=Half(), model=OutputFeedback(3)).fit(600)
    evaluation = examine(fitted, horizons=[2000], streams=4)
    assert 0.4 < evaluation.horizons[0].scores.samples / 8000 < 0.6
    assert evaluation.starts.one_step_ahead is None
    assert evaluation.drift is not None
    assert np.isfinite(evaluation.drift.course).all()


class Odd(torch.nn.Module):
    """What it predicts where nothing is observed may be anything."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.map = torch.nn.Linear(inputs, outputs)

    def start(self, streams):
        return torch.zeros(streams, 1)

    def forward(self, x, state):
        return self.map(x).exp(), state


def test_a_prediction_that_overflows_where_nothing_is_observed_does_no_harm():
    x, y = samples()
    x[10] = 1e4
    y[10] = np.nan
    fitted = fitter(model=Wrap(Odd), optimizer=TorchOptimizer("SGD", {"lr": 1e-3}))
    with torch.no_grad():
        fitted.partial_fit(x[:1], y[:1]).module.module.map.weight.fill_(-1.0)
    fitted.partial_fit(x[1:], y[1:])
    assert weights(fitted).isfinite().all()


def test_refusals():
    x, y = samples()
    with pytest.raises(
        ValueError, match=r"y must be finite, got nan at time \d+, .*missing='mask'"
    ):
        fitter(missing="error").partial_fit(x, y)
    x[3] = np.nan
    with pytest.raises(ValueError, match="x must be finite, got nan at time 3, stream 0"):
        fitter().partial_fit(x, y)
    x, y[2, 1, 0] = samples()[0], np.inf
    with pytest.raises(ValueError, match="y must be finite, got inf at time 2, stream 1"):
        fitter().partial_fit(x, y)
    with pytest.raises(ValueError, match="missing must be one of error, mask, got 'skip'"):
        fitter(missing="skip")
    with pytest.raises(ValueError, match="outputs of the target may be missing: .*missing='mask'"):
        fitter(signal=RandomHold(), target=Missing(Delay(1)), missing="error")
    with pytest.raises(ValueError, match="LevenbergMarquardt needs every output"):
        fitter(model=OutputFeedback(), optimizer=LevenbergMarquardt()).partial_fit(x, samples()[1])
    with pytest.raises(ValueError, match="must not miss outputs before the last part"):
        Missing(Delay(1)) >> Delay(1)
