"""Searches for small recurrent maps: exact where it can be had, finite everywhere."""

import re

import numpy as np
import pytest
from scipy.signal import butter, lfilter

from seqfit.second_order.formula import formula
from seqfit.second_order.maps import HiddenLayerMap, flipped, with_unit_outputs, without_unit
from seqfit.second_order.outcome import Status
from seqfit.second_order.output_feedback import FeedbackSearch, fit_output_feedback
from seqfit.second_order.recurrence import Recurrence, free_run
from seqfit.second_order.residuals import Huber, LogLoss, Squares
from seqfit.second_order.rounding import rounded
from seqfit.second_order.simplify import Tolerance, simplify
from seqfit.second_order.state_space import StateSpaceSearch, fit_state_space
from seqfit.signals import Events, RandomHold
from seqfit.targets import LeakyIntegral, RunningParity, SaturatedIntegral

SEARCHES = {
    "output feedback": lambda x, y: fit_output_feedback(
        x, y, FeedbackSearch(starts=4, free_starts=4)
    ),
    "state space": lambda x, y: fit_state_space(x, y, StateSpaceSearch(starts=4)),
}


def streams(target, samples, count=1, seed=0):
    signal = RandomHold()
    x, _ = signal.generate(signal.start(count, seed), samples)
    y, _ = target.transform(x, target.start(count))
    return x, y


@pytest.mark.parametrize("fit", [fit_output_feedback, fit_state_space])
@pytest.mark.parametrize(
    ("target", "units"),
    [
        (SaturatedIntegral(), 2),
        (SaturatedIntegral(gain=-0.2, offset=0.4, low=-2.0, high=0.5), 2),
        (LeakyIntegral(), 0),
    ],
)
def test_piecewise_linear_targets_are_found_exactly(fit, target, units):
    found = fit(*streams(target, 5000))
    assert found.status is Status.EXACT
    assert found.model.f.units == units
    x, y = streams(target, 20_000, count=4, seed=1)
    error = np.abs(found.run(x) - y.astype(float)) / np.ptp(y)
    assert error.mean() < 3e-7
    assert error.max() < 6e-6


def test_several_streams_are_fitted_together():
    found = fit_output_feedback(*streams(SaturatedIntegral(), 1000, count=5))
    x, y = streams(SaturatedIntegral(), 20_000, seed=1)
    assert np.abs(found.run(x) - y).max() < 6e-6


def test_a_memory_beyond_the_output_needs_a_state():
    x, _ = streams(LeakyIntegral(), 5000)
    y = lfilter(*butter(2, 0.1), x, axis=0).astype(np.float32)
    assert fit_output_feedback(x, y, FeedbackSearch(starts=2, free_starts=0)).status is (
        Status.NO_FUNCTION
    )
    hidden = fit_state_space(x, y)
    assert hidden.status is Status.EXACT
    assert hidden.model.size == 3  # two for the poles, one to pass the input on at once


def test_noise_on_the_outputs_is_told_and_does_not_bias():
    x, y = streams(SaturatedIntegral(), 5000)
    noise = 0.05 * np.random.default_rng(0).normal(size=y.shape)
    found = fit_output_feedback(x, y + noise)
    assert found.status is Status.NOISE
    x, y = streams(SaturatedIntegral(), 20_000, seed=1)
    assert np.abs(found.run(x) - y).mean() < 5e-3


@pytest.mark.parametrize("fit", [fit_output_feedback, fit_state_space])
def test_a_start_that_is_not_rest_is_found(fit):
    target = SaturatedIntegral(low=-2.0, high=3.0, initial=-1.5)
    found = fit(*streams(target, 5000))
    assert found.status is Status.EXACT
    x, y = streams(target, 20_000, count=4, seed=1)
    assert np.abs(found.run(x) - y.astype(float)).max() < 3e-5


def test_outliers_pull_no_harder_than_others_where_asked():
    x, y = streams(SaturatedIntegral(), 5000)
    rng = np.random.default_rng(0)
    far = np.where(rng.random(y.shape) < 0.05, 2.0, 0.01) * rng.normal(size=y.shape)
    fits = [fit_output_feedback(x, y + far, FeedbackSearch(robust=r)) for r in (False, True)]
    x, y = streams(SaturatedIntegral(), 20_000, seed=1)
    plain, robust = (np.abs(found.run(x) - y).mean() for found in fits)
    assert robust < 2e-3
    assert robust < 0.1 * plain


@pytest.mark.parametrize("robust", [False, True])
def test_two_valued_outputs_are_given_as_such(robust):
    x, y = streams(SaturatedIntegral(), 10_000)
    search = StateSpaceSearch(sizes=(1,), robust=robust, seed=4)
    found = fit_state_space(x, np.where(y > 0.5, 3.0, -1.0), search)
    x, y = streams(SaturatedIntegral(), 20_000, seed=1)
    run = found.run(x)
    assert run.min() >= -1.0
    assert run.max() <= 3.0
    assert ((run > 1.0) == (y > 0.5)).mean() > 0.98


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize(
    "case",
    [
        "constant input",
        "constant target",
        "one sample",
        "fewer samples than numbers",
        "white noise",
        "duplicated channels",
        "future",
        "huge",
        "tiny",
    ],
)
def test_hard_data_ends_in_a_sound_model(search, case):
    rng = np.random.default_rng(0)
    x, y = (a.astype(float) for a in streams(SaturatedIntegral(), 400))
    changes = {
        "constant input": lambda: (np.ones_like(x), y),
        "constant target": lambda: (x, np.full_like(y, 3.0)),
        "one sample": lambda: (x[:1], y[:1]),
        "fewer samples than numbers": lambda: (x[:12], y[:12]),
        "white noise": lambda: (x, rng.normal(size=y.shape)),
        "duplicated channels": lambda: (np.concatenate([x, x], axis=2), y),
        "future": lambda: (x[:-1], x[1:]),
        "huge": lambda: (1e8 * x, 1e8 * y + 1e9),
        "tiny": lambda: (1e-8 * x, 1e-8 * y),
    }
    x, y = changes[case]()
    found = SEARCHES[search](x, y)
    run = found.run(x)
    assert np.isfinite(found.model.pack()).all()
    assert np.isfinite(run).all()
    assert np.sqrt(np.square(run - y).mean()) <= 1.05 * max(y.std(), 1e-6 * np.abs(y).max())


