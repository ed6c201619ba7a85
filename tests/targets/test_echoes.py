"""Echo sums against their formula."""

import numpy as np
import pytest
from hypothesis import strategies as st

from seqfit.targets import EchoSum, Memory
from seqfit.testing import check_target

numbers = st.floats(-4, 4)
pairs = st.lists(st.tuples(st.integers(0, 40), numbers), min_size=1, max_size=5)
echo_sums = st.builds(
    lambda offset, pairs: EchoSum(offset, *zip(*pairs, strict=True)), numbers, pairs
)


def test_the_default_is_the_toy_problem(outputs):
    x = np.random.default_rng(0).integers(0, 2, (100, 2, 2)).astype(float)
    expected = np.empty_like(x)
    for t, *line in np.ndindex(x.shape):

        def at(s, line=tuple(line)):
            return x[(s, *line)] if s >= 0 else 0.0

        expected[(t, *line)] = 0.5 + 0.5 * at(t - 3) - 0.25 * at(t - 8)
    np.testing.assert_array_equal(outputs(EchoSum(), x), expected)


def test_other_echoes_are_the_formula_too(outputs):
    x = np.random.default_rng(0).normal(size=(50, 1, 1))
    u = [0.0] * 20 + x.ravel().tolist()
    expected = [-1.0 + 2.0 * u[20 + t - 20] + 0.3 * u[20 + t] - 0.7 * u[20 + t] for t in range(50)]
    y = outputs(EchoSum(-1.0, delays=[20, 0, 0], weights=[2.0, 0.3, -0.7]), x)
    np.testing.assert_allclose(y.ravel(), expected, rtol=1e-13, atol=1e-13)


def test_they_obey_the_laws_whatever_their_parameters():
    bad = [
        {"delays": []},
        {"delays": [1, -1]},
        {"weights": [1.0]},
        {"weights": "ab"},
        {"delays": 3},
    ]
    check_target(echo_sums, bad_arguments=bad)
    check_target(EchoSum(), inputs=3, examples=10)


def test_they_say_what_they_remember():
    assert EchoSum().memory == Memory.finite(8)
    assert not EchoSum().output_determines_state
    assert EchoSum(delays=[0], weights=[1]).output_determines_state


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: EchoSum(delays=[1.5, 2]), r"delays must be one or more non-negative ints, got"),
        (
            lambda: EchoSum(weights=[1.0]),
            r"as many as delays=\[3, 8\], got \[1.0\]",
        ),
        (lambda: EchoSum(weights=[1.0, np.nan]), "weights must be a list of finite numbers, got"),
    ],
)
def test_a_bad_argument_is_named_with_its_value(build, message):
    with pytest.raises(ValueError, match=message):
        build()
