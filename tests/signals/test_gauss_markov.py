"""Wandering Gaussian processes against their definitions."""

import functools
import math

import numpy as np
import pytest
from scipy import special, stats

from seqfit.randomness import uniforms
from seqfit.signals import OrnsteinUhlenbeck, RandomWalk


def samples(signal, length, streams=1, seed=0):
    return signal.generate(signal.start(streams, seed), length)[0][..., 0].astype(np.float64)


def test_ornstein_uhlenbeck_is_its_exact_discretisation():
    time, mean, deviation = 7.0, 2.0, 0.5
    x = samples(OrnsteinUhlenbeck(time=time, mean=mean, deviation=deviation), 50_000, streams=4)
    a = math.exp(-1 / time)
    z = (x[1:] - mean - a * (x[:-1] - mean)) / (deviation * math.sqrt(1 - a * a))
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-3
    for lag in (1, 2, 3, 4, 7, 8, 64, 1024):
        for stream in z.T:
            assert abs(np.corrcoef(stream[lag:], stream[:-lag])[0, 1]) < 5 / math.sqrt(50_000)
    # What is new is independent of what was before.
    assert abs(np.corrcoef(z.ravel(), x[:-1].ravel())[0, 1]) < 5 / math.sqrt(200_000)


def test_ornstein_uhlenbeck_has_its_stationary_moments_from_the_first_sample_on():
    x = samples(OrnsteinUhlenbeck(time=50, mean=1, deviation=2), 200, streams=5_000)
    for t in (0, 1, 2, 100, 199):
        assert stats.kstest(x[t], stats.norm(1, 2).cdf).pvalue > 1e-3
    for lag in (1, 30, 99):
        correlation = np.corrcoef(x[100], x[100 + lag])[0, 1]
        assert abs(correlation - math.exp(-lag / 50)) < 5 / math.sqrt(5_000)


def test_ornstein_uhlenbeck_may_start_where_it_is_told_to():
    x = samples(OrnsteinUhlenbeck(time=10, mean=1, deviation=2, initial=9), 30, streams=5_000)
    assert (x[0] == 9).all()
    gone = 1 - math.exp(-2 * 29 / 10)
    expected = stats.norm(1 + 8 * math.exp(-29 / 10), 2 * math.sqrt(gone))
    assert stats.kstest(x[29], expected.cdf).pvalue > 1e-3


@pytest.mark.parametrize("time", [0.3, 20.0, 1e4])
def test_ornstein_uhlenbeck_is_made_of_bridges(time):
    """The construction, written down as it is read: each value from its neighbours of more rank."""
    z = special.ndtri(uniforms(7, 1, 0, 200)[:, 0, 0] + 2.0**-54)

    @functools.cache
    def value(t):
        if t == 0:
            return z[0]
        rank = t & -t
        if rank == t:
            h = max(1, t // 2)
            a = math.exp(-h / time)
            return a * value(t - h) + math.sqrt(1 - a * a) * z[t]
        a = math.exp(-rank / time)
        middle = a / (1 + a * a) * (value(t - rank) + value(t + rank))
        return middle + math.sqrt((1 - a * a) / (1 + a * a)) * z[t]

    z = np.append(z, special.ndtri(uniforms(7, 1, 200, 100)[:, 0, 0] + 2.0**-54))
    x = samples(OrnsteinUhlenbeck(time=time), 200, seed=7)[:, 0]
    np.testing.assert_allclose(x, [value(t) for t in range(200)], rtol=1e-6, atol=1e-6)


def test_random_walk_takes_independent_normal_steps_between_its_walls():
    x = samples(RandomWalk(step=0.01, low=-50, high=50, initial=0), 20_000, streams=4)
    assert (x[0] == 0).all()
    steps = np.diff(x, axis=0) / 0.01
    assert np.abs(x).max() < 50
    assert stats.kstest(steps.ravel(), "norm").pvalue > 1e-3
    for lag in (1, 2, 4, 8, 1024):
        for stream in steps.T:
            assert abs(np.corrcoef(stream[lag:], stream[:-lag])[0, 1]) < 5 / math.sqrt(20_000)


def test_random_walk_is_reflected_as_a_walk_that_is_reflected_at_each_step():
    walk = RandomWalk(step=0.3, low=-1, high=2, initial=1.5)
    x = samples(walk, 12, streams=4_000)
    rng = np.random.default_rng(0)
    other, path = np.full(4_000, 1.5), []
    for _ in range(12):
        path.append(other)
        other = other + 0.3 * rng.standard_normal(4_000)
        other = np.where(other > 2, 4 - other, other)
        other = np.where(other < -1, -2 - other, other)
    for t in (1, 4, 11):
        assert stats.ks_2samp(x[t], path[t]).pvalue > 1e-3
    # And the pairs of samples: a step from near a wall.
    near = [(s[10] > 1.8, s[11]) for s in (x, np.array(path))]
    assert stats.ks_2samp(*(after[mask] for mask, after in near)).pvalue > 1e-3


def test_random_walk_forgets_where_it_began_and_is_uniform_in_the_end():
    signal = RandomWalk(step=0.2)
    state = signal.skip(signal.start(4_000, seed=1), 10**9)
    assert stats.kstest(signal.generate(state, 1)[0].ravel(), "uniform").pvalue > 1e-3


def test_a_wall_is_named():
    with pytest.raises(ValueError, match="initial must lie between low=0.0 and high=1.0, got 2"):
        RandomWalk(initial=2)
