"""Driven oscillators and tanks against SciPy's solvers and closed forms."""

import attrs
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.signal import cont2discrete, dlsim

from seqfit.targets import BoucWenOscillator, CascadedTanks, Duffing, Memory


def held(slope, start, x, sampling_time, **options):
    """States at the samples of an equation whose input is held; x has the shape (time,)."""
    states = [np.array(start, dtype=float)]
    for value in x[:-1]:
        solution = solve_ivp(
            slope, (0, sampling_time), states[-1], args=(value,), rtol=1e-10, atol=1e-12, **options
        )
        states.append(solution.y[:, -1])
    return np.array(states)


@pytest.mark.parametrize(
    "target",
    [
        Duffing(substeps=40),
        Duffing(mass=2, damping=0.3, stiffness=1.5, cubic=2, sampling_time=0.5, substeps=40),
        Duffing(damping=0.3, stiffness=-1, cubic=1, sampling_time=0.3, substeps=40),
    ],
    ids=repr,
)
def test_duffing_is_the_solution_of_its_equation(outputs, target):
    x = np.random.default_rng(0).uniform(-1, 1, size=60)

    def slope(_, state, force):
        p, v = state
        spring = target.stiffness * p + target.cubic * p**3
        return v, (force - target.damping * v - spring) / target.mass

    expected = held(slope, (0, 0), x, target.sampling_time, method="DOP853")[:, 0]
    actual = outputs(target, x.reshape(-1, 1, 1)).ravel()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-6)


def test_without_its_cubic_part_duffing_is_a_linear_oscillator(outputs):
    target = Duffing(mass=2, damping=0.4, stiffness=1.5, cubic=0, sampling_time=0.7, substeps=10)
    a, b = np.array([[0, 1], [-1.5 / 2, -0.4 / 2]]), np.array([[0], [1 / 2]])
    system = cont2discrete((a, b, np.eye(1, 2), np.zeros((1, 1))), 0.7, method="zoh")
    x = np.random.default_rng(1).normal(size=(200, 1))
    _, expected, _ = dlsim(system, x)
    np.testing.assert_allclose(outputs(target, x[:, None])[:, 0], expected, rtol=0, atol=1e-6)


def test_the_error_of_duffing_falls_with_the_fourth_power_of_the_step(outputs):
    x = np.random.default_rng(2).uniform(-1, 1, size=(100, 1, 1))
    exact = outputs(Duffing(substeps=200), x)
    coarse, fine = (np.abs(outputs(Duffing(substeps=n), x) - exact).max() for n in (2, 4))
    assert coarse < 1e-4
    assert 12 < coarse / fine < 22


def test_a_spring_too_stiff_for_the_step_is_refused():
    target = Duffing()
    x = np.full((500, 1, 1), 3e3)
    with pytest.raises(ValueError, match="gets too stiff for substeps=2 .* take more substeps"):
        target.transform(x, target.start(1))
    calm = Duffing(substeps=100)
    y, _ = calm.transform(x, calm.start(1))
    assert np.isfinite(y).all()


@pytest.mark.parametrize(
    ("target", "scale", "tolerance"),
    [
        (BoucWenOscillator(substeps=20), 100, 1e-4),
        (BoucWenOscillator(damping=0, beta=1e3, gamma=500, exponent=1.5, substeps=20), 30, 1e-4),
        (BoucWenOscillator(1, 0.2, 1, 2, 0.8, 0.4, 2, sampling_time=0.5, substeps=20), 3, 1e-4),
    ],
    ids=["benchmark", "no damping", "of order one"],
)
def test_bouc_wen_oscillator_is_the_solution_of_its_equations(outputs, target, scale, tolerance):
    x = scale * np.random.default_rng(0).uniform(-1, 1, size=30).repeat(3)

    def slope(_, state, force):
        p, v, z = state
        acceleration = (force - target.damping * v - target.stiffness * p - z) / target.mass
        taken = target.beta * abs(v) * abs(z) ** (target.exponent - 1) * z
        return (
            v,
            acceleration,
            target.rise * v - taken - target.gamma * v * abs(z) ** target.exponent,
        )

    step = target.sampling_time / 50
    states = held(slope, (0, 0, 0), x, target.sampling_time, method="DOP853", max_step=step)
    actual = outputs(target, x.reshape(-1, 1, 1)).ravel()
    reach = np.abs(states[:, 0]).max()
    np.testing.assert_allclose(actual / reach, states[:, 0] / reach, rtol=0, atol=tolerance)
    coarse = outputs(attrs.evolve(target, substeps=5), x.reshape(-1, 1, 1)).ravel()
    errors = [np.abs(y - states[:, 0]).max() for y in (coarse, actual)]
    assert errors[0] > 5 * errors[1]  # order 1 would give 4; kinks fall anywhere in a step
    # The hysteresis tells: without it the motion is another.
    linear = outputs(attrs.evolve(target, beta=0, gamma=0), x.reshape(-1, 1, 1)).ravel()
    assert np.abs(linear - actual).max() > 0.05 * reach


