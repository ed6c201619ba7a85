"""The laws of seqfit, for this package's signal and target."""

import numpy as np
import pytest
from hypothesis import strategies as st
from seqfit_thermostat import Day, Thermostat

from seqfit import plugins
from seqfit.testing import check_signal, check_target

numbers = st.floats(-3, 3, width=32)


def test_day_obeys_the_laws():
    check_signal(Day(), bad_arguments=[{"samples": 0}, {"swing": -1.0}])
    check_signal(st.builds(Day, mean=numbers, swing=st.floats(0, 9), samples=st.integers(1, 50)))


def test_thermostat_obeys_the_laws():
    check_target(Thermostat(), bad_arguments=[{"low": 2.0, "high": 1.0}])
    check_target(st.builds(Thermostat, low=st.floats(-3, 0), high=st.floats(0.5, 3)))


def test_thermostat_switches_where_it_should():
    x = np.float32([20, 18, 20, 22, 20, 18.5]).reshape(-1, 1, 1)
    y, _ = Thermostat().transform(x, Thermostat().start(1))
    assert y.ravel().tolist() == [0, 1, 1, 0, 0, 1]


@pytest.mark.parametrize(("kind", "name"), [("signals", "day"), ("targets", "thermostat")])
def test_seqfit_finds_both_by_name(kind, name):
    assert plugins.load(kind, name) in (Day, Thermostat)
