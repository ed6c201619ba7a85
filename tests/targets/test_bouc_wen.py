"""The Bouc-Wen spring against solvers and closed forms."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from seqfit.targets import BoucWen, Memory


def solved(target, x):
    """Y by SciPy's solver of order 8, from each sample to the next; x has the shape (time,)."""
    n = target.exponent
    z, before, y = 0.0, 0.0, []
    for value in x:
        way = value - before

        def slope(_, z, way=way):
            held = target.beta * abs(way) * np.abs(z) ** (n - 1) * z
            return target.rise * way - held - target.gamma * way * np.abs(z) ** n

        if way:
            z = solve_ivp(slope, (0, 1), [z], "DOP853", rtol=1e-11, atol=1e-13, max_step=0.05)
            z = z.y[0, -1]
        y.append(target.stiffness * (target.ratio * value + (1 - target.ratio) * z))
        before = value
    return np.array(y)


@pytest.mark.parametrize(
    "target",
    [
        BoucWen(),
        BoucWen(exponent=1),
        BoucWen(exponent=1.5, beta=0.5, gamma=-0.4),
        BoucWen(rise=2, beta=0.3, gamma=1.2, exponent=3, ratio=0, stiffness=-3),
        BoucWen(beta=0, gamma=1, exponent=2),
        BoucWen(beta=0, gamma=1, exponent=1),
        BoucWen(beta=0.3, gamma=1.2, exponent=1),
        BoucWen(beta=0.3, gamma=1.2),
        BoucWen(beta=1.5, gamma=-0.5, exponent=1),
        BoucWen(beta=1.5, gamma=-0.5),
    ],
    ids=repr,
)
def test_it_is_the_solution_of_its_equation(outputs, target):
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-2, 2, 25), np.cumsum(rng.normal(size=25)) / 5, [0.0, 0.0]])
    actual = outputs(target, x.reshape(-1, 1, 1)).ravel()
    np.testing.assert_allclose(actual, solved(target, x), rtol=0, atol=5e-7)


def test_order_one_loads_exponentially(outputs):
    x = np.linspace(0.1, 3, 30).reshape(-1, 1, 1)
    z = outputs(BoucWen(rise=2, beta=0.7, gamma=0.8, exponent=1, ratio=0), x)
    np.testing.assert_allclose(z, 2 / 1.5 * (1 - np.exp(-1.5 * x)), rtol=0, atol=1e-8)


def test_order_two_loads_by_a_hyperbolic_tangent(outputs):
    x = np.linspace(0.1, 3, 30).reshape(-1, 1, 1)
    z = outputs(BoucWen(rise=2, beta=0.7, gamma=0.8, ratio=0), x)
    rate = np.sqrt(2 * 1.5)
    np.testing.assert_allclose(z, 2 / rate * np.tanh(rate * x), rtol=0, atol=5e-8)


@pytest.mark.parametrize("exponent", [1, 2])
@pytest.mark.parametrize(("beta", "gamma"), [(1, 1), (0, 1), (0.3, 1.2), (1.5, -0.5)])
def test_a_way_in_closed_form_is_that_of_many_short_ones(outputs, exponent, beta, gamma):
    rng = np.random.default_rng(3)
    x = np.concatenate([rng.uniform(-2, 2, 40), [1e6, -1e6, 0.0, 1e-9, -1e-9]])
    target = BoucWen(beta=beta, gamma=gamma, exponent=exponent)
    at_once = outputs(target, x.reshape(-1, 1, 1)).ravel()
    short = np.interp(np.arange(0, len(x), 1 / 64)[: 64 * (len(x) - 1) + 1], np.arange(len(x)), x)
    stepwise = outputs(target, short.reshape(-1, 1, 1)).ravel()[::64]
    # The first sample is reached from 0 in one way in both.
    np.testing.assert_allclose(stepwise, at_once, rtol=1e-12, atol=1e-9)


def test_time_plays_no_part(outputs):
    rng = np.random.default_rng(1)
    slow = np.interp(np.arange(0, 60, 0.1), np.arange(61), rng.uniform(-2, 2, 61))
    target = BoucWen()
    every = outputs(target, slow.reshape(-1, 1, 1))[::10]
    at_once = outputs(target, slow[::10].reshape(-1, 1, 1))
    np.testing.assert_allclose(every, at_once, rtol=0, atol=1e-8)


def test_its_error_falls_with_the_fourth_power_of_the_step(outputs):
    x = np.random.default_rng(2).uniform(-2, 2, size=(300, 1, 1))
    exact = outputs(BoucWen(exponent=3, step=1e-3), x)
    coarse, fine = (
        np.abs(outputs(BoucWen(exponent=3, step=step), x) - exact).max() for step in (0.05, 0.025)
    )
    assert coarse < 1e-4
    assert 12 < coarse / fine < 24


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BoucWen(beta=0.5, gamma=-0.5), "gamma must be above -beta=-0.5"),
        (lambda: BoucWen(exponent=0.9), "exponent must be a finite number of at least 1, got 0.9"),
        (lambda: BoucWen(step=0.5), "step must be at most 0.0884 for these rise, beta"),
        (lambda: BoucWen(ratio=-1), "ratio must be a number from 0 to 1, got -1"),
    ],
)
def test_a_bad_argument_is_named_with_its_range(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_bounds_and_memory_are_declared(outputs):
    yielding = BoucWen(ratio=0, stiffness=-2, beta=0.5, gamma=0.5)
    assert yielding.bounds == (-2.0, 2.0)
    far = outputs(yielding, np.array([50.0, -50.0, 50.0]).reshape(-1, 1, 1)).ravel()
    np.testing.assert_allclose(far, [-2, 2, -2], atol=1e-12)
    assert BoucWen().bounds == (-np.inf, np.inf)
    assert BoucWen().memory == Memory.INFINITE
    assert BoucWen().output_determines_state is False
