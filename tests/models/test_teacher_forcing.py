"""One step ahead from true outputs: which models can, and what they give."""

import numpy as np
import pytest
import torch

from seqfit import Fitter
from seqfit.fitting import LevenbergMarquardt
from seqfit.models import GRU, OutputFeedback, Scaled, StateSpace, TeacherForced
from seqfit.schedules import EveryWindow
from seqfit.signals import UniformNoise
from seqfit.targets import SaturatedIntegral
from seqfit.testing import check_model


def tensor(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


@pytest.mark.parametrize(("input_lags", "output_lags"), [(0, 1), (2, 1), (0, 3), (3, 2)])
def test_each_prediction_is_the_map_of_the_true_outputs_before_it(input_lags, output_lags):
    torch.manual_seed(1)
    module = OutputFeedback(4, input_lags, output_lags).build(inputs=2, outputs=2).double()
    x, y = tensor(30, 3, 2), tensor(30, 3, 2, seed=1)
    with torch.no_grad():
        prediction, _ = module.teacher_forced(x, y, module.start(3))
    f = module.recurrence().f
    before = np.zeros((10, 3, 2))
    xs, ys = np.concatenate([before, x]), np.concatenate([before, y])
    for t in range(30):
        for stream in range(3):
            inputs = [xs[10 + t - lag, stream] for lag in range(input_lags + 1)]
            outputs = [ys[10 + t - 1 - lag, stream] for lag in range(output_lags)]
            p = np.concatenate([*inputs, *outputs])
            expected = f.constant + f.linear @ p + f.output @ np.maximum(f.hidden @ p + f.bias, 0)
            np.testing.assert_allclose(prediction[t, stream], expected, atol=1e-12)


@pytest.mark.parametrize("lags", [1, 2])
def test_a_solved_model_is_exact_one_step_ahead_wherever_it_starts(lags):
    fitter = Fitter(
        UniformNoise(),
        SaturatedIntegral(),
        OutputFeedback(output_lags=lags),
        EveryWindow(window=4000),
        optimizer=LevenbergMarquardt(),
    ).fit(4000)
    x, y = map(torch.from_numpy, fitter.held_out_samples(2000, streams=2))
    s, past = fitter.module.start(2)
    with torch.no_grad():
        prediction, after = fitter.module.teacher_forced(x, y, (s + 0.3, past))
        going_on, _ = fitter.module.forward(x, after)
        expected, _ = fitter.module.teacher_forced(x, going_on, after)
    assert (prediction - y)[lags:].abs().max() < 1e-5
    assert (prediction - y)[0].abs().max() > 0.01
    torch.testing.assert_close(going_on, expected, atol=1e-5, rtol=0)


def test_models_whose_state_is_not_made_of_outputs_say_so():
    module = StateSpace().build(1, 1)
    assert module.teacher_forced(tensor(4, 1, 1), tensor(4, 1, 1), module.start(1)) is None
    assert not isinstance(GRU().build(1, 1), TeacherForced)
    scaled = Scaled(GRU(), (0.0,), (1.0,), (0.0,), (1.0,)).build(1, 1)
    assert scaled.teacher_forced(tensor(4, 1, 1), tensor(4, 1, 1), scaled.start(1)) is None


@pytest.mark.parametrize("size", [1, 2])
def test_a_state_that_the_outputs_tell_can_be_forced(size):
    model = StateSpace(size=size, units=2)
    torch.manual_seed(0)
    module = model.build(1, size)
    with torch.no_grad():  # as it is built, all outputs are the same mean of the state
        module.readout.copy_(torch.tensor([[2.0, 0.5], [0.3, 1.0]])[:size, :size])
    x, start = tensor(50, 2, 1).float(), module.start(2)
    with torch.no_grad():
        y, after = module(x, start)
        forced, state = module.teacher_forced(x, y, start)
    torch.testing.assert_close(forced, y, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(state[0], after[0], atol=1e-5, rtol=1e-4)


def test_outputs_of_two_values_are_not_what_is_fed_back():
    module = OutputFeedback().build(1, 1)
    x = tensor(4, 2, 1).float()
    assert module.teacher_forced(x, x, module.start(2)) is not None
    module.between.copy_(torch.tensor([[0.0], [1.0]]))
    assert module.teacher_forced(x, x, module.start(2)) is None


@pytest.mark.parametrize("lags", [1, 3])
def test_a_scaled_model_that_is_fed_with_its_outputs_obeys_the_laws(lags):
    inner = OutputFeedback(units=3, output_lags=lags)
    check_model(Scaled(inner, (0.5, 1.0), (2.0, 3.0), (0.0, 1.0), (4.0, 0.5)), examples=10)
