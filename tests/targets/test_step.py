"""Targets made from step functions."""

import itertools
import math
import pickle
import random

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seqfit
from seqfit import Fitter
from seqfit.configuration import fields_from_toml, fields_to_toml
from seqfit.models import GRU
from seqfit.schedules import Accumulate
from seqfit.signals import RandomHold
from seqfit.targets import Counter, Delay, Memory, SaturatedIntegral
from seqfit.testing import LawViolation, check_target, samples
from seqfit.validators import positive

few = settings(max_examples=30, derandomize=True, database=None, deadline=None)
numbers = st.floats(-3, 3)


def integral(x, state=0.0, gain=0.1, offset=0.5, low=0.0, high=1.0):
    """A sum that stops at its bounds."""
    y = min(max(state + gain * (x - offset), low), high)
    return y, y


def counter(x, state=0.0, threshold=0.5):
    count, reset = x
    state = 0.0 if reset > threshold else state + (1.0 if count > threshold else 0.0)
    return state, state


def delay(x, state=(0.0, 0.0, 0.0)):
    return state[0], (*state[1:], x)


def rational(x, state=(1.0, 0.5), a=0.3, n: int = 2):
    """Additions, products, quotients, roots, comparisons, ints and bools."""
    u, v = state
    u = (a * u + x) / (1.0 + abs(x) + v * v)
    v = math.sqrt(abs(u)) if x > 0 else v / (n + 1)
    return (u if n % 2 else v) + (x > 1), (u, v)


def swap(x, state=(0.0, 0.0), gain=2.0):
    a, b = x
    return (b * gain, state[0], state[1]), (a, state[0])


Integral = seqfit.target(integral)


class TestNumbers:
    @few
    @given(x=samples(2), gain=numbers)
    def test_a_step_function_is_the_target_that_it_writes_down(self, outputs, x, gain):
        expected = outputs(SaturatedIntegral(gain=gain), x)
        np.testing.assert_array_equal(outputs(Integral(gain=gain), x), expected)

    @few
    @given(x=samples(2, dtype="float64"))
    def test_with_several_inputs_it_is_given_a_tuple(self, outputs, x):
        target = seqfit.target(counter, inputs=2)()
        np.testing.assert_array_equal(outputs(target, x), outputs(Counter(), x))

    def test_a_tuple_is_a_longer_state(self, outputs):
        x = np.random.default_rng(0).normal(size=(50, 2, 3))
        np.testing.assert_array_equal(outputs(seqfit.target(delay)(), x), outputs(Delay(3), x))

    def test_several_outputs_are_a_tuple(self, outputs):
        target = seqfit.target(swap, inputs=2, outputs=3)()
        x = np.arange(8.0).reshape(4, 1, 2)
        assert outputs(target, x)[:, 0].tolist() == [[2, 0, 0], [6, 0, 0], [10, 2, 0], [14, 4, 2]]
        assert target.outputs(2) == 3

    @pytest.mark.parametrize(
        ("function", "options"),
        [
            (integral, {}),
            (rational, {}),
            (delay, {}),
            (counter, {"inputs": 2}),
            (swap, {"inputs": 2, "outputs": 3}),
        ],
        ids=lambda value: getattr(value, "__name__", ""),
    )
    def test_compiled_it_gives_the_numbers_of_plain_python_to_the_last_bit(
        self, outputs, function, options
    ):
        machine = seqfit.target(function, compiled=True, **options)()
        plain = seqfit.target(function, compiled=False, **options)()
        generator = np.random.default_rng(0)
        for dtype, scale in itertools.product(("float32", "float64"), (0.1, 1, 100)):
            x = (scale * generator.normal(size=(500, 3, 2))).astype(dtype)
            np.testing.assert_array_equal(outputs(machine, x), outputs(plain, x))

    def test_compiled_powers_and_functions_are_those_of_plain_python_to_rounding(self, outputs):
        def smooth(x, state=0.0):
            state = math.tanh(0.5 * state + x**3) + math.exp(-(x**2)) ** 0.7
            return state, state

        machine, plain = (seqfit.target(smooth, compiled=c)() for c in (True, False))
        x = np.random.default_rng(0).normal(size=(1000, 1, 1))
        np.testing.assert_allclose(outputs(machine, x), outputs(plain, x), rtol=1e-13)

    def test_what_numba_does_not_know_runs_as_plain_python(self, outputs):
        def rounded(x, state, digits=1):
            return float(f"{x:.{digits}f}"), state

        y = outputs(seqfit.target(rounded)(), np.full((3, 1, 1), 0.26))
        np.testing.assert_array_equal(y, 0.3)
        with pytest.raises(TypeError, match="Numba can't compile rounded: "):
            seqfit.target(rounded, compiled=True)().outputs(1)

    def test_a_model_is_fitted_to_it(self):
        fitter = Fitter(RandomHold(), Integral(), GRU(4, head=()), Accumulate(), engine="eager")
        fitter.fit(100)
        assert fitter.report.updates == 2


