"""Chaotic signals against published values, and their integrators against SciPy's."""

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import solve_ivp

from seqfit.signals import HenonMap, LogisticMap, Lorenz, MackeyGlass, Roessler


def samples(signal, length, streams=1, seed=0):
    return signal.generate(signal.start(streams, seed), length)[0].astype(np.float64)


def points(signal, length):
    """The states from the start to `length` samples later, in float64."""
    state = signal.start(1, 0)
    found = [state[..., 0]]
    for _ in range(length):
        _, state = signal.generate(state, 1)
        found.append(state[..., 0])
    return np.array(found)


def test_logistic_map_has_the_exponent_and_the_density_that_are_known_in_closed_form():
    """At a rate of 4: log 2, and the arcsine distribution (Ulam and von Neumann 1947)."""
    x = samples(LogisticMap(rate=4.0), 5_000, streams=20)
    exponents = np.log(np.abs(4 - 8 * x)).mean()
    assert abs(exponents - np.log(2)) < 0.01
    assert stats.kstest(x[::50].ravel(), stats.arcsine.cdf).pvalue > 1e-3


def test_logistic_map_doubles_its_period_where_it_should():
    r = 3.2
    root = np.sqrt((r - 3) * (r + 1))
    x = np.sort(samples(LogisticMap(rate=r), 2).ravel())
    np.testing.assert_allclose(x, [(r + 1 - root) / (2 * r), (r + 1 + root) / (2 * r)], rtol=1e-6)
    np.testing.assert_allclose(samples(LogisticMap(rate=2.5), 3), 1 - 1 / 2.5, rtol=1e-6)


def test_logistic_map_is_its_formula():
    x = points(LogisticMap(initial=0.3, discarded=0), 50)[:, 0]
    assert x[0] == 0.3
    np.testing.assert_array_equal(x[1:], 3.9 * (x[:-1] * (1 - x[:-1])))


def test_henon_map_is_its_formula_with_its_published_exponents():
    """0.419 (Sprott 2003, "Chaos and time-series analysis"); their sum is log |b| exactly."""
    state = points(HenonMap(initial=(0.1, 0.2), discarded=0), 1)
    np.testing.assert_allclose(state, [[0.1, 0.2], [1 - 1.4 * 0.01 + 0.2, 0.03]], rtol=1e-14)
    x = samples(HenonMap(), 20_000)[:, 0, 0]
    tangent, growth = np.array([1.0, 0.0]), 0.0
    for value in x:
        tangent = np.array([-2.8 * value * tangent[0] + tangent[1], 0.3 * tangent[0]])
        size = np.linalg.norm(tangent)
        tangent, growth = tangent / size, growth + np.log(size)
    assert abs(growth / len(x) - 0.419) < 0.01


def lorenz(_t, p):
    x, y, z = p
    return [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]


def roessler(_t, p):
    x, y, z = p
    return [-y - z, x + 0.2 * y, 0.2 + z * (x - 5.7)]


FLOWS = [
    (Lorenz(initial=(1, 2, 3), discarded=0), lorenz, 2.0, 0.0025),
    (Roessler(initial=(1, 2, 0.5), discarded=0), roessler, 10.0, 0.025),
]


@pytest.mark.parametrize(("flow", "slope", "horizon", "step"), FLOWS)
def test_flows_are_integrated_to_order_4(flow, slope, horizon, step):
    exact = solve_ivp(slope, (0, horizon), flow.initial, "DOP853", rtol=1e-13, atol=1e-13)
    errors = []
    for halvings in range(3):
        shorter = type(flow)(step=step / 2**halvings, steps=1, initial=flow.initial, discarded=0)
        end = points(shorter, round(horizon / shorter.step))[-1]
        errors.append(np.linalg.norm(end - exact.y[:, -1]))
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert (np.abs(orders - 4) < 0.3).all(), (errors, orders)
    assert errors[-1] < 1e-5


@pytest.mark.parametrize("flow", [FLOWS[0][0], FLOWS[1][0], MackeyGlass(initial=1.2, discarded=0)])
def test_steps_between_samples_are_left_out(flow):
    every = type(flow)(steps=1, initial=flow.initial, discarded=0)
    np.testing.assert_array_equal(samples(every, 101)[::2], samples(flow, 51))


