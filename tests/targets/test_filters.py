"""Linear filters against SciPy and closed forms."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from seqfit.targets import FIR, IIR, Butterworth, FilteredDerivative, LeakyIntegral, Memory
from seqfit.testing import samples

numbers = st.floats(-3, 3)
inputs = samples(2, dtype="float64")
few = settings(max_examples=60, derandomize=True, database=None, deadline=None)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(2000, 3, 2))


def gain(target, outputs, frequency):
    """The absolute frequency response, from the impulse response; in cycles per sample."""
    impulse = np.zeros((2**15, 1, 1))
    impulse[0] = 1.0
    times = np.arange(len(impulse))
    return abs(np.exp(-2j * np.pi * frequency * times) @ outputs(target, impulse).ravel())


@few
@given(x=inputs, coefficients=st.lists(numbers, min_size=1, max_size=30))
def test_fir_is_a_convolution(outputs, x, coefficients):
    expected = signal.lfilter(coefficients, [1], x, axis=0) if x.size else x
    np.testing.assert_allclose(outputs(FIR(coefficients), x), expected, rtol=0, atol=1e-11)


@few
@given(x=inputs, seed=st.integers(0, 2**32 - 1))
def test_iir_is_its_transfer_function(outputs, x, seed):
    rng = np.random.default_rng(seed)
    poles = 0.9 * np.sqrt(rng.uniform(size=2)) * np.exp(1j * rng.uniform(0, np.pi, size=2))
    denominator = np.poly([*poles, *poles.conj()]).real
    numerator = rng.normal(size=5)
    target = IIR.from_transfer_function(numerator, denominator)
    assert len(target.sections) == 2
    expected = signal.lfilter(numerator, denominator, x, axis=0) if x.size else x
    scale = 1 + np.abs(expected).max(initial=0)
    np.testing.assert_allclose(outputs(target, x) / scale, expected / scale, rtol=0, atol=1e-9)


def test_iir_of_order_one_is_the_leaky_integral(outputs, x):
    expected = outputs(LeakyIntegral(leak=0.1, gain=0.2), x)
    np.testing.assert_allclose(outputs(IIR([(0.2, 0, 0, 1, -0.9, 0)]), x), expected, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("target", [FIR(range(1, 20)), IIR(), Butterworth(7, "high", 0.2)])
def test_chunks_of_any_length_give_the_same_bits(outputs, x, target, dtype):
    x = x.astype(dtype)
    state, parts = target.start(3), []
    for chunk in np.split(x, [1, 2, 5, 5, 900, 901]):
        y, state = target.transform(chunk, state)
        parts.append(y)
    np.testing.assert_array_equal(np.concatenate(parts), outputs(target, x))


@pytest.mark.parametrize("order", [1, 2, 5, 9])
@pytest.mark.parametrize("cutoff", [0.02, 0.21, 0.4])
def test_butterworth_has_the_flat_response_of_its_formula(outputs, order, cutoff):
    for frequency in (0.0, 0.01, 0.1, 0.3, 0.45, cutoff):
        # The bilinear transform takes the frequency f to tan(pi f) of the analogue prototype.
        ratio = np.tan(np.pi * frequency) / np.tan(np.pi * cutoff)
        low = 1 / np.sqrt(1 + ratio ** (2 * order))
        assert gain(Butterworth(order, "low", cutoff), outputs, frequency) == pytest.approx(
            low, abs=1e-9
        )
        high = np.sqrt(max(0.0, 1 - low**2))
        assert gain(Butterworth(order, "high", cutoff), outputs, frequency) == pytest.approx(
            high, abs=1e-7
        )


@pytest.mark.parametrize("order", [1, 3])
def test_butterworth_passes_a_band(outputs, order):
    target = Butterworth(order, "band", (0.1, 0.2))
    low, high = np.tan(np.pi * 0.1), np.tan(np.pi * 0.2)
    for frequency in (0.01, 0.1, 0.14, 0.2, 0.4):
        w = np.tan(np.pi * frequency)
        ratio = (w * w - low * high) / (w * (high - low))
        expected = 1 / np.sqrt(1 + ratio ** (2 * order))
        assert gain(target, outputs, frequency) == pytest.approx(expected, abs=1e-9)


@few
@given(x=inputs, filter_time=st.floats(0, 10), h=st.floats(0.1, 3), initial=numbers)
def test_filtered_derivative_is_its_difference_equation(outputs, x, filter_time, h, initial):
    both = filter_time + h
    shifted = x - initial  # a derivative does not see the constant
    expected = (
        signal.lfilter([1 / both, -1 / both], [1, -filter_time / both], shifted, axis=0)
        if x.size
        else x
    )
    target = FilteredDerivative(filter_time, h, initial)
    np.testing.assert_allclose(outputs(target, x), expected, rtol=0, atol=1e-10)


def test_filtered_derivative_of_a_ramp_tends_to_its_slope(outputs):
    ramp = 0.7 * 0.1 * np.arange(1000.0).reshape(-1, 1, 1)
    y = outputs(FilteredDerivative(filter_time=2.0, sampling_time=0.1), ramp).ravel()
    assert y[-1] == pytest.approx(0.7, rel=1e-9)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: FIR([]), r"coefficients must be a list of one or more finite numbers, got \(\)"),
        (
            lambda: IIR([(1, 0, 0, 1, -1.5, 0.5625), (1, 0, 0, 1, -1.1, 0)]),
            r"section 1 has a pole at 1.1 \(\|pole\| = 1.1\)",
        ),
        (
            lambda: IIR([(1, 0, 0, 1, 0, 1.21)]),
            r"inside the unit circle, but section 0 has a pole at 0\+1.1j \(\|pole\| = 1.1\)",
        ),
        (lambda: IIR([(1, 0, 0, 1, -1, 0)]), "section 0 has a pole at 1 "),
        (lambda: IIR([(1, 0, 0)]), "six finite numbers b0, b1, b2, a0, a1, a2"),
        (lambda: IIR([(1, 0, 0, 0, 1, 0)]), "must have a0 = 1 in each section, got 0 in section 0"),
        (
            lambda: IIR.from_transfer_function([1], [1, -2.5, 1]),
            r"has a pole at 2 \(\|pole\| = 2\)",
        ),
        (lambda: IIR.from_transfer_function([1], [0, 1]), "denominator must not begin with 0"),
        (lambda: IIR.from_transfer_function([], [1]), "numerator must be a list of one or more"),
        (lambda: Butterworth(0), "order must be an int from 1 to 20, got 0"),
        (lambda: Butterworth(edges=0.7), "one frequency between 0 and 0.5 cycles per sample"),
        (lambda: Butterworth(passes="band"), "two rising frequencies between 0 and 0.5"),
        (lambda: Butterworth(passes="bandd"), "did you mean 'band'"),
        (
            lambda: Butterworth(2, "low", 1e-17),
            r"got \(1e-17,\): .* has a pole at",
        ),
        (lambda: Butterworth(6, "low", 1e-9), r"edges must be further .* its gain would be"),
        (lambda: FilteredDerivative(-1), "filter_time must be a non-negative, finite number"),
    ],
)
def test_a_bad_argument_is_named_with_its_range(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize(
    ("target", "memory", "determines"),
    [
        (FIR([1, 2, 3]), Memory.finite(2), False),
        (FIR([2]), Memory.finite(0), True),
        (IIR(), Memory.FADING, False),
        (IIR([(1, 0, 0, 1, -0.5, 0)]), Memory.FADING, True),
        (IIR([(1, 2, 3, 1, 0, 0)]), Memory.finite(2), False),
        (Butterworth(), Memory.FADING, False),
        (FilteredDerivative(), Memory.FADING, False),
        (FilteredDerivative(0), Memory.finite(1), False),
    ],
    ids=repr,
)
def test_memory_and_whether_an_output_tells_the_state_are_declared(target, memory, determines):
    assert target.memory == memory
    assert target.output_determines_state is determines


def test_importing_the_targets_does_not_load_scipy():
    code = "import sys, seqfit.targets as t; t.IIR(); sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
