"""Noise on what is observed of a target."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest, norm

from seqfit import Fitter
from seqfit.models import OutputFeedback
from seqfit.schedules import Accumulate
from seqfit.signals import GaussianNoise, RandomHold
from seqfit.targets import Delay, Noisy, SaturatedIntegral
from seqfit.testing import samples

LONG = np.zeros((20_000, 2, 2))


def noise_of(outputs, **fields):
    return outputs(Noisy(Delay(0), **fields), LONG)


def test_noise_is_normal_with_its_deviation(outputs):
    noise = noise_of(outputs, deviation=0.3)
    assert kstest(noise.ravel(), norm(scale=0.3).cdf).pvalue > 1e-3


def test_noise_is_independent_between_samples_streams_and_channels(outputs):
    noise = noise_of(outputs, deviation=1)
    lines = noise.reshape(len(noise), 4)
    correlations = np.corrcoef(np.concatenate([lines[1:], lines[:-1]], axis=1).T) - np.eye(8)
    assert np.abs(correlations).max() < 4.5 / np.sqrt(len(noise))


def test_outliers_are_a_share_with_a_deviation_of_their_own(outputs):
    noise = noise_of(outputs, deviation=0.01, outliers=0.05, outlier_deviation=2)

    def contaminated(value):
        return 0.95 * norm(scale=0.01).cdf(value) + 0.05 * norm(scale=2).cdf(value)

    assert kstest(noise.ravel(), contaminated).pvalue > 1e-3


def test_noise_differs_with_the_seed_and_from_a_signal_of_the_same_seed(outputs):
    noise = noise_of(outputs, deviation=1)[:, :, 0]
    signal = GaussianNoise(channels=1)
    x, _ = signal.generate(signal.start(2, seed=0), len(LONG))
    others = noise_of(outputs, deviation=1, seed=1)[:, :, 0], x[:, :, 0]
    for other in others:
        assert abs(np.corrcoef(noise[:, 0], other[:, 0])[0, 1]) < 4.5 / np.sqrt(len(LONG))


@settings(max_examples=40, derandomize=True, database=None, deadline=None)
@given(x=samples(2, dtype="float64"), seed=st.integers(0, 2**63 - 1))
def test_noise_adds_to_the_outputs_whatever_they_are(outputs, x, seed):
    target = SaturatedIntegral()
    noise = outputs(Noisy(target, seed=seed), x) - outputs(target, x)
    alone = outputs(Noisy(Delay(0), seed=seed), np.zeros_like(x))
    np.testing.assert_allclose(noise, alone, rtol=0, atol=1e-15)


def test_a_fit_to_noisy_outputs_is_scored_without_the_noise():
    parts = [OutputFeedback(), Accumulate()]
    noisy = Fitter(RandomHold(), Noisy(SaturatedIntegral(), 0.5), *parts)
    clean = Fitter(RandomHold(), SaturatedIntegral(), *parts)
    for with_noise, without in zip(
        noisy.held_out_samples(500), clean.held_out_samples(500), strict=True
    ):
        np.testing.assert_array_equal(with_noise, without)


def test_what_is_not_a_target_is_refused():
    with pytest.raises(ValueError, match="target must be a target, got 3"):
        Noisy(3)
