"""Signals made of signals: their formulas, and that equal ones within are independent."""

import numpy as np
import pytest
from scipy import stats

from seqfit.randomness import uniforms
from seqfit.recordings import Recording
from seqfit.signals import (
    Beside,
    Clip,
    Dropout,
    Events,
    Gain,
    GaussianNoise,
    HenonMap,
    Lorenz,
    MarkovLevels,
    Noisy,
    PoissonEvents,
    Product,
    RandomHold,
    Recorded,
    Sine,
    Sum,
    Switch,
    UniformNoise,
)


def samples(signal, length=500, streams=2, seed=0):
    return signal.generate(signal.start(streams, seed), length)[0]


def test_sums_and_products_are_those_of_their_parts():
    parts = [RandomHold(), Sine(), UniformNoise(low=-1)]
    x = samples(Beside(parts)).astype(np.float64)
    np.testing.assert_allclose(samples(Sum(parts))[..., 0], x.sum(axis=2), atol=1e-7)
    np.testing.assert_allclose(samples(Product(parts))[..., 0], x.prod(axis=2), atol=1e-7)


def test_gain_and_clip_are_their_formulas():
    x = samples(Sine())
    np.testing.assert_allclose(samples(Gain(Sine(), -3, 0.5)), -3 * x + 0.5, atol=1e-6)
    np.testing.assert_array_equal(samples(Clip(Sine(), -0.25, 0.75)), np.clip(x, -0.25, 0.75))


@pytest.mark.parametrize(
    ("signal", "bounds"),
    [
        (Sum([Sine(), Events()]), (-1, 2)),
        (Sum([Sine(), GaussianNoise()]), (-np.inf, np.inf)),
        (Product([Sine(amplitude=2), UniformNoise(low=-3)]), (-6, 6)),
        (Product([Sine(), GaussianNoise()]), (-np.inf, np.inf)),
        (Product([Clip(Sine(), 0.0, 0.5), GaussianNoise()]), (-np.inf, np.inf)),
        (Gain(Events(), -2, 1), (-1, 1)),
        (Gain(GaussianNoise(), 0, 1), (1, 1)),
        (Clip(GaussianNoise(), -2, 1), (-2, 1)),
        (Clip(Events(), -2, 0.5), (0, 0.5)),
        (Dropout(UniformNoise(low=0.25)), (0, 1)),
        (Dropout(UniformNoise(), fill=2), (0, 2)),
        (Switch([Events(), Sine()]), (-1, 1)),
    ],
)
def test_bounds_follow_from_those_of_the_parts(signal, bounds):
    assert signal.bounds == bounds


def test_noise_is_normal_and_independent_of_the_signal():
    signal = GaussianNoise(mean=3)
    x, clean = samples(Noisy(signal, deviation=0.5), 20_000), samples(signal, 20_000)
    noise = (x - clean).ravel()
    assert stats.kstest(noise, stats.norm(0, 0.5).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(noise, clean.ravel())[0, 1]) < 5 / np.sqrt(len(noise))


def test_dropout_loses_as_many_samples_as_it_says_and_repeats_the_last():
    ramp = Gain(Recorded({"u": np.arange(1.0, 20_001)}, ["u"]), gain=1, offset=0)
    x = samples(Dropout(ramp, probability=0.3), 20_000, streams=1).ravel()
    kept = x == np.arange(1, 20_001)
    low, high = stats.binomtest(int((~kept).sum()), x.size).proportion_ci(0.9999)
    assert low <= 0.3 <= high
    np.testing.assert_array_equal(x, np.maximum.accumulate(np.where(kept, x, 0)))
    filled = samples(Dropout(ramp, probability=0.3, fill=-1), 20_000, streams=1).ravel()
    np.testing.assert_array_equal(filled, np.where(kept, x, -1))


def test_channels_of_a_sample_are_lost_together():
    x = samples(Dropout(UniformNoise(channels=3), probability=0.5, fill=-1))
    assert set(np.unique((x == -1).sum(axis=2))) == {0, 3}


