"""Built-in targets against independent formulas."""

import attrs
import numpy as np
import pytest
from scipy.signal import lfilter

from seqfit.targets import Chain, Delay, LeakyIntegral, Memory, SaturatedIntegral, Target
from seqfit.targets.base import require_samples


@pytest.fixture
def x():
    return np.random.default_rng(0).uniform(-1, 2, size=(300, 3, 2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_saturated_integral_is_the_recursion(outputs, x, dtype):
    target = SaturatedIntegral(gain=0.3, offset=0.4, low=-0.5, high=0.7, initial=0.1)
    y, expected = np.full((3, 2), 0.1), []
    for x_t in x.astype(dtype).astype(np.float64):
        y = np.clip(y + 0.3 * (x_t - 0.4), -0.5, 0.7)
        expected.append(y)
    np.testing.assert_array_equal(outputs(target, x.astype(dtype)), np.array(expected, dtype))
    assert np.min(expected) == -0.5
    assert np.max(expected) == 0.7


def test_the_2017_target_is_the_default(outputs):
    x = np.float32([0.9, 0.9, 0.0, 0.0]).reshape(-1, 1, 1)
    np.testing.assert_allclose(
        outputs(SaturatedIntegral(), x).ravel(), [0.04, 0.08, 0.03, 0.0], atol=1e-7
    )


def test_leaky_integral_is_a_filter_of_order_one(outputs, x):
    expected = lfilter([0.2], [1, -0.9], x, axis=0)
    np.testing.assert_allclose(outputs(LeakyIntegral(leak=0.1, gain=0.2), x), expected, atol=1e-12)


def test_leaky_integral_forgets_its_initial_value(outputs):
    y = outputs(LeakyIntegral(leak=0.5, gain=0, initial=1), np.zeros((3, 1, 1)))
    np.testing.assert_allclose(y.ravel(), [0.5, 0.25, 0.125])


@pytest.mark.parametrize("samples", [0, 1, 7, 400])
def test_delay_gives_earlier_inputs(outputs, x, samples):
    expected = np.concatenate([np.full((samples, 3, 2), -1.0), x])[: len(x)]
    np.testing.assert_array_equal(outputs(Delay(samples, initial=-1), x), expected)


def test_a_chain_feeds_each_target_into_the_next(outputs, x):
    chain = SaturatedIntegral() >> Delay(3) >> LeakyIntegral()
    assert chain == Chain([SaturatedIntegral(), Delay(3), LeakyIntegral()])
    expected = outputs(LeakyIntegral(), outputs(Delay(3), outputs(SaturatedIntegral(), x)))
    np.testing.assert_array_equal(outputs(chain, x), expected)


def test_number_of_outputs_follows_the_inputs(outputs):
    assert (SaturatedIntegral() >> Delay(2)).outputs(3) == 3


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: SaturatedIntegral(gain=float("inf")), "gain must be a finite number, got inf"),
        (lambda: SaturatedIntegral(low=1, high=0), "high must be above low=1, got 0"),
        (lambda: SaturatedIntegral(initial=2), "initial must lie between low=0.0 and high=1.0"),
        (lambda: LeakyIntegral(leak=1.1), "leak must be a number from 0 to 1"),
        (lambda: Delay(samples=-1), "samples must be a non-negative int, got -1"),
        (lambda: Delay(samples=2.0), "samples must be a non-negative int, got 2.0"),
        (lambda: Chain([]), "parts must be one or more targets"),
        (lambda: Chain([1]), "parts must be one or more targets"),
    ],
)
def test_a_bad_argument_is_named_with_its_value(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_samples_of_the_wrong_shape_are_refused():
    with pytest.raises(ValueError, match=r"Delay takes x of shape \(time, streams, channels\)"):
        Delay().transform(np.zeros(3), Delay().start(1))


@attrs.frozen
class OneChannel(Target):
    def start(self, streams):
        return None

    def transform(self, x, state):
        require_samples(x, self, inputs=1)
        return x, state


def test_a_chain_names_both_ends_where_channels_do_not_match(outputs):
    chain = Delay() >> OneChannel()
    message = r"Chain: part 2 \(OneChannel\) takes 1 input channel, part 1 \(Delay\) gives 2"
    with pytest.raises(ValueError, match=message):
        chain.outputs(2)
    with pytest.raises(ValueError, match=message):
        Chain([Delay(), chain]).outputs(2)
    with pytest.raises(ValueError, match="OneChannel takes 1 input channel, got 2"):
        (OneChannel() >> Delay()).outputs(2)


@pytest.mark.parametrize(
    ("target", "memory", "determines"),
    [
        (SaturatedIntegral(), Memory.INFINITE, True),
        (LeakyIntegral(), Memory.FADING, True),
        (LeakyIntegral(leak=0), Memory.INFINITE, True),
        (LeakyIntegral(leak=1), Memory.finite(0), True),
        (Delay(3), Memory.finite(3), False),
        (Delay(0) >> SaturatedIntegral(), Memory.INFINITE, True),
        (SaturatedIntegral() >> Delay(0), Memory.INFINITE, None),
        (Delay(2) >> Delay(3), Memory.finite(5), None),
        (Delay(2) >> LeakyIntegral(), Memory.FADING, None),
        (LeakyIntegral() >> SaturatedIntegral(), Memory.INFINITE, None),
        (OneChannel(), Memory.INFINITE, None),
    ],
    ids=repr,
)
def test_memory_and_whether_an_output_tells_the_state_are_declared(target, memory, determines):
    assert target.memory == memory
    assert target.output_determines_state is determines


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Memory.finite(-1), "samples must be a non-negative int, got -1"),
        (lambda: Memory("fading", 3), "samples must be None where memory is fading, got 3"),
        (lambda: Memory("fadig"), "did you mean 'fading'"),
    ],
)
def test_a_memory_that_makes_no_sense_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
