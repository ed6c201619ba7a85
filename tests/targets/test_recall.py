"""Flip-flops, adding and copying against their definitions, in plain Python."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqfit.targets import Adding, Copy, EchoSum, FlipFlop, Memory
from seqfit.testing import check_target, samples

thresholds = st.integers(-16, 16).map(lambda n: n / 4)  # some inputs lie on them
few = settings(max_examples=60, derandomize=True, database=None, deadline=None)


@few
@given(x=samples(3, dtype="float64"), threshold=st.integers(1, 12).map(lambda n: n / 4))
def test_a_flip_flop_holds_the_last_pulse_of_each_bit(outputs, x, threshold):
    expected = np.zeros_like(x)
    for stream, bit in np.ndindex(x.shape[1:]):
        held = 0.0
        for t in range(len(x)):
            if abs(x[t, stream, bit]) > threshold:
                held = 1.0 if x[t, stream, bit] > 0 else -1.0
            expected[t, stream, bit] = held
    np.testing.assert_array_equal(outputs(FlipFlop(threshold=threshold), x), expected)


@few
@given(x=samples(2, dtype="float64"), terms=st.integers(1, 6), threshold=thresholds)
def test_adding_adds_the_last_marked_inputs(outputs, x, terms, threshold):
    expected = np.zeros((*x.shape[:2], 1))
    for t, stream in np.ndindex(x.shape[:2]):
        marked = [x[s, stream, 0] for s in range(t + 1) if x[s, stream, 1] > threshold]
        expected[t, stream, 0] = sum(marked[-terms:])
    np.testing.assert_allclose(outputs(Adding(terms, threshold), x), expected, atol=1e-12)


def test_adding_scaled_as_in_the_paper(outputs):
    x = np.float64([[0.5, 1], [-0.25, 0], [-1.0, 1], [0.75, 0]])[:, None, :]
    target = Adding() >> EchoSum(0.5, delays=[0], weights=[0.25])
    np.testing.assert_allclose(outputs(target, x)[-1].item(), 0.5 + (0.5 - 1.0) / 4)


@few
@given(
    x=samples(3, dtype="float64"),
    length=st.integers(1, 12),
    delay=st.integers(0, 8),
    threshold=thresholds,
)
def test_copy_gives_again_what_came_before_the_delimiter(outputs, x, length, delay, threshold):
    expected = np.zeros((*x.shape[:2], 2))
    for stream in range(x.shape[1]):
        for d in np.flatnonzero(x[:, stream, 2] > threshold):
            for i in range(length):
                origin, place = d - delay - length + i, d + 1 + i
                if place < len(x):
                    expected[place, stream] = x[origin, stream, :2] if origin >= 0 else 0.0
    np.testing.assert_array_equal(outputs(Copy(length, delay, threshold), x), expected)


def test_a_copy_of_one_episode(outputs):
    symbols, asked = [3, 1, 4, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0, 0, 0]
    x = np.float32([symbols, asked]).T[:, None, :]
    y = outputs(Copy(length=3, delay=1), x)
    assert y.ravel().tolist() == [0, 0, 0, 0, 0, 3, 1, 4]


@pytest.mark.parametrize(
    ("targets", "inputs", "bad_arguments"),
    [
        (
            st.builds(FlipFlop, bits=st.just(2), threshold=st.floats(0.125, 4)),
            2,
            [{"bits": 0}, {"threshold": 0.0}],
        ),
        (
            st.builds(Adding, terms=st.integers(1, 10), threshold=thresholds),
            2,
            [{"terms": 0}, {"threshold": np.nan}],
        ),
        (
            st.builds(
                Copy, length=st.integers(1, 20), delay=st.integers(0, 20), threshold=thresholds
            ),
            3,
            [{"length": 0}, {"delay": -1}, {"threshold": None}],
        ),
    ],
    ids=["flip_flop", "adding", "copy"],
)
def test_they_obey_the_laws_whatever_their_parameters(targets, inputs, bad_arguments):
    check_target(targets, inputs=inputs, bad_arguments=bad_arguments)


@pytest.mark.parametrize(
    ("target", "memory", "determines", "bounds"),
    [
        (FlipFlop(), Memory.INFINITE, True, (-1, 1)),
        (Adding(), Memory.INFINITE, False, (-np.inf, np.inf)),
        (Adding(1), Memory.INFINITE, True, (-np.inf, np.inf)),
        (Copy(10, 5), Memory.finite(16), False, (-np.inf, np.inf)),
    ],
    ids=repr,
)
def test_they_say_what_they_remember(target, memory, determines, bounds):
    assert target.memory == memory
    assert target.output_determines_state is determines
    assert target.bounds == bounds


@pytest.mark.parametrize(
    ("target", "inputs", "message"),
    [
        (FlipFlop(), 2, "FlipFlop takes 3 input channels, got 2"),
        (Adding(), 1, "Adding takes 2 input channels, got 1"),
        (Copy(), 1, "Copy takes 2 or more input channels, got 1"),
    ],
)
def test_a_wrong_number_of_channels_is_refused(target, inputs, message):
    with pytest.raises(ValueError, match=message):
        target.outputs(inputs)