def test_switch_shows_one_part_at_a_time_as_long_as_it_says():
    parts = [Recorded({"u": [number]}, ["u"]) for number in (1.0, 2.0, 3.0)]
    endless = [Recorded(Recording({"u": [n]}, repeat=True), ["u"]) for n in (1.0, 2.0, 3.0)]
    x = samples(Switch(endless, switch_probability=0.05), 40_000, streams=1).ravel()
    changes = np.flatnonzero(np.diff(x))
    low, high = stats.binomtest(len(changes), x.size - 1).proportion_ci(0.9999)
    assert low <= 0.05 <= high
    pairs = {(a, b): 0 for a in (1, 2, 3) for b in (1, 2, 3) if a != b}
    for at in changes:
        pairs[int(x[at]), int(x[at + 1])] += 1
    assert stats.chisquare(list(pairs.values())).pvalue > 1e-3
    assert Switch(parts).length == 1
    running = samples(Switch([RandomHold(), Sine()], switch_probability=0.1))
    parts = samples(Beside([RandomHold(), Sine()]))
    assert ((running[..., 0] == parts[..., 0]) | (running[..., 0] == parts[..., 1])).all()


def test_equal_signals_differ_however_deep_they_lie():
    noise = UniformNoise()
    inner = Beside([noise, Beside([noise, noise]), Dropout(noise, probability=0)])
    x = samples(Beside([inner, noise, inner, Gain(Noisy(noise)), Beside([inner, noise])]))
    flat = x.reshape(len(x), -1).T  # every channel of every stream
    assert np.abs(np.corrcoef(flat) - np.eye(len(flat))).max() < 0.25
    np.testing.assert_array_equal(x[..., :1], samples(noise))


def test_two_noises_on_one_signal_differ():
    twice = samples(Noisy(Noisy(Gain(Sine(), 0, 0), 1.0), 1.0), 20_000).std()
    assert abs(twice - np.sqrt(2)) < 0.03


def test_recorded_parts_are_held_out():
    recording = Recording({"u": np.arange(100.0)}, stretch="train")
    signal = Noisy(Gain(Recorded(recording, ["u"])))
    assert (signal.length, signal.max_streams) == (70, 1)
    assert signal.held_out() == Noisy(Gain(Recorded(recording.during("test"), ["u"])))
    assert Sum([Recorded(recording, ["u"]), Sine()]).held_out().length == 15


def test_a_double_precision_part_makes_a_double_precision_signal():
    recorded = Recorded(Recording({"u": [1 / 3]}, repeat=True), ["u"], dtype="float64")
    signal = Sum([recorded, Events(probability=0)])
    assert signal.dtype == "float64"
    assert (samples(signal, streams=1) == 1 / 3).all()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: Sum([Sine(), RandomHold(), Lorenz()]),
            r"parts must have equally many channels, but number 1 \(Sine\) has 1, "
            r"number 3 \(Lorenz\) has 3",
        ),
        (lambda: Switch([HenonMap(), Sine()]), "number 1 .HenonMap. has 2"),
        (lambda: Gain(2.0), "signal must be a signal, got 2.0"),
        (lambda: Product([]), r"parts must be one or more signals, got \(\)"),
        (lambda: Dropout(fill=float("nan")), "fill must be a finite number, got nan"),
    ],
)
def test_a_bad_argument_is_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_markov_levels_switch_as_often_as_their_transitions_say():
    rows = np.array([[0.9, 0.1, 0.0], [0.2, 0.5, 0.3], [0.0, 0.6, 0.4]])
    x = samples(MarkovLevels([-1, 0, 2], rows.tolist(), initial=1), 20_000, streams=4)[..., 0]
    level = np.searchsorted([-1, 0, 2], x)
    for a, row in enumerate(rows):
        after = level[1:][level[:-1] == a]
        counts = np.bincount(after, minlength=3)
        possible = row > 0
        assert (counts[~possible] == 0).all()
        expected = row[possible] * counts.sum()
        assert stats.chisquare(counts[possible], expected).pvalue > 1e-3
    first = np.searchsorted([-1, 0, 2], samples(MarkovLevels([-1, 0, 2], rows.tolist()), 1, 4_000))
    assert abs((first == 0).mean() - 0.9) < 0.03


@pytest.mark.parametrize("rate", [1e-6, 0.1, 3.0, 150.0, 10_000.0])
def test_counts_of_poisson_events_are_quantiles_of_their_distribution(rate):
    x = samples(PoissonEvents(rate=rate, channels=2), 1_000)
    u = uniforms(0, 2, 0, 1_000, draws=2)
    expected = stats.poisson(rate).ppf(u)
    assert (x == expected).mean() > 0.999  # but where a number lies within rounding of a step
    assert np.abs(x - expected).max() <= 1
    assert abs(x.mean() - rate) < 5 * np.sqrt(rate / x.size)


def test_transitions_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="must have a row for each of the 3 levels"):
        MarkovLevels([0, 1, 2])
    with pytest.raises(ValueError, match=r"2 probabilities that add up to 1, got \(0.5, 0.6\)"):
        MarkovLevels(transitions=[[0.5, 0.6], [0.5, 0.5]])
