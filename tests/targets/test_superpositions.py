"""Superposed hysteresis against plays, relays and its two characteristic properties."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqfit.targets import Memory, Play, PrandtlIshlinskii, Preisach
from seqfit.testing import samples

numbers = st.floats(-3, 3)
inputs = samples(2, dtype="float64")
few = settings(max_examples=60, derandomize=True, database=None, deadline=None)


@few
@given(
    x=inputs,
    plays=st.lists(st.tuples(st.floats(0.1, 6), numbers), min_size=1, max_size=6),
    linear=numbers,
)
def test_prandtl_ishlinskii_is_a_sum_of_plays(outputs, x, plays, linear):
    widths, weights = zip(*plays, strict=True)
    expected = linear * x
    for width, weight in plays:
        expected += weight * outputs(Play(width), x)
    actual = outputs(PrandtlIshlinskii(widths, weights, linear), x)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12)


def relays(target, grid, x):
    """The output of each relay by itself, weighted and added up; x has the shape (time,)."""
    levels = target.levels
    thresholds = target.low + (target.high - target.low) * (np.arange(levels) + 0.5) / levels
    state, y = -np.ones((levels, levels)), []
    for value in x:
        state[value > thresholds, :] = 1.0
        state[:, value < thresholds] = -1.0
        y.append(np.sum(np.tril(grid) * state))
    return np.array(y)


@st.composite
def preisachs(draw):
    """A target and its weights as a matrix; every other one has thresholds on quarters."""
    levels = draw(st.integers(1, 15))
    low = draw(st.floats(-4, 0))
    high = low + draw(st.floats(0.1, 6))
    if draw(st.booleans()):
        low, high = -2.125, -2.125 + levels / 4
    seed = draw(st.integers(0, 2**32 - 1))
    grid = np.tril(np.random.default_rng(seed).normal(size=(levels, levels)))
    rows = [row[: i + 1] for i, row in enumerate(grid.tolist())]
    return Preisach(levels, low, high, rows), grid


@settings(few, max_examples=100)
@given(x=samples(1, max_length=150, dtype="float64"), drawn=preisachs())
def test_preisach_is_a_sum_of_relays(outputs, x, drawn):
    target, grid = drawn
    actual = outputs(target, x)[..., 0]
    for stream in range(x.shape[1]):
        expected = relays(target, grid, x[:, stream, 0])
        np.testing.assert_allclose(actual[:, stream], expected, rtol=0, atol=1e-10)


def test_inputs_on_a_threshold_leave_its_relays_as_they_are(outputs):
    target = Preisach(levels=2, low=0.0, high=2.0)  # thresholds 0.5 and 1.5, weights 1/3
    x = np.array([0.5, 0.6, 0.5, 1.5, 1.6, 1.5, 0.5, 0.4]).reshape(-1, 1, 1)
    expected = np.array([-3, -1, -1, -1, 3, 3, 1, -3]) / 3
    np.testing.assert_allclose(outputs(target, x).ravel(), expected, atol=1e-15)


@pytest.mark.parametrize("levels", [1, 2, 3, 4, 9, 10])
@pytest.mark.parametrize("shape", ["both", "maxima", "minima", "wiped out"])
def test_as_many_extrema_as_the_grid_tells_apart_are_remembered(outputs, levels, shape):
    falling, rising = np.arange(levels, -1, -1), np.arange(levels + 1)
    maxima = falling if shape != "minima" else np.full(levels + 1, levels)
    minima = rising if shape != "maxima" else np.zeros(levels + 1)
    inward = np.stack([maxima, minima], axis=1).ravel()[: 2 * levels]
    if shape == "wiped out":  # each loop ends at the maximum that it began at
        inward = np.array([(levels, j, levels - 1) for j in range(levels)]).ravel()
    x = np.concatenate([inward, inward[::-1], inward, [levels, 0]]) / levels
    rng = np.random.default_rng(levels)
    grid = np.tril(rng.normal(size=(levels, levels)))
    target = Preisach(levels, weights=[row[: i + 1] for i, row in enumerate(grid.tolist())])
    actual = outputs(target, x.reshape(-1, 1, 1)).ravel()
    np.testing.assert_allclose(actual, relays(target, grid, x), rtol=0, atol=1e-12)


def path(*extrema, points=200):
    """An input that goes evenly from each extremum to the next."""
    stretches = [np.linspace(a, b, points) for a, b in itertools.pairwise(extrema)]
    return np.concatenate(stretches).reshape(-1, 1, 1)


PREISACHS = [Preisach(50), Preisach.gaussian(37), Preisach.gaussian(8, coercivity=0.1, spread=0.3)]


@pytest.mark.parametrize("target", PREISACHS, ids=["uniform", "gaussian", "coarse"])
def test_greater_extrema_wipe_out_lesser_ones(outputs, target):
    with_loops = outputs(target, path(0, 0.8, 0.3, 0.6, 0.4, 0.5, 0.9, 0.2, 0.55))
    without = outputs(target, path(0, 0.9, 0.2, 0.55))
    np.testing.assert_array_equal(with_loops[-200:], without[-200:])
    returned = outputs(target, path(0, 0.8, 0.3, 0.6, 0.3, 0.7))
    direct = outputs(target, path(0, 0.8, 0.3, 0.7))
    np.testing.assert_array_equal(returned[-200:], direct[-200:])


@pytest.mark.parametrize("target", PREISACHS, ids=["uniform", "gaussian", "coarse"])
def test_loops_between_the_same_extrema_are_congruent(outputs, target):
    from_below = outputs(target, path(0, 0.4, 0.7, 0.4, 0.7))[-400:].ravel()
    from_above = outputs(target, path(0, 1, 0.4, 0.7, 0.4, 0.7))[-400:].ravel()
    shift = from_above - from_below
    assert shift[0] > 0.01
    np.testing.assert_allclose(shift, shift[0], rtol=0, atol=1e-12)


def test_uniform_weights_make_the_parabolas_of_the_continuous_model(outputs):
    # Relays of even density over the triangle: rising from nothing to u switches on u**2 of them.
    u = np.linspace(0, 1, 101).reshape(-1, 1, 1)
    rising = outputs(Preisach(1000), u)
    np.testing.assert_allclose(rising, 2 * u**2 - 1, atol=4e-3)


def test_gaussian_weights_are_densest_where_they_should_be():
    grid = Preisach.gaussian(40, -1, 1, coercivity=0.3, spread=0.1).weights
    assert sum(map(sum, grid)) == pytest.approx(1)
    peak = max((w, i, j) for i, row in enumerate(grid) for j, w in enumerate(row))
    thresholds = -1 + 2 * (np.arange(40) + 0.5) / 40
    assert thresholds[[peak[1], peak[2]]] == pytest.approx([0.3, -0.3], abs=0.05)


def test_ten_million_samples_need_no_more_memory_than_some(outputs):
    target = Preisach.gaussian(100)
    rng = np.random.default_rng(0)
    state, sizes, y = target.start(1), set(), None
    for _ in range(20):
        binary = rng.integers(0, 2, size=(500_000, 1, 1)) * 0.7 + 0.15
        x = (binary + rng.uniform(-0.1, 0.1, binary.shape)).astype(np.float32)
        y, state = target.transform(x, state)
        sizes.add(state.nbytes)
    assert len(sizes) == 1
    assert sizes.pop() < 10_000
    # What came before the last extremes has been wiped out, so that the tail alone tells the end.
    tail, _ = target.transform(x, target.start(1))
    np.testing.assert_array_equal(y[-1000:], tail[-1000:])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Preisach(0), "levels must be an int from 1 to 1000, got 0"),
        (lambda: Preisach(low=2), "high must be above low=2, got 1.0"),
        (
            lambda: Preisach(2, weights=[[1.0]]),
            r"weights must have levels=2 rows of 1, 2, ..., 2 finite numbers, got \(\(1.0,\),\)",
        ),
        (lambda: Preisach.gaussian(spread=0), "spread must be a positive, finite number, got 0"),
        (lambda: Preisach.gaussian(coercivity=np.nan), "coercivity must be a finite number"),
        (
            lambda: PrandtlIshlinskii([0.1, 0.2], [1.0]),
            "weights must have one number for each of the 2 widths, got 1",
        ),
        (
            lambda: PrandtlIshlinskii([-0.1], [1.0]),
            r"widths must be a list of one or more positive, finite numbers, got \(-0.1,\)",
        ),
    ],
)
def test_a_bad_argument_is_named_with_its_range(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize(
    ("target", "determines"),
    [
        (Preisach(), False),
        (Preisach(1), True),
        (PrandtlIshlinskii(), False),
        (PrandtlIshlinskii([0.5], [2.0]), True),
        (PrandtlIshlinskii([0.5], [2.0], linear=1.0), False),
    ],
    ids=repr,
)
def test_memory_and_whether_an_output_tells_the_state_are_declared(target, determines):
    assert target.memory == Memory.INFINITE
    assert target.output_determines_state is determines