class TestLaws:
    @pytest.mark.parametrize(
        ("targets", "inputs"),
        [
            (st.builds(Integral, gain=numbers, low=st.floats(-3, 0), high=st.floats(1, 3)), 1),
            (st.builds(seqfit.target(rational), a=numbers, n=st.integers(0, 5)), 2),
            (st.just(seqfit.target(delay, memory=Memory.finite(3))()), 2),
            (st.just(seqfit.target(swap, inputs=2, outputs=3)()), 2),
        ],
        ids=["integral", "rational", "delay", "swap"],
    )
    def test_hold(self, targets, inputs):
        check_target(targets, inputs=inputs)

    def test_hold_for_plain_python(self):
        check_target(seqfit.target(rational, compiled=False)(), examples=10)

    @pytest.mark.parametrize(
        ("law", "options"),
        [
            ("bounds", {"bounds": (0.0, 0.5)}),
            ("memory", {"memory": Memory.finite(2)}),
        ],
    )
    def test_show_a_wrong_declaration(self, law, options):
        with pytest.raises(LawViolation) as caught:
            check_target(seqfit.target(integral, **options)(gain=1.0))
        assert caught.value.law == law

    def test_refuse_bad_settings(self):
        target = seqfit.target(rational, validators={"a": positive})()
        bad_a = [{"a": a} for a in (0.0, -1.0, np.nan, "1", None)]
        check_target(target, bad_arguments=[*bad_a, {"n": 1.5}, {"n": True}], examples=2)


CALLS = 0
HEARD = []
TOTAL = [0.0]
SUMS = np.zeros(1)
NOTED = {}


def counts_its_calls(x, state):
    global CALLS
    CALLS += 1
    return x + CALLS, state


def remembers_in_a_list(x, state):
    HEARD.append(x)
    return sum(HEARD[-3:]), state


def adds_up_in_a_list(x, state):
    TOTAL[0] += x
    return TOTAL[0], state


def adds_up_in_an_array(x, state):
    SUMS[0] += x
    return SUMS[0], state


def remembers_in_a_dictionary(x, state):
    last = NOTED.get("x", 0.0)
    NOTED["x"] = x
    return x - last, state


def remembers_in_itself(x, state):
    y = getattr(remembers_in_itself, "last", 0.0)
    remembers_in_itself.last = x
    return y, state


def throws_numpys_dice(x, state):
    return x + np.random.random(), state  # noqa: NPY002 - what Numba compiles


def throws_pythons_dice(x, state):
    return x + random.random(), state


def _closure():
    last = 0.0

    def remembers_in_a_closure(x, state):
        nonlocal last
        y, last = last, x
        return y, state

    return remembers_in_a_closure


@pytest.mark.parametrize(
    "function",
    [
        counts_its_calls,
        remembers_in_a_list,
        adds_up_in_a_list,
        adds_up_in_an_array,
        remembers_in_a_dictionary,
        remembers_in_itself,
        throws_numpys_dice,
        throws_pythons_dice,
        _closure(),
    ],
    ids=lambda function: function.__name__,
)
def test_a_hidden_state_breaks_a_law(function):
    with pytest.raises(LawViolation):
        check_target(seqfit.target(function)())


