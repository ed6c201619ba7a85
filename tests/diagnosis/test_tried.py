"""What is told by fitting anew with a change, and the time that it may take."""

import time

import attrs
import numpy as np
import pytest

from seqfit import Fitter, recipes
from seqfit.diagnosis import diagnose
from seqfit.diagnosis.capacity import number_of_samples
from seqfit.diagnosis.mending import Mending
from seqfit.diagnosis.specimen import CannotTellError, Specimen
from seqfit.diagnosis.trials import Trials, errors_of
from seqfit.diagnosis.tried import narrowness, other_rates
from seqfit.evaluation.free_run import free_run
from seqfit.fitting import TorchOptimizer
from seqfit.models import GRU
from seqfit.recordings import Recording, pair
from seqfit.schedules import TruncatedBPTT
from seqfit.signals import RandomHold
from seqfit.targets import Butterworth, LeakyIntegral, WienerHammerstein

BOTH = RandomHold(low=-1.0, high=1.0)
SMALL = GRU(hidden=8, head=(8,))
WINDOWS = TruncatedBPTT(k1=5, k2=50, loss_on="all")


def fitted(samples=10_000, **parts):
    chosen = {"target": LeakyIntegral(leak=0.1, gain=0.2), "model": SMALL, "schedule": WINDOWS}
    return Fitter.of(recipes.gru(samples=samples, seed=5, **(chosen | parts))).fit()


def found(measure, fitter, kind):
    specimen = Specimen.of(fitter, np.inf, None)
    suspects = measure(specimen, Trials.of(specimen, 0.0))
    return next(suspect.finding for suspect in suspects if suspect.finding.kind == kind)


def at(rate, **parts):
    optimizer = TorchOptimizer("Adam", {"lr": rate})
    return fitted(optimizer=optimizer, learning_rate=None, clip=None, **parts)


def test_steps_that_led_the_fit_astray_are_found_from_the_start():
    hopeless = at(0.1, signal=BOTH, target=Butterworth())
    assert found(other_rates, hopeless, "step_too_large").is_bad
    assert not found(other_rates, hopeless, "step_too_small").is_bad
    idle = at(1e-6)
    assert found(other_rates, idle, "step_too_small").is_bad
    assert not found(other_rates, idle, "step_too_large").is_bad


def test_steps_of_a_healthy_fit_are_in_order_from_the_start():
    healthy = fitted(30_000)
    assert not found(other_rates, healthy, "step_too_large").is_bad
    assert not found(other_rates, healthy, "step_too_small").is_bad


def test_a_model_that_can_not_even_learn_a_short_stretch_is_too_narrow():
    narrow = fitted(30_000, signal=BOTH, target=Butterworth(), model=GRU(hidden=1, head=()))
    assert found(narrowness, narrow, "capacity_too_small").is_bad
    assert not found(narrowness, fitted(30_000), "capacity_too_small").is_bad


def test_a_trial_ends_when_its_time_is_over_though_a_solver_is_at_work():
    parts = {"target": WienerHammerstein(), "seed": 5}
    solved = recipes.exact_hidden(**parts)  # takes many seconds
    specimen = Specimen.of(Fitter.of(recipes.gru(1_000, **parts)).fit(), np.inf, None)
    assert errors_of(specimen, solved, 20_000, time.perf_counter() + 0.5) is None


def test_where_there_is_no_time_nothing_is_tried_and_that_is_said():
    fitter = at(1e-6)
    specimen = Specimen.of(fitter, time.perf_counter() - 1.0, None)
    with pytest.raises(CannotTellError, match="no time"):
        Trials.of(specimen, 1.0)
    diagnosis = diagnose(fitter, seconds=1e-3)
    assert all(finding.gain is None for finding in diagnosis.findings)
    assert any("no time" in reason or "were over" in reason for reason in diagnosis.not_told)


def test_a_solver_is_tried_on_fewer_samples_than_it_would_be_given():
    what = recipes.exact(5_000, 5, signal=BOTH, target=Butterworth())
    specimen = Specimen.of(Fitter.of(what).fit(), np.inf, None)
    solved = recipes.exact_hidden(5_000, 5, signal=BOTH, target=Butterworth())
    assert errors_of(specimen, solved, 1_000, np.inf).mean() < 1e-5


def test_a_solved_model_that_keeps_too_little_of_the_past_is_found():
    low = Fitter.of(recipes.exact(5_000, 5, signal=BOTH, target=Butterworth())).fit()
    assert found(narrowness, low, "capacity_too_small").is_bad
    enough = Fitter.of(recipes.exact_hidden(5_000, 5, signal=BOTH, target=Butterworth())).fit()
    assert not found(narrowness, enough, "capacity_too_small").is_bad


def test_a_fit_that_is_as_it_should_be_is_told_what_does_better():
    diagnosis = diagnose(fitted(schedule=TruncatedBPTT(k1=5, k2=100, loss_on="all")), seconds=30.0)
    better = [finding for finding in diagnosis.findings if finding.kind == "could_be_better"]
    assert not diagnosis.bad
    assert [finding.verdict for finding in better] == ["could be better"]
    assert diagnosis.first_suggestion == better[0].suggestion
    assert "Nothing bad was found." in str(diagnosis)
    assert better[0].suggestion.words in str(diagnosis)


def test_a_mending_that_had_no_time_to_look_says_so():
    mending = Mending.of(at(1e-6, samples=2_000))
    mending.run(0.01, lambda _suggestion, _what: (), lambda _step: False)
    assert not mending.steps
    assert "the 0.01 seconds were over" in mending.ending


def test_too_few_samples_of_a_recording_are_told_where_a_fit_does_not_generalise():
    x, _ = RandomHold().generate(RandomHold().start(1, 5), 20_000)
    y, _ = LeakyIntegral(leak=0.1, gain=0.2).transform(x, LeakyIntegral().start(1))
    recording = Recording({"x": x[:, 0, 0], "y": y[:, 0, 0]}, stretch="train", repeat=True)
    signal, target = pair(recording, "x", "y")
    wide = fitted(60_000, signal=signal, target=target, model=GRU(hidden=32, head=(8,)))
    specimen = Specimen.of(wide, np.inf, None)
    assert not specimen.generalises
    assert number_of_samples(specimen)[0].finding.is_bad
    fitted_x, fitted_y = specimen.past_x[:3_000], specimen.past_y[:3_000]
    prediction = free_run(specimen.module, fitted_x)
    alike = attrs.evolve(specimen, x=fitted_x, y=fitted_y, prediction=prediction)
    finding = number_of_samples(alike)[0].finding
    assert finding.measured > finding.threshold
    assert not finding.is_bad
