"""Random numbers against NumPy's generator and SciPy's normal distribution."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from seqfit.normal import normal, normal_quantile
from seqfit.randomness import uniforms

seeds = st.integers(0, 2**63 - 1)


@settings(deadline=None)
@given(
    seed=seeds,
    position=st.integers(0, 100) | st.integers(0, 2**63) | st.integers(2**66 - 60, 2**66 + 60),
    length=st.integers(0, 30),
    streams=st.integers(1, 5),
    draws=st.integers(1, 5),
)
def test_uniforms_are_those_of_numpy_at_any_position(seed, position, length, streams, draws):
    u = uniforms(seed, streams, position, length, draws)
    assert u.shape == (length, streams, draws)
    block, skip = divmod(position * draws, 4)
    counter = np.array([block & (2**64 - 1), block >> 64, 0, 0], np.uint64)
    for stream in range(streams):
        philox = np.random.Philox(key=np.array([seed, stream], np.uint64), counter=counter)
        expected = np.random.Generator(philox).random(skip + length * draws)[skip:]
        np.testing.assert_array_equal(u[:, stream].ravel(), expected)


@settings(deadline=None)
@given(st.floats(2**-54, 1 - 2**-53))
def test_normal_quantiles_are_those_of_scipy(p):
    np.testing.assert_allclose(normal_quantile(p), special.ndtri(p), rtol=2e-14, atol=1e-15)


@settings(deadline=None)
@given(seed=seeds, position=st.integers(0, 2**62), stream=st.integers(0, 9))
def test_the_normal_number_of_a_position_is_the_quantile_of_its_uniform(seed, position, stream):
    u = uniforms(seed, stream + 1, position, 1)[0, stream, 0]
    z = normal(position, np.uint64(seed), np.uint64(stream))
    np.testing.assert_allclose(z, special.ndtri(u + 2.0**-54), rtol=2e-14, atol=1e-15)