@pytest.mark.parametrize("signal", [LogisticMap(), HenonMap(), Lorenz(), Roessler(), MackeyGlass()])
def test_the_first_samples_are_discarded(signal):
    start = type(signal)(discarded=0)
    state = start.skip(start.start(2, 5), signal.discarded)
    np.testing.assert_array_equal(state, signal.start(2, 5))
    x = samples(signal, 50, streams=8)[..., 0]
    assert len(np.unique(x[0])) == 8


def test_lorenz_has_its_published_largest_exponent():
    """0.9056 (Sprott 2003), from how fast two near orbits part."""
    signal, gap, growth = Lorenz(steps=1), 1e-7, []
    state = signal.start(20, 0)
    other = state + gap / np.sqrt(3)
    for _ in range(100):
        _, state = signal.generate(state, 50)
        _, other = signal.generate(other, 50)
        apart = np.linalg.norm(other - state, axis=0)
        growth.append(np.log(apart / gap))
        other = state + (other - state) * gap / apart
    assert abs(np.mean(growth[10:]) / 0.5 - 0.9056) < 0.05


def method_of_steps(times, delay=17.0, initial=1.2):
    """The equation of Mackey and Glass from one delay to the next, each solved by SciPy."""
    pieces, start, x = [], 0.0, initial

    def past(t):
        return initial if t <= 0 else pieces[min(int(t / delay), len(pieces) - 1)](t)[0]

    def slope(t, y):
        late = past(t - delay)
        return 0.2 * late / (1 + late**10) - 0.1 * y

    while start < times[-1]:
        piece = solve_ivp(
            slope,
            (start, start + delay),
            [x],
            "DOP853",
            rtol=1e-12,
            atol=1e-13,
            dense_output=True,
            max_step=0.5,
        )
        pieces.append(piece.sol)
        start, x = start + delay, piece.y[0, -1]
    return np.array([past(t) for t in times])


def test_mackey_glass_is_integrated_to_order_4():
    times = np.arange(1.0, 86.0)
    exact = method_of_steps(times)
    errors = []
    for steps in (1, 2, 4):
        signal = MackeyGlass(step=1 / steps, steps=steps, initial=1.2, discarded=0)
        errors.append(np.abs(points(signal, 85)[1:, -1] - exact).max())
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert (np.abs(orders - 4) < 0.3).all(), (errors, orders)
    assert errors[1] < 2e-6


def test_a_delay_of_one_step_is_a_delay():
    """Of a step so short that the delay hardly matters: the equation without one."""
    signal = MackeyGlass(delay=1e-3, step=1e-3, steps=10, initial=0.5, discarded=0)
    exact = solve_ivp(
        lambda _t, y: 0.2 * y / (1 + y**10) - 0.1 * y, (0, 5), [0.5], "DOP853", rtol=1e-10
    )
    np.testing.assert_allclose(points(signal, 500)[-1, -1], exact.y[0, -1], rtol=1e-4)


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        (HenonMap(a=2.0), r"HenonMap\(a=2.0, .* has no bounded orbit"),
        (Lorenz(step=0.2), r"Lorenz\(.* has no bounded orbit"),
        (Roessler(a=2.0), r"Roessler\(.* has no bounded orbit"),
    ],
)
def test_an_orbit_that_is_not_bounded_is_refused_at_its_start(signal, message):
    with pytest.raises(ValueError, match=message):
        signal.start(1, 0)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: LogisticMap(rate=4.5), "rate must be a number above 0 and at most 4, got 4.5"),
        (lambda: Lorenz(initial=(1, 2)), r"initial must be 3 finite numbers, got \(1, 2\)"),
        (lambda: MackeyGlass(step=0.3), "step must divide delay=17.0 into whole steps, got 0.3"),
        (lambda: MackeyGlass(exponent=9.65), "exponent must be a positive int, got 9.65"),
    ],
)
def test_a_bad_argument_is_named_with_its_range(build, message):
    with pytest.raises(ValueError, match=message):
        build()
