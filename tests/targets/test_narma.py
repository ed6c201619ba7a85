"""NARMA against the published recursion, in plain Python."""

import numpy as np
import pytest
from hypothesis import strategies as st

from seqfit.targets import NARMA, Delay, Memory
from seqfit.testing import check_target

small = st.floats(-0.5, 0.5)


def published(u, order, alpha, beta, gamma, delta, low=-np.inf, high=np.inf):
    """y(1), y(2), .. of inputs u(0), u(1), .., as the papers index them; 0 before t = 0."""

    def at(series, t):
        return series[t] if t >= 0 else 0.0

    y = [0.0]
    for t in range(len(u)):
        total = sum(at(y, t - i) for i in range(order))
        value = alpha * y[t] + beta * y[t] * total + gamma * at(u, t - (order - 1)) * u[t] + delta
        y.append(min(max(value, low), high))
    return y


@pytest.mark.parametrize(
    ("target", "coefficients"),
    [
        (NARMA(), (10, 0.3, 0.05, 1.5, 0.1)),
        (NARMA(30, 0.2, 0.004, 1.5, 0.001), (30, 0.2, 0.004, 1.5, 0.001)),
        (NARMA(1, 0.3, 0.05, 1.5, 0.1), (1, 0.3, 0.05, 1.5, 0.1)),
        (NARMA(2, 0.2, 0.1, 0.6, 0.05), (2, 0.2, 0.1, 0.6, 0.05)),
    ],
    ids=repr,
)
def test_it_is_the_published_recursion_while_that_stays_within_bounds(
    outputs, target, coefficients
):
    x = np.random.default_rng(0).uniform(0, 0.5, (400, 2, 3))
    y = outputs(target, x)
    for line in np.ndindex(2, 3):
        expected = published(x[(slice(None), *line)].tolist(), *coefficients)
        assert max(expected) < target.high
        np.testing.assert_allclose(y[(slice(None), *line)], expected[1:], rtol=1e-12)


def test_where_the_published_recursion_diverges_it_is_bounded_inside(outputs):
    x = np.full((200, 1, 1), 0.5)
    diverging = published(x.ravel().tolist()[:60], 10, 0.3, 0.05, 1.5, 0.1)
    assert diverging[-1] > 1e6
    expected = published(x.ravel().tolist(), 10, 0.3, 0.05, 1.5, 0.1, 0.0, 1.0)
    np.testing.assert_allclose(outputs(NARMA(), x).ravel(), expected[1:], rtol=1e-12)
    assert expected[-1] == 1.0


def test_the_other_published_pairing_is_one_sample_later(outputs):
    x = np.random.default_rng(1).uniform(0, 0.5, (100, 1, 1))
    expected = published(x.ravel().tolist(), 10, 0.3, 0.05, 1.5, 0.1)[:-1]
    np.testing.assert_allclose(outputs(NARMA() >> Delay(1), x).ravel(), expected, rtol=1e-12)


def test_it_obeys_the_laws_whatever_its_parameters():
    targets = st.builds(
        NARMA,
        order=st.integers(1, 12),
        alpha=small,
        beta=small,
        gamma=st.floats(-2, 2),
        delta=small,
        low=st.floats(-2, 0),
        high=st.floats(0.125, 2),
    )
    bad_arguments = [{"order": 0}, {"alpha": np.inf}, {"low": 0.1}, {"high": 0.0}, {"delta": "0"}]
    check_target(targets, bad_arguments=bad_arguments)
    check_target(NARMA(3), inputs=3, examples=10)


def test_it_says_what_it_remembers():
    assert NARMA().memory == Memory.INFINITE
    assert not NARMA().output_determines_state
    assert NARMA(1).output_determines_state


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: NARMA(order=1.5), "order must be a positive int, got 1.5"),
        (lambda: NARMA(low=0.1), "low must be at most 0, where y begins, got 0.1"),
        (lambda: NARMA(high=0), "high must be above low=0.0, got 0"),
        (lambda: NARMA(low=-2, high=-1), "high must be at least 0, where y begins, got -1"),
    ],
)
def test_a_bad_argument_is_named_with_its_value(build, message):
    with pytest.raises(ValueError, match=message):
        build()
