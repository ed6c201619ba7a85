"""Fits of samples as they come: the numbers of the samples, however they come."""

import itertools

import numpy as np
import pytest

from seqfit import Fitter, states
from seqfit.fitting import Callback, Checkpoints, StopFitting, TorchOptimizer, load_latest
from seqfit.live import GrowingFile, Iterated, LiveSource
from seqfit.models import GRU
from seqfit.schedules import TruncatedBPTT

RNG = np.random.default_rng(0)
X = RNG.uniform(size=3000)
Y = np.convolve(X, np.full(5, 0.2))[: len(X)]


def fitter(callbacks=()):
    return Fitter(
        model=GRU(hidden=4, head=()),
        schedule=TruncatedBPTT(k1=7, k2=20),
        optimizer=TorchOptimizer("Adam", {"lr": 1e-2}),
        callbacks=callbacks,
    )


def weights(fit):
    return dict(fit.module.state_dict())


@pytest.fixture(scope="module")
def at_once():
    return fitter().partial_fit(X, Y)


class OneByOne(LiveSource):
    """Samples that are not there every other time that one asks."""

    def __init__(self):
        self.rows = iter(zip(X, Y, strict=True))
        self.asked = 0

    def read(self, most):
        self.asked += 1
        if self.asked % 2:
            return np.empty(0), np.empty(0)
        row = next(self.rows, None)
        return None if row is None else (np.array(row[:1]), np.array(row[1:]))


class StopAfter(Callback):
    def __init__(self, samples):
        self.samples = samples

    def after_update(self, fit):
        if fit.report.samples >= self.samples:
            raise StopFitting


def test_the_pieces_in_which_samples_come_do_not_matter(at_once):
    samples = fitter().fit_live(Iterated(zip(X, Y, strict=True)))
    chunks = ((X[i : i + 331], Y[i : i + 331]) for i in range(0, len(X), 331))
    in_chunks = fitter().fit_live(Iterated(chunks, chunks=True))
    for live in (samples, in_chunks, fitter().fit_live(OneByOne())):
        assert live.samples_given == len(X)
        assert states.same(weights(live), weights(at_once))


def test_no_more_is_taken_than_was_asked_for_and_a_fit_goes_on_with_what_comes_next(at_once):
    taken = []
    source = Iterated(zip((taken.append(1) or x for x in X), Y, strict=True))
    live = fitter().fit_live(source, 1234)
    assert (len(taken), live.samples_given) == (1234, 1234)
    live.fit_live(source)
    assert states.same(weights(live), weights(at_once))


def test_an_endless_iterator_is_taken_from_as_it_is_fitted():
    taken = itertools.count()
    live = fitter(callbacks=(StopAfter(5000),)).fit_live(Iterated((i % 7 / 7, 0.5) for i in taken))
    assert live.report.samples == 5005
    assert next(taken) <= 5005 + 2 * 4096  # what the fitter takes at once


def test_a_callback_may_stop_a_fit_that_waits():
    class Impatient(Callback):
        waited = 0

        def while_waiting(self, fit):
            self.waited += 1
            if self.waited == 100:
                raise StopFitting

    live = fitter(callbacks=(Impatient(),)).fit_live(OneByOne())
    assert live.samples_given == 99


def test_a_growing_file_is_gone_on_with_bit_for_bit(tmp_path, at_once):
    rows = [f"{x!r},{y!r}\n" for x, y in zip(X.tolist(), Y.tolist(), strict=True)]
    path, folder = tmp_path / "log.csv", tmp_path / "checkpoints"
    path.write_text("u,y\n" + "".join(rows[:2000]))
    callbacks = (Checkpoints(folder, samples=700), StopAfter(1500))
    fitter(callbacks=callbacks).fit_live(GrowingFile(path, "u", "y"))
    with path.open("a") as file:
        file.writelines(rows[2000:])
    resumed, _ = load_latest(folder)
    assert 0 < resumed.report.samples < 1500
    source = GrowingFile(path, "u", "y", first=resumed.samples_given)
    resumed.fit_live(source, len(X) - resumed.samples_given)
    assert resumed.samples_given == len(X)
    assert states.same(weights(resumed), weights(at_once))


def test_what_waited_when_the_fit_was_stopped_is_fitted_though_no_more_comes(at_once):
    live = fitter(callbacks=(StopAfter(1),)).partial_fit(X, Y)
    assert live.report.samples < len(X)
    live.callbacks[0].samples = len(X)
    live.fit_live(Iterated([]))
    assert states.same(weights(live), weights(at_once))


def test_all_before_a_wrong_sample_is_fitted():
    live = fitter()
    bad = itertools.chain(zip(X[:100], Y[:100], strict=True), [(np.nan, 0.0)])
    with pytest.raises(ValueError, match="sample 101 of the iterator: x must be finite"):
        live.fit_live(Iterated(bad))
    assert states.same(weights(live), weights(fitter().partial_fit(X[:100], Y[:100])))


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="samples must be a positive int, got 0"):
        fitter().fit_live(OneByOne(), 0)
