"""How trials are fitted and scored."""

import attrs
import numpy as np
import pytest

from seqfit import Experiment, Fitter, states
from seqfit.models import RNN
from seqfit.recordings import Recording, pair
from seqfit.schedules import EveryWindow
from seqfit.signals import RandomHold
from seqfit.sweeps import Range, Space, Sweep
from seqfit.sweeps.judge import Judge, Stretches
from seqfit.targets import SaturatedIntegral

EXPERIMENT = Experiment(
    RandomHold(), SaturatedIntegral(), RNN(hidden=3, head=()), EveryWindow(window=7), samples=1000
)


def a_sweep(experiment=EXPERIMENT, **settings):
    space = Space(experiment, {"model.hidden": Range("int", 2, 4)})
    return Sweep(space=space, **({"length": 200} | settings))


def follow(fitter, until=None, reported=(), reports=7):
    """Fit in stretches; gives the scores that were reported, given up at report `until`."""
    scores = {}

    def report(number, score):
        scores[number] = score
        return number == until

    stretches = Stretches(reports, set(reported), Judge(a_sweep()), report)
    stretches.fit(fitter, fitter.samples_left)
    return scores, stretches


def test_a_fit_in_stretches_is_the_fit_in_one_go():
    fitter = Fitter.of(EXPERIMENT)
    scores, stretches = follow(fitter)
    whole = Fitter.of(EXPERIMENT).fit()
    assert states.same(dict(fitter.module.state_dict()), dict(whole.module.state_dict()))
    assert list(scores) == [1, 2, 3, 4, 5, 6, 7]
    assert scores[7] == Judge(a_sweep()).score(whole)
    assert not stretches.given_up


@pytest.mark.parametrize("stop", [1, 142, 143, 500, 999, 1000])
def test_a_fit_that_goes_on_reports_the_same_scores(stop, tmp_path):
    """Of scores that were reported, the last one alone is made again: it may decide to prune."""
    expected, _ = follow(Fitter.of(EXPERIMENT))
    Fitter.of(EXPERIMENT).fit(stop).save(tmp_path / "fit.safetensors")
    before = stop * 7 // 1000
    ended = [number for number in expected if 1000 * number // 7 < stop]
    fitter = Fitter.load(tmp_path / "fit.safetensors")
    scores, _ = follow(fitter, reported=ended)
    assert set(scores) >= set(range(before + 1, 8))
    assert scores.items() <= expected.items()


def test_a_fit_that_is_given_up_ends_there():
    fitter = Fitter.of(EXPERIMENT)
    scores, stretches = follow(fitter, until=3)
    assert list(scores) == [1, 2, 3]
    assert stretches.given_up
    assert fitter.samples_left == 1000 - 3000 // 7


def test_the_last_report_gives_nothing_up():
    _, stretches = follow(Fitter.of(EXPERIMENT), until=7)
    assert not stretches.given_up


def test_trials_are_scored_on_streams_that_evaluate_does_not_take():
    judge, fitter = Judge(a_sweep()), Fitter.of(EXPERIMENT)
    x, y = judge.samples(fitter)
    assert x.shape == y.shape == (200, 4, 1)
    for other in (fitter.held_out_samples(800, streams=4)[0], np.array([fitter.seed])):
        assert not np.array_equal(x, other)
    assert np.array_equal(judge.samples(attrs.evolve(EXPERIMENT, seed=5))[0], x)
    other = Judge(a_sweep(attrs.evolve(EXPERIMENT, seed=5))).samples(fitter)[0]
    assert not np.array_equal(other, x)


def test_recorded_data_are_scored_on_their_validation_stretch():
    flow = np.arange(1000.0)
    recording = Recording({"valve": flow, "flow": flow}, stretch="train", repeat=True)
    signal, target = pair(recording, ["valve"], ["flow"])
    experiment = attrs.evolve(EXPERIMENT, signal=signal, target=target)
    x, y = Judge(a_sweep(length=10_000)).samples(experiment)
    assert x.shape == (150, 1, 1)
    assert (x[0, 0, 0], x[-1, 0, 0], y[0, 0, 0]) == (700, 849, 700)
    with pytest.raises(ValueError, match="washout must be below the 150 samples"):
        Judge(a_sweep(length=10_000, washout=150)).samples(experiment)


def test_nrmse_of_a_constant_target_is_refused():
    still = attrs.evolve(EXPERIMENT, target=SaturatedIntegral(gain=0.0))
    with pytest.raises(ValueError, match="nrmse means nothing where the target is constant"):
        Judge(a_sweep(metric="nrmse")).score(Fitter.of(still))
