"""Pseudo-random binary sequences against SciPy and the theory of shift registers."""

import numpy as np
import pytest
from scipy import signal as scipy_signal
from scipy import stats

from seqfit.signals import APRBS, PRBS
from seqfit.signals.binary import TAPS


def samples(signal, length, streams=1, seed=0, skip=0):
    return signal.generate(signal.skip(signal.start(streams, seed), skip), length)[0][..., 0]


@pytest.mark.parametrize("order", TAPS)
def test_sequences_are_those_of_scipy_with_the_same_taps(order):
    length = min(2**order + 50, 5_000)
    bits = samples(PRBS(order, low=0, high=1, phase=12345), length)[:, 0].astype(int)
    taps = [order - tap for tap in TAPS[order] if tap != order]
    expected, _ = scipy_signal.max_len_seq(order, bits[:order], length, taps)
    np.testing.assert_array_equal(bits, expected)


def prime_factors(n):
    found, p = set(), 2
    while p * p <= n:
        while n % p == 0:
            found.add(p)
            n //= p
        p += 1
    return found | ({n} if n > 1 else set())


def product(a, b, polynomial, order):
    """The product of two polynomials over GF(2), bits as coefficients, modulo a third."""
    result = 0
    for bit in reversed(range(order)):
        result <<= 1
        if result >> order & 1:
            result ^= polynomial
        if b >> bit & 1:
            result ^= a
    return result


def power_of_x(exponent, polynomial, order):
    result, base = 1, 2
    while exponent:
        if exponent & 1:
            result = product(result, base, polynomial, order)
        base = product(base, base, polynomial, order)
        exponent >>= 1
    return result


@pytest.mark.parametrize("order", TAPS)
def test_taps_are_primitive_polynomials_so_that_the_period_is_the_longest(order):
    polynomial = 1 << order
    for tap in TAPS[order]:
        polynomial |= 1 << (order - tap)
    period = 2**order - 1
    assert power_of_x(period, polynomial, order) == 1
    for prime in prime_factors(period):
        assert period == prime or power_of_x(period // prime, polynomial, order) != 1


@pytest.mark.parametrize("order", [2, 3, 7, 9, 12])
def test_a_period_is_balanced_and_white(order):
    period = 2**order - 1
    x = samples(PRBS(order), period).ravel().astype(float)
    assert (x > 0).sum() == 2 ** (order - 1)
    correlation = np.fft.ifft(np.abs(np.fft.fft(x)) ** 2).real / period
    np.testing.assert_allclose(correlation[0], 1)
    np.testing.assert_allclose(correlation[1:], -1 / period, atol=1e-12)


@pytest.mark.parametrize(("order", "hold"), [(9, 1), (11, 3), (32, 1), (32, 7), (5, 64)])
def test_jumps_lead_where_steps_do(order, hold):
    signal = PRBS(order, hold=hold)
    x = samples(signal, 3_000, streams=2)
    for skip in (1, 17, 1_000, 2_500):
        np.testing.assert_array_equal(samples(signal, 500, 2, skip=skip), x[skip : skip + 500])
    period = (2**order - 1) * hold
    np.testing.assert_array_equal(samples(signal, 300, 2, skip=period * 10**6 + 5), x[5:305])


def test_bits_are_held():
    quick = samples(PRBS(9, phase=3), 100)
    np.testing.assert_array_equal(samples(PRBS(9, hold=4, phase=3), 400), quick.repeat(4, axis=0))


def test_streams_have_phases_of_their_own():
    x = samples(PRBS(20), 200, streams=50)
    assert len(np.unique(x.T, axis=0)) == 50


@pytest.mark.parametrize("hold", [1, 5])
def test_aprbs_changes_when_prbs_does_and_takes_uniform_amplitudes(hold):
    binary = samples(PRBS(11, hold=hold, phase=9), 20_000)[:, 0]
    x = samples(APRBS(11, hold=hold, low=2, high=5, phase=9), 20_000)[:, 0]
    changes = np.diff(binary) != 0
    np.testing.assert_array_equal(np.diff(x) != 0, changes)
    amplitudes = x[np.flatnonzero(np.append(True, changes))]
    assert stats.kstest(amplitudes, stats.uniform(2, 3).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(amplitudes[1:], amplitudes[:-1])[0, 1]) < 5 / np.sqrt(len(amplitudes))


def test_an_order_without_taps_is_refused():
    with pytest.raises(ValueError, match="order must be an int from 2 to 32, got 40"):
        PRBS(40)
