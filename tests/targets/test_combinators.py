"""Targets made of targets, against what their parts give."""

import math

import numpy as np
import pytest
from hypothesis import strategies as st

from seqfit import configuration
from seqfit.targets import (
    Adding,
    Beside,
    Chain,
    Channels,
    Counter,
    Delay,
    FlipFlop,
    LeakyIntegral,
    Memory,
    Noisy,
    Product,
    Quantiser,
    RateLimiter,
    SaturatedIntegral,
    Sum,
    Switch,
    Threshold,
)
from seqfit.testing import check_target

A, B, C = SaturatedIntegral(low=-0.5), LeakyIntegral(), Delay(3)


@pytest.fixture
def x():
    return np.random.default_rng(0).uniform(-1, 2, size=(300, 3, 2))


def test_operators_build_flat_combinations():
    assert Sum([A, B, C]) == A + B + C
    assert Product([A, B, C]) == A * B * C
    assert Sum([A, Product([B, C])]) == A + B * C
    assert Chain([A, Sum([B, C])]) == A >> B + C
    with pytest.raises(TypeError, match="unsupported operand"):
        A + 1
    with pytest.raises(TypeError, match="unsupported operand"):
        A * 2.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_and_products_are_rounded_once(outputs, x, dtype):
    x = x.astype(dtype)
    parts = [outputs(part, x.astype(np.float64)) for part in (A, B, C)]
    expected = (parts[0] + parts[1] + parts[2]).astype(dtype)
    np.testing.assert_array_equal(outputs(A + B + C, x), expected)
    expected = (parts[0] * parts[1] * parts[2]).astype(dtype)
    np.testing.assert_array_equal(outputs(A * B * C, x), expected)


def test_a_switch_gives_the_output_that_its_last_channel_says(outputs, x):
    selector = np.random.default_rng(1).choice([-3, 0, 0.5, 0.75, 1, 1.5, 1.75, 2, 9], (300, 3, 1))
    y = outputs(Switch([A, B, C]), np.concatenate([x, selector], axis=2))
    parts = [outputs(part, x) for part in (A, B, C)]
    for t, stream in np.ndindex(300, 3):
        says = selector[t, stream, 0]
        number = 0 if says <= 0.5 else 1 if says <= 1.5 else 2
        np.testing.assert_array_equal(y[t, stream], parts[number][t, stream])


def test_outputs_side_by_side(outputs, x):
    y = outputs(Beside([A, Channels([1]) >> B]), x)
    np.testing.assert_array_equal(y[..., :2], outputs(A, x))
    np.testing.assert_array_equal(y[..., 2:], outputs(B, x[..., 1:]))
    assert Beside([A, Channels([1]) >> B]).outputs(2) == 3


def test_channels_are_chosen_in_any_order(outputs, x):
    np.testing.assert_array_equal(outputs(Channels([1, 0, 1]), x), x[..., [1, 0, 1]])
    assert Channels(1) == Channels([1])
    y = outputs((Channels(0) >> A) * (Channels(1) >> B), x)
    np.testing.assert_array_equal(y, outputs(A, x[..., :1]) * outputs(B, x[..., 1:]))


def test_a_quantiser_takes_the_nearest_level(outputs):
    x = np.float64([0.24, 0.25, 0.26, 0.75, -0.3, -0.2, 1e6]).reshape(-1, 1, 1)
    assert outputs(Quantiser(0.5), x).ravel().tolist() == [0, 0, 0.5, 1, -0.5, 0, 1e6]
    y = outputs(Quantiser(0.3), np.random.default_rng(0).normal(size=(1000, 1, 1))).ravel()
    np.testing.assert_allclose(y, 0.3 * np.round(y / 0.3), atol=1e-12)


def test_held_out_they_are_without_noise():
    for kind in (Sum, Product, Switch, Beside):
        assert kind([A, Noisy(B)]).held_out() == kind([A, B])


def test_they_come_back_from_a_configuration():
    target = (Channels([1]) >> A + B) * Switch([C, Quantiser()])
    assert configuration.from_data("targets", configuration.to_data(target)) == target


@pytest.mark.parametrize(
    ("target", "bounds"),
    [
        (A + Threshold(), (-0.5, 2)),
        (SaturatedIntegral(low=-1, high=1) + SaturatedIntegral(low=0, high=3), (-1, 4)),
        (A + B, (-math.inf, math.inf)),
        (A * A, (-0.5, 1)),
        (SaturatedIntegral(low=-3, high=-2, initial=-2) * A, (-3, 1.5)),
        (A * B, (-math.inf, math.inf)),
        (SaturatedIntegral() * Threshold() * FlipFlop(1), (-1, 1)),
        (Switch([A, Threshold()]), (-0.5, 1)),
        (Beside([A, B]), (-math.inf, math.inf)),
    ],
    ids=repr,
)
def test_bounds_follow_from_those_of_the_parts(target, bounds):
    assert target.bounds == bounds


@pytest.mark.parametrize(
    ("target", "memory", "determines"),
    [
        (Delay(2) + Delay(5), Memory.finite(5), None),
        (Delay(2) * B, Memory.FADING, None),
        (Switch([B, A]), Memory.INFINITE, None),
        (Beside([B, RateLimiter()]), Memory.INFINITE, None),
        (Quantiser() + Threshold(), Memory.finite(0), True),
        (Channels(0), Memory.finite(0), True),
        (Channels(0) >> A, Memory.INFINITE, True),
    ],
    ids=repr,
)
def test_memory_and_whether_an_output_tells_the_state_follow_too(target, memory, determines):
    assert target.memory == memory
    assert target.output_determines_state is determines


@pytest.mark.parametrize(
    ("target", "inputs", "message"),
    [
        (
            Sum([Delay(), Beside([A, B])]),
            1,
            r"Sum: part 2 \(Beside\) gives 2 output channels, part 1 \(Delay\) gives 1",
        ),
        (Switch([A, Counter()]), 3, r"Switch: part 2 \(Counter\) gives 1 output .* gives 2"),
        (Switch([Adding()]), 2, "Switch takes 3 input channels, got 2"),
        (Switch([A]), 1, "Switch takes 2 or more input channels, got 1"),
        (A + Adding(), 1, "Adding takes 2 input channels, got 1"),
        (C >> Adding() + Counter(), 1, r"Chain: part 2 \(Sum\) takes 2 input channels, part 1"),
        (C >> Channels([2]), 2, r"part 2 \(Channels\) takes 3 or more input channels, part 1"),
    ],
)
def test_channels_that_do_not_match_name_both_ends(target, inputs, message):
    with pytest.raises(ValueError, match=message):
        target.outputs(inputs)


@pytest.mark.parametrize("kind", [Sum, Product, Switch, Beside])
def test_what_is_not_made_of_targets_is_refused(kind):
    for parts in ([], [1], 3):
        with pytest.raises(ValueError, match="parts must be one or more targets, got"):
            kind(parts)


@pytest.mark.parametrize("numbers", [[], -1, [0, -1], [0.0], "0", None, True])
def test_what_is_no_channel_is_refused(numbers):
    with pytest.raises(ValueError, match="numbers must be one or more channel numbers from 0 on"):
        Channels(numbers)


def test_those_without_memory_obey_the_laws_whatever_their_parameters():
    check_target(st.builds(Quantiser, step=st.floats(0.125, 9)), bad_arguments=[{"step": 0.0}])
    numbers = st.lists(st.integers(0, 2), min_size=1, max_size=4)
    check_target(st.builds(Channels, numbers), inputs=3)