class TestClasses:
    def test_settings_are_fields(self):
        assert Integral.__name__ == "integral"
        assert Integral.__doc__ == "A sum that stops at its bounds."
        assert repr(Integral(gain=1)) == ("integral(gain=1.0, offset=0.5, low=0.0, high=1.0)")
        assert Integral(0.1) == Integral() != Integral(0.2)
        assert hash(Integral()) == hash(Integral())
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            Integral().gain = 2.0

    def test_it_comes_back_from_toml(self):
        target = Integral(gain=0.25)
        assert fields_to_toml(target) == "gain = 0.25\noffset = 0.5\nlow = 0.0\nhigh = 1.0\n"
        assert fields_from_toml(Integral, fields_to_toml(target)) == target

    def test_it_declares_what_it_is_told(self):
        target = seqfit.target(
            integral, bounds=(0.0, 1.0), memory=Memory.FADING, output_determines_state=True
        )()
        assert target.bounds == (0.0, 1.0)
        assert target.memory == Memory.FADING
        assert target.output_determines_state is True
        assert Integral().bounds == (-math.inf, math.inf)
        assert Integral().memory == Memory.INFINITE
        assert Integral().output_determines_state is None

    def test_it_can_be_pickled(self):
        assert pickle.loads(pickle.dumps(decorated(gain=0.5))) == decorated(gain=0.5)

    def test_an_annotation_stands_for_a_missing_default(self):
        def scaled(x, state, gain: float):
            return gain * x, state

        target = seqfit.target(scaled)
        assert target(2).gain == 2.0
        with pytest.raises(TypeError, match="missing 1 required positional argument: 'gain'"):
            target()


@seqfit.target(bounds=(-1.0, 1.0))
def decorated(x, state, gain=1.0):
    return min(max(gain * x, -1.0), 1.0), state


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (3, "seqfit.target takes a function, got 3"),
        (math.hypot, "seqfit.target takes a function, got <built-in function hypot>"),
        (lambda x: x, "must take x, a state and then settings"),
        (lambda x, state, *rest: x, "must take x, a state and then settings"),
        (lambda x, state, *, gain=1.0: x, "none of them by keyword alone"),
        (lambda x, state, gain: x, "the setting gain needs a default that is a number"),
        (lambda x, state, taps=[]: x, "the setting taps needs a default that is a number"),
        (lambda x, state, memory=1.0: x, "every target has 'memory'; call the setting otherwise"),
        (lambda x, state, _gain=1.0: x, "the setting '_gain' must not begin with _"),
        (lambda x, state=[0.0]: x, r"must begin as a number or a tuple of numbers, got \[0.0\]"),
        (lambda x, state=(0.0, "a"): x, "must begin as a number or a tuple of numbers"),
    ],
)
def test_a_function_of_another_form_is_refused(function, message):
    with pytest.raises(TypeError, match=message):
        seqfit.target(function)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": 0}, "inputs must be a positive int, got 0"),
        ({"outputs": 2}, "outputs=2 needs inputs, the number of input channels"),
        ({"validators": {"gian": positive}}, "no setting 'gian' to validate; did you mean 'gain'"),
    ],
)
def test_a_wrong_option_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        seqfit.target(integral, **options)


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        (lambda x, state: x, {}, "must return y and the state after it, got 0.0"),
        (lambda x, state: (x, state, x), {}, "must return y and the state after it, got"),
        (lambda x, state: ("a", state), {}, "y of <lambda> must be a number, got 'a'"),
        (lambda x, state: (x, None), {}, "the state of <lambda> must be a number, got None"),
        (
            lambda x, state=(0.0, 0.0): (x, (x,)),
            {},
            r"the state of <lambda> must be a tuple of 2 numbers, got \(0.0,\)",
        ),
        (
            lambda x, state: (x[0], state),
            {"inputs": 2, "outputs": 2},
            "y of <lambda> must be a tuple of 2 numbers, got 0.0",
        ),
    ],
)
def test_what_a_function_returns_wrongly_is_named(outputs, function, options, message):
    target = seqfit.target(function, **options)()
    with pytest.raises(TypeError, match=message):
        outputs(target, np.zeros((1, 1, options.get("inputs", 1))))


def test_a_wrong_number_of_channels_is_refused():
    with pytest.raises(ValueError, match="swap takes 2 input channels, got 3"):
        seqfit.target(swap, inputs=2, outputs=3)().outputs(3)
