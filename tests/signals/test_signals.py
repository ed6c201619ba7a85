"""Built-in signals against what their definitions say."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from seqfit.randomness import uniforms
from seqfit.recordings import Recording
from seqfit.signals import (
    Beside,
    Events,
    GaussianNoise,
    RandomHold,
    Recorded,
    Sine,
    UniformNoise,
)


def samples(signal, length, streams=1, seed=0):
    x, _ = signal.generate(signal.start(streams, seed), length)
    return x


def test_random_hold_starts_at_its_initial_value_and_jumps_as_often_as_it_says():
    x = samples(RandomHold(jump_probability=0.1), 20_000, streams=8)[..., 0]
    jumps = np.diff(x, axis=0, prepend=0.0) != 0
    first = jumps.argmax(axis=0)
    assert all((x[: first[i], i] == 0).all() for i in range(8))
    low, high = stats.binomtest(int(jumps.sum()), jumps.size).proportion_ci(0.9999)
    assert low <= 0.1 <= high
    assert stats.kstest(x[jumps], "uniform").pvalue > 1e-3


def test_random_hold_never_jumps_or_always():
    assert (samples(RandomHold(jump_probability=0, initial=0.25), 50) == 0.25).all()
    assert len(np.unique(samples(RandomHold(jump_probability=1), 50))) == 50


@pytest.mark.parametrize(
    ("signal", "distribution"),
    [
        (UniformNoise(low=-1, high=3), stats.uniform(-1, 4)),
        (GaussianNoise(mean=2, deviation=0.5), stats.norm(2, 0.5)),
    ],
)
def test_noise_has_its_distribution_and_no_memory(signal, distribution):
    x = samples(signal, 20_000).ravel()
    assert stats.kstest(x, distribution.cdf).pvalue > 1e-3
    assert abs(np.corrcoef(x[1:], x[:-1])[0, 1]) < 0.03


def test_streams_and_seeds_and_channels_differ():
    x = samples(UniformNoise(channels=2), 100, streams=2)
    other = samples(UniformNoise(channels=2), 100, streams=2, seed=1)
    series = [*x.reshape(100, 4).T, *other.reshape(100, 4).T]
    assert len({tuple(s) for s in series}) == 8


def test_sine_is_the_formula_far_from_the_start_too():
    sine = Sine(period=12.5, amplitude=2, offset=1, phase=0.1)
    far = 10**9
    x, _ = sine.generate(sine.start(1, 0) | {"position": far}, 100)
    turns = (np.arange(far, far + 100) % 25 / 12.5 + 0.1) % 1
    np.testing.assert_allclose(x[:, 0, 0], 1 + 2 * np.sin(2 * np.pi * turns), atol=1e-6)


def test_random_numbers_are_those_of_philox_in_counter_order():
    expected = np.random.Generator(np.random.Philox(key=[5, 3])).random(40)
    np.testing.assert_array_equal(uniforms(5, 4, 7, 10, draws=2)[:, 3].ravel(), expected[14:34])


def test_a_position_far_ahead_costs_nothing():
    signal = UniformNoise()
    x, _ = signal.generate(signal.start(1, 0) | {"position": 10**15}, 3)
    assert np.isfinite(x).all()


def test_signals_and_targets_need_no_torch():
    code = "import sys, seqfit.signals, seqfit.targets; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: RandomHold(jump_probability=1.5), "jump_probability must be a probability"),
        (lambda: RandomHold(low=1, high=1), "high must be above low=1, got 1"),
        (lambda: RandomHold(initial=float("nan")), "initial must be a finite number, got nan"),
        (lambda: UniformNoise(channels=0), "channels must be a positive int, got 0"),
        (lambda: UniformNoise(channels=True), "channels must be a positive int, got True"),
        (lambda: GaussianNoise(deviation=-1), "deviation must be a non-negative"),
        (lambda: Sine(period=0), "period must be a positive"),
        (lambda: Sine(phase="x"), "phase must be a finite number"),
        (lambda: Recorded({"u": [1.0]}, []), "columns must be one or more"),
    ],
)
def test_a_bad_argument_is_named_with_its_value(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_events_come_as_often_as_they_should():
    signal = Events(probability=0.2, channels=3)
    x, _ = signal.generate(signal.start(4, seed=0), 20_000)
    assert set(np.unique(x)) == {0.0, 1.0}
    # A binomial share of 20,000 has a deviation of 0.0028.
    assert np.abs(x.mean(axis=0) - 0.2).max() < 5 * 0.0028
    channels = x.reshape(len(x), -1)
    assert np.abs(np.corrcoef(channels.T) - np.eye(12)).max() < 5 / np.sqrt(20_000)


def test_equal_signals_side_by_side_differ():
    signal = Beside([RandomHold(), RandomHold(), Events()])
    assert signal.channels == 3
    x, _ = signal.generate(signal.start(1, seed=0), 5_000)
    alone, _ = RandomHold().generate(RandomHold().start(1, seed=0), 5_000)
    np.testing.assert_array_equal(x[..., :1], alone)
    assert abs(np.corrcoef(x[:, 0, :2].T)[0, 1]) < 0.2


def test_signals_side_by_side_end_with_the_shortest_and_are_held_out_together():
    recording = Recording({"u": np.arange(100.0)}, stretch="train")
    signal = Beside([UniformNoise(), Recorded(recording, ["u"])])
    assert (signal.length, signal.max_streams, signal.dtype) == (70, 1, "float32")
    assert signal.held_out().length == 15
