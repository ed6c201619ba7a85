"""Static nonlinearities, block-oriented systems and NARX against their formulas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from seqfit.targets import (
    FIR,
    IIR,
    NARX,
    Butterworth,
    Delay,
    Hammerstein,
    LeakyIntegral,
    Memory,
    Noisy,
    PiecewiseLinear,
    Polynomial,
    SaturatedIntegral,
    Saturation,
    Sigmoid,
    Term,
    Wiener,
    WienerHammerstein,
)
from seqfit.testing import samples

numbers = st.floats(-3, 3)
inputs = samples(2, dtype="float64")
few = settings(max_examples=60, derandomize=True, database=None, deadline=None)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(500, 3, 2))


@few
@given(x=inputs, coefficients=st.lists(numbers, min_size=1, max_size=6))
def test_polynomial_is_the_sum_of_powers(outputs, x, coefficients):
    expected = sum(c * x**k for k, c in enumerate(coefficients))
    np.testing.assert_allclose(outputs(Polynomial(coefficients), x), expected, rtol=0, atol=1e-10)


def test_saturations_saturate(outputs):
    x = np.array([-2.0, -0.5, 0.0, 0.25, 3.0]).reshape(-1, 1, 1)
    np.testing.assert_array_equal(
        outputs(Saturation(-1, 0.25), x).ravel(), [-1, -0.5, 0, 0.25, 0.25]
    )
    smooth = outputs(Sigmoid(gain=3, limit=2), x)
    np.testing.assert_allclose(smooth, 2 * (1 - 2 / (np.exp(3 * x) + 1)), atol=1e-14)


@few
@given(x=inputs)
def test_a_table_is_linear_between_its_points_and_constant_beyond(outputs, x):
    points, values = [-2.0, -1.0, 0.5, 3.0], [1.0, -1.0, 2.0, 0.0]
    inside = (x >= -2) & (x < 3)
    piece = np.clip(np.searchsorted(points, x, side="right") - 1, 0, 2)
    left, right = np.take(points, piece), np.take(points, piece + 1)
    share = (x - left) / (right - left)
    between = (1 - share) * np.take(values, piece) + share * np.take(values, piece + 1)
    expected = np.where(inside, between, np.where(x < 0, 1.0, 0.0))
    np.testing.assert_allclose(outputs(PiecewiseLinear(points, values), x), expected, atol=1e-12)


def test_blocks_are_filters_and_nonlinearities_in_their_order(outputs, x):
    first, second = signal.butter(2, 0.1, fs=1.0), ([0.2], [1, -0.8])
    front, back = Butterworth(2, "low", 0.1), LeakyIntegral(leak=0.2, gain=0.2)

    def cube(values):
        return values - 0.3 * values**3

    cubic = Polynomial([0, 1, 0, -0.3])
    for target, expected in (
        (Wiener(front, cubic), cube(signal.lfilter(*first, x, axis=0))),
        (Hammerstein(cubic, back), signal.lfilter(*second, cube(x), axis=0)),
        (
            WienerHammerstein(front, cubic, back),
            signal.lfilter(*second, cube(signal.lfilter(*first, x, axis=0)), axis=0),
        ),
    ):
        np.testing.assert_allclose(outputs(target, x), expected, rtol=0, atol=1e-10)
        np.testing.assert_array_equal(outputs(target, x), outputs(target.chain, x))


def test_blocks_are_held_out_without_noise():
    noisy = Noisy(IIR())
    assert Wiener(noisy).held_out() == Wiener()
    assert Hammerstein(linear=noisy).held_out() == Hammerstein()
    assert WienerHammerstein(noisy, back=noisy).held_out() == WienerHammerstein()


@few
@given(
    x=samples(1, max_length=40, dtype="float64"),
    seed=st.integers(0, 2**32 - 1),
    number=st.integers(1, 5),
    limit=st.floats(0.5, 20),
)
def test_narx_is_the_sum_of_its_terms(outputs, x, seed, number, limit):
    rng = np.random.default_rng(seed)
    drawn = [
        (
            rng.normal(),
            rng.integers(0, 3, rng.integers(0, 4)),
            rng.integers(0, 3, rng.integers(0, 4)),
        )
        for _ in range(number)
    ]
    actual = outputs(NARX([Term(c, p.tolist(), q.tolist()) for c, p, q in drawn], limit), x)[..., 0]
    u, y = np.zeros((len(x) + 4, x.shape[1])), np.zeros((len(x) + 4, x.shape[1]))
    u[4:], y[4:] = x[..., 0], actual
    for t in range(4, len(u)):
        # From the outputs before it that the target itself gave: chaos would enlarge rounding.
        total = np.zeros(x.shape[1])
        for c, p, q in drawn:
            past = np.prod([y[t - j] ** e for j, e in enumerate(p, 1)], axis=0)
            total += c * past * np.prod([u[t - j] ** e for j, e in enumerate(q)], axis=0)
        np.testing.assert_allclose(y[t], np.clip(total, -limit, limit), rtol=1e-9, atol=1e-9)


def test_the_default_narx_is_the_published_example(outputs, x):
    x, expected = x[:, 0, 0], np.zeros(500)
    for k in range(500):
        y1, x1 = (expected[k - 1], x[k - 1]) if k >= 1 else (0.0, 0.0)
        expected[k] = 0.2 * y1 + 0.1 * y1 * x1 + 0.9 * (x[k - 2] if k >= 2 else 0.0)
    actual = outputs(NARX(), x.reshape(-1, 1, 1)).ravel()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12)


def test_a_linear_narx_is_a_filter(outputs, x):
    terms = [
        Term(0.3, inputs=(1,)),
        Term(-0.1, inputs=(0, 0, 1)),
        Term(0.5, (1,)),
        Term(-0.2, (0, 1)),
    ]
    expected = signal.lfilter([0.3, 0, -0.1], [1, -0.5, 0.2], x, axis=0)
    np.testing.assert_allclose(outputs(NARX(terms), x), expected, rtol=0, atol=1e-12)


def test_a_narx_that_runs_away_stays_at_its_limit(outputs):
    target = NARX([Term(2.0, (2,)), Term(1.0, (), (1,))], limit=100)
    y = outputs(target, np.ones((50, 1, 1))).ravel()
    assert y[-1] == 100
    assert target.bounds == (-100, 100)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Polynomial([]), "coefficients must be a list of one or more finite numbers"),
        (lambda: Saturation(1, 0), "high must be above low=1, got 0"),
        (lambda: Sigmoid(limit=0), "limit must be a positive, finite number, got 0"),
        (lambda: PiecewiseLinear([1, 1], [0, 0]), "points must be two or more rising numbers"),
        (
            lambda: PiecewiseLinear([0, 1], [0]),
            "values must have one number for each of the 2 points, got 1",
        ),
        (
            lambda: Wiener(nonlinearity=FIR()),
            "must be a target without memory, got FIR",
        ),
        (lambda: Hammerstein(linear=3), "linear must be a target, got 3"),
        (lambda: NARX([]), "terms must be a list of one or more Terms"),
        (lambda: NARX(limit=-1), "limit must be a positive, finite number, got -1"),
        (lambda: Term(1, (21,)), "outputs must be a list of exponents, ints from 0 to 20"),
        (lambda: Term(1, (), (0.5,)), r"inputs must be a list of exponents.* got \(0.5,\)"),
        (lambda: Term(np.nan), "coefficient must be a finite number, got nan"),
    ],
)
def test_a_bad_argument_is_named_with_its_range(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize(
    ("target", "memory", "determines"),
    [
        (Polynomial(), Memory.finite(0), True),
        (Sigmoid(), Memory.finite(0), True),
        (Wiener(), Memory.FADING, None),
        (Wiener(FIR(), Saturation()), Memory.finite(2), None),
        (Hammerstein(), Memory.FADING, False),
        (Hammerstein(linear=SaturatedIntegral()), Memory.INFINITE, True),
        (WienerHammerstein(Delay(3), Sigmoid(), FIR()), Memory.finite(5), None),
        (NARX(), Memory.INFINITE, False),
        (NARX([Term(0.5, (1,)), Term(1, (), (1,))]), Memory.INFINITE, True),
        (NARX([Term(1.0, (), (0, 2, 1))]), Memory.finite(2), False),
        (NARX([Term(1.0, (0, 0), (1, 0, 0))]), Memory.finite(0), True),
    ],
    ids=repr,
)
def test_memory_and_whether_an_output_tells_the_state_are_declared(target, memory, determines):
    assert target.memory == memory
    assert target.output_determines_state is determines
