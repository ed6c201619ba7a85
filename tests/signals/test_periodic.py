"""Periodic signals against SciPy and closed forms."""

import numpy as np
import pytest
from scipy import signal as scipy_signal

from seqfit.signals import Chirp, Multisine, PulseTrain, Square


def samples(signal, length, streams=1, seed=0, skip=0):
    return signal.generate(signal.skip(signal.start(streams, seed), skip), length)[0][..., 0]


@pytest.mark.parametrize("duty", [0.5, 0.2])
def test_square_is_that_of_scipy(duty):
    turns = np.arange(1000) / 12.5 + 0.123
    expected = scipy_signal.square(2 * np.pi * turns, duty)
    np.testing.assert_array_equal(
        samples(Square(period=12.5, duty=duty, phase=0.123), 1000)[:, 0], expected
    )


def test_square_takes_its_levels():
    assert set(np.unique(samples(Square(low=2, high=3), 200))) == {2.0, 3.0}


@pytest.mark.parametrize(("method", "of_scipy"), [("linear", "linear"), ("logarithmic", "log")])
@pytest.mark.parametrize(("first", "last"), [(0.01, 0.2), (0.2, 0.01), (0.1, 0.1)])
def test_chirp_is_that_of_scipy_in_each_sweep(method, of_scipy, first, last):
    chirp = Chirp(first=first, last=last, sweep=500, method=method, amplitude=2, phase=0)
    x = samples(chirp, 1000)[:, 0]
    t = np.arange(500)
    expected = 2 * scipy_signal.chirp(t, first, 500, last, method=of_scipy, phi=-90)
    np.testing.assert_allclose(x, np.tile(expected, 2), atol=2e-6)
    far = samples(chirp, 500, skip=500 * 10**9)[:, 0]
    np.testing.assert_array_equal(far, x[:500])


def test_pulses_come_on_time():
    x = samples(PulseTrain(period=7, width=2, low=-1, high=3, phase=5), 100)[:, 0]
    assert [t for t in range(100) if x[t] == 3] == [t for t in range(100) if (t + 5) % 7 < 2]
    far = samples(PulseTrain(period=7, width=2, phase=0), 7, skip=7 * 10**15)[:, 0]
    np.testing.assert_array_equal(far, [1, 1, 0, 0, 0, 0, 0])
    assert len(np.unique(samples(PulseTrain(period=100), 100, streams=20).argmax(axis=0))) > 10


@pytest.mark.parametrize("period", [100, 101])
@pytest.mark.parametrize("phases", ["random", "schroeder"])
def test_multisine_has_its_lines_and_no_other(period, phases):
    signal = Multisine(period, first=5, last=20, deviation=2, offset=1, phases=phases)
    x = samples(signal, period, streams=3).astype(float)
    lines = np.abs(np.fft.rfft(x, axis=0)) / period
    expected = np.zeros(period // 2 + 1)
    expected[0], expected[5:21] = 1, 2 * np.sqrt(2 / 16) / 2
    np.testing.assert_allclose(lines, np.tile(expected[:, None], (1, 3)), atol=1e-6)
    np.testing.assert_allclose(x.std(axis=0), 2, rtol=1e-6)
    np.testing.assert_array_equal(samples(signal, 2 * period, 3)[period:], x)


def test_multisine_is_the_sum_that_schroeder_wrote_down():
    signal = Multisine(60, first=2, last=9, phases="schroeder")
    t, j = np.arange(60)[:, None], np.arange(1, 9)
    expected = np.cos(2 * np.pi * (j + 1) * t / 60 - np.pi * j * (j - 1) / 8).sum(axis=1) / 2
    np.testing.assert_allclose(samples(signal, 60)[:, 0], expected, atol=1e-6)


def test_schroeder_phases_keep_peaks_low_and_random_ones_differ_between_streams():
    low = np.abs(samples(Multisine(phases="schroeder"), 1000)).max()
    random = np.abs(samples(Multisine(), 1000, streams=100)).max(axis=0)
    assert low < 1.8 < random.min()
    assert len(np.unique(random)) == 100


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Multisine(last=500), "last must be an int from first=1 to 499, below half of"),
        (lambda: PulseTrain(width=20), "width must be a positive int below period=20, got 20"),
        (lambda: Square(duty=1), "duty must be a number above 0 and below 1, got 1"),
        (lambda: Chirp(method="log"), "method must be one of linear, logarithmic, got 'log'"),
    ],
)
def test_a_bad_argument_is_named_with_its_range(build, message):
    with pytest.raises(ValueError, match=message):
        build()