@pytest.mark.parametrize("fit", [fit_output_feedback, fit_state_space])
@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((3, 1, 1)), np.zeros((2, 1, 1)), "shapes"),
        (np.zeros((0, 1, 1)), np.zeros((0, 1, 1)), "empty"),
        (np.full((3, 1, 1), np.nan), np.zeros((3, 1, 1)), "x must be finite"),
        (np.zeros((3, 1, 1)), np.full((3, 1, 1), np.inf), "y must be finite"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(fit, x, y, message):
    with pytest.raises(ValueError, match=message):
        fit(x, y)


@pytest.mark.parametrize(
    ("residuals", "near"), [(Squares(), 0.01), (Huber(0.1), 0.1), (LogLoss(), 0.01)]
)
def test_the_best_constant_is_no_worse_than_others(residuals, near):
    y = (np.random.default_rng(0).random((101, 2, 3)) > 0.3).astype(float)
    best = residuals.constant(y)

    def loss(constant):
        return residuals.value(np.broadcast_to(constant, y.shape), y)

    assert best.shape == (3,)
    assert all(loss(best) <= loss(best + shift) for shift in (-near, near))


def clip_map(units):
    """clip(y + 0.1 x - 0.05, 0, 1) by two units, and more units of no use."""
    rng = np.random.default_rng(0)
    hidden = np.concatenate([[[0.1, 1.0], [0.1, 1.0]], rng.normal(size=(units - 2, 2))])
    bias = np.concatenate([[-0.05, -1.05], rng.normal(size=units - 2)])
    output = np.concatenate([[1.0, -1.0], np.zeros(units - 2)])[None]
    return HiddenLayerMap(np.zeros(1), np.zeros((1, 2)), output, hidden, bias)


def test_turning_rescaling_and_leaving_out_units_of_no_use_keeps_the_function():
    f = clip_map(4)
    p = np.random.default_rng(1).normal(size=(100, 2))
    for same in (
        flipped(f, np.array([True, False, True, False])),
        with_unit_outputs(f),
        without_unit(f, 3),
    ):
        np.testing.assert_allclose(same(p), f(p), atol=1e-12)


def test_simplify_leaves_the_units_that_are_needed():
    f = clip_map(6)
    p = np.random.default_rng(1).uniform(size=(500, 2))

    def refit(candidate, _enough):
        return candidate, float(np.sqrt(np.square(candidate(p) - f(p)).mean()))

    simpler, error = simplify(f, 0.0, p, f(p), refit, Tolerance(1e-9))
    assert simpler.units == 2
    assert error < 1e-9


def test_rounding_to_float32_is_no_worse_than_plain_rounding():
    model = Recurrence(clip_map(2), np.eye(1), np.zeros(1))
    x, y = streams(SaturatedIntegral(), 5000)
    start = np.zeros((1, 1))

    def loss(out):
        return np.square(out - y.astype(float)).mean()

    best, first = rounded(model, x, loss, start)

    def error(candidate, at):
        return loss(free_run(candidate, x, at)[0])

    assert error(best, first) <= error(model.astype(np.float32), start)


@pytest.mark.parametrize("fit", [fit_output_feedback, fit_state_space])
def test_the_formula_computes_what_the_model_does(fit):
    x, y = streams(SaturatedIntegral(), 2000)
    found = fit(x, y)
    text = formula(found.model, 1, 0, found.start[0])
    state, outputs = (float(found.start[0, 0]) if "s[t]" in text else 0.0), []
    for value in x[:300, 0, 0]:
        names = {"x": float(value), "s_before": state, "y_before": state, "max": max}
        for line in text.splitlines():
            left, right = line.split(" = ")
            code = right.replace("[t-1]", "_before").replace("[t]", "")
            code = re.sub(r"(\d) (?=[a-z])", r"\1 * ", code)
            names[left.removesuffix("[t]")] = eval(code, {}, names)
        state = names.get("s", names["y"])
        outputs.append(names["y"])
    np.testing.assert_allclose(outputs, y[:300, 0, 0], atol=2e-5)


def test_an_exact_map_that_neither_grows_nor_forgets_errors_is_told_to_be_exact():
    """The parity of events: y[t] = |b[t] - y[t-1]|, exact when its numbers are whole."""
    signal = Events(0.3)
    x, _ = signal.generate(signal.start(1, 1002), 20_000)
    y, _ = RunningParity().transform(x, RunningParity().start(1))
    fit = fit_output_feedback(x.astype(float), y.astype(float), FeedbackSearch(seed=1002))
    assert fit.free == 0
    assert fit.status is Status.EXACT
