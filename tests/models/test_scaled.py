"""Models in the units of their data."""

import numpy as np
import pytest
import torch

from seqfit import Fitter
from seqfit.models import GRU, RNN, Scaled
from seqfit.schedules import Accumulate
from seqfit.signals import UniformNoise
from seqfit.targets import LeakyIntegral


def test_it_is_the_model_between_two_affine_maps():
    scaling = {"input_offset": [5.0, 0.0], "input_scale": [2.0, 4.0]}
    model = Scaled(RNN(hidden=3), **scaling, output_offset=[100.0], output_scale=[10.0])
    torch.manual_seed(0)
    module = model.build(2, 1)
    torch.manual_seed(0)
    inner = RNN(hidden=3).build(2, 1)
    x = torch.rand(7, 3, 2)
    expected, _ = inner((x - torch.tensor([5.0, 0.0])) / torch.tensor([2.0, 4.0]), inner.start(3))
    for run in (module, module.fast_forward):
        y, _ = run(x, module.start(3))
        torch.testing.assert_close(y, 100 + 10 * expected)


def test_it_takes_offset_and_scale_from_data():
    x = np.array([[1.0, 7.0], [3.0, 7.0]])[:, None]  # (time, streams, inputs)
    y = np.array([10.0, 30.0]).reshape(2, 1, 1)
    assert Scaled.to_data(GRU(), x, y) == Scaled(GRU(), (2.0, 7.0), (1.0, 1.0), (20.0,), (10.0,))


def test_a_fit_of_large_numbers_is_as_good_as_one_of_small_ones():
    signal, schedule = UniformNoise(low=-1, high=1), Accumulate(5, 50)
    scaled = Scaled(GRU(hidden=8, head=()), [0.0], [1.0], [0.0], [1000.0])
    large = Fitter(signal, LeakyIntegral(gain=50.0), scaled, schedule).fit(5000)
    small = Fitter(signal, LeakyIntegral(gain=0.05), GRU(hidden=8, head=()), schedule).fit(5000)
    assert large.evaluate().mae == pytest.approx(1000 * small.evaluate().mae, rel=0.01)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Scaled(GRU(), [0.0], [0.0], [0.0], [1.0]), "input_scale must be positive"),
        (lambda: Scaled(GRU(), [], [1.0], [0.0], [1.0]), "input_offset must be one or more"),
        (
            lambda: Scaled(GRU(), [0.0], [1.0], [0.0], [1.0]).build(2, 1),
            "must have 2 numbers, got 1",
        ),
    ],
)
def test_bad_scalings_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_it_scales_models_alone():
    with pytest.raises(TypeError, match="model must be a Model"):
        Scaled("gru", [0.0], [1.0], [0.0], [1.0])