def tanks(target):
    """The rates of the levels of `CascadedTanks`."""

    def rates(_, levels, voltage):
        a, b = np.clip(levels, 0, (target.upper_height, target.lower_height))
        inflow = target.pump * max(voltage, 0)
        rise, over = inflow - target.upper_outlet * np.sqrt(a), 0.0
        if levels[0] >= target.upper_height and rise > 0:
            rise, over = 0.0, rise
        filling = target.passage * np.sqrt(a) - target.lower_outlet * np.sqrt(b)
        filling += target.caught * over
        if levels[1] >= target.lower_height and filling > 0:
            filling = 0.0
        return rise, filling

    return rates


@pytest.mark.parametrize(
    ("target", "tolerance"),
    [
        (CascadedTanks(pump=0.04, upper_initial=2, lower_initial=1, substeps=4), 1e-6),
        (CascadedTanks(pump=0.1, upper_height=4, lower_height=6, upper_initial=3), 5e-3),
        (CascadedTanks(pump=0.3, passage=0.1, caught=1, upper_height=2, substeps=40), 2e-3),
    ],
    ids=["no overflow", "overflow", "lower tank full"],
)
def test_tanks_are_the_solution_of_their_equations(outputs, target, tolerance):
    x = np.random.default_rng(0).uniform(1, 5 if tolerance < 1e-3 else 9, size=12).repeat(8)
    start = (target.upper_initial, target.lower_initial)
    levels = held(tanks(target), start, x, target.sampling_time, max_step=0.05)
    assert (levels[:, 0].max() >= target.upper_height) == (tolerance > 1e-3)
    actual = outputs(target, x.reshape(-1, 1, 1)).ravel()
    assert actual.max() <= target.lower_height
    np.testing.assert_allclose(actual, levels[:, 1], rtol=0, atol=tolerance)


def test_a_tank_runs_dry_by_torricellis_law(outputs):
    target = CascadedTanks(lower_initial=4.0, lower_outlet=0.1, substeps=8)
    y = outputs(target, np.zeros((15, 1, 1))).ravel()
    expected = np.maximum(0, 2 - 0.1 * 4 * np.arange(15) / 2) ** 2
    np.testing.assert_allclose(y, expected, atol=2e-4)
    assert y[-1] == 0


def test_tanks_come_to_rest_where_what_comes_in_goes_out(outputs):
    target = CascadedTanks(pump=0.04, upper_outlet=0.06, passage=0.07, lower_outlet=0.05)
    y = outputs(target, np.full((3000, 1, 1), 3.0)).ravel()
    assert y[-1] == pytest.approx((0.07 / 0.05 * 0.04 * 3 / 0.06) ** 2, rel=1e-9)
    overflowing = CascadedTanks(pump=0.05, upper_height=4, caught=0.5)
    y = outputs(overflowing, np.full((3000, 1, 1), 3.0)).ravel()
    through, over = 0.05 * 2, 0.05 * (3 - 2)
    assert y[-1] == pytest.approx(((through + 0.5 * over) / 0.05) ** 2, rel=1e-9)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Duffing(mass=0), "mass must be a positive, finite number, got 0"),
        (
            lambda: Duffing(stiffness=-1, cubic=0),
            "cubic must be positive where stiffness=-1 is negative, got 0",
        ),
        (
            lambda: Duffing(stiffness=900),
            "substeps must be at least 6 to resolve",
        ),
        (lambda: BoucWenOscillator(exponent=0), "exponent must be a finite number of at least 1"),
        (lambda: BoucWenOscillator(sampling_time=0.1), "substeps must be at least 23 to resolve"),
        (lambda: CascadedTanks(caught=2), "caught must be a number from 0 to 1, got 2"),
        (
            lambda: CascadedTanks(upper_initial=20),
            "upper_initial must lie between 0 and upper_height=10.0, got 20",
        ),
    ],
)
def test_a_bad_argument_is_named_with_its_range(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize(
    ("target", "memory"),
    [
        (Duffing(), Memory.INFINITE),
        (Duffing(cubic=0), Memory.FADING),
        (Duffing(cubic=0, damping=0), Memory.INFINITE),
        (BoucWenOscillator(), Memory.INFINITE),
        (CascadedTanks(), Memory.FADING),
    ],
    ids=repr,
)
def test_memory_is_declared_and_the_output_does_not_tell_the_state(target, memory):
    assert target.memory == memory
    assert target.output_determines_state is False
