"""A real series that ships with a package is fitted by the example that shows it."""

import importlib.util
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "examples" / "santa_fe_laser.py"


def example():
    """The example as a module."""
    spec = importlib.util.spec_from_file_location("santa_fe_laser", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(
    importlib.util.find_spec("reservoirpy") is None, reason="the laser ships with reservoirpy"
)
def test_the_laser_is_predicted_far_better_than_by_a_linear_predictor():
    laser = example()
    assert laser.laser().shape == (10_093,)
    fitter = laser.fit(samples=60_000, seed=0)
    held_out = fitter.signal.recording.during("test")
    assert len(held_out.columns(["now"])) == 1514
    y = held_out.columns(["next"])[laser.WASHOUT :]
    linear = laser.score(laser.linear(laser.LAGS)[laser.WASHOUT :, None, None], y)
    assert 0.4 < linear.nrmse < 0.55
    assert fitter.evaluate(washout=laser.WASHOUT).nrmse < 0.4 * linear.nrmse
