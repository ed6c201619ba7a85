"""Components as plain data."""

import attrs
import numpy as np
import pytest

from seqfit import configuration
from seqfit.configuration import ConfigurationError, NotSerialisable
from seqfit.models import GRU
from seqfit.schedules import Accumulate
from seqfit.signals import Recorded, Sine
from seqfit.targets import Delay, SaturatedIntegral, Target


def test_nested_components_come_back_equal():
    chain = SaturatedIntegral(gain=0.2) >> Delay(3)
    data = configuration.to_data(chain)
    assert data["name"] == "chain"
    assert [part["name"] for part in data["parts"]] == ["saturated_integral", "delay"]
    assert configuration.from_data("targets", data) == chain


def test_a_field_that_is_none_is_left_out():
    assert "phase" not in configuration.to_data(Sine())


def test_lists_become_tuples():
    assert configuration.from_data("models", {"name": "gru", "head": [8, 4]}) == GRU(head=(8, 4))


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        ("schedules", {"name": "accumulate", "evry": 5}, "no setting 'evry'; did you mean 'every'"),
        ("schedules", {"name": "acumulate"}, "no schedule is named 'acumulate'; did you mean"),
        (
            "schedules",
            {"name": "accumulate", "window": 2.7},
            "window must be a positive int, got 2.7",
        ),
        (
            "schedules",
            {"name": "accumulate", "window": "2"},
            "window must be a positive int, got '2'",
        ),
        ("schedules", {"window": 2}, "a schedule is a table with a name"),
        ("schedules", "accumulate", "a schedule is a table with a name"),
        ("targets", {"name": "chain"}, "needs the setting 'parts'"),
        ("targets", {"name": "chain", "parts": [{"name": "dely"}]}, "did you mean 'delay'"),
        ("targets", {"name": "chain", "parts": [{"name": "delay", "samples": -1}]}, "got -1"),
        (
            "signals",
            {"name": "recorded", "recording": {"source": "gone.csv"}, "columns": "u"},
            "no file at",
        ),
    ],
)
def test_a_wrong_configuration_says_where_and_why(kind, data, message):
    with pytest.raises(ValueError, match=message):
        configuration.from_data(kind, data)


@attrs.frozen
class Unregistered(Target):
    _gain: float = 1.0

    def start(self, streams):
        return None

    def transform(self, x, state):
        return x * np.float32(self._gain), state


def test_an_unregistered_component_has_fields_but_no_name():
    text = configuration.fields_to_toml(Unregistered(2.5))
    assert configuration.fields_from_toml(Unregistered, text) == Unregistered(2.5)
    with pytest.raises(NotSerialisable, match="not registered"):
        configuration.to_data(Unregistered())


def test_arrays_in_memory_are_not_written():
    with pytest.raises(NotSerialisable, match="holds ndarray"):
        configuration.to_data(Recorded({"u": np.zeros(3)}, "u"))


def test_broken_toml_is_named_with_its_source_and_place():
    with pytest.raises(ConfigurationError, match=r"mine.toml is not valid TOML: .*line 1"):
        configuration.read_toml("a = = 1", "mine.toml")


def test_every_built_in_schedule_setting_can_be_written():
    assert configuration.to_data(Accumulate(3, 9, streams=2)) == {
        "name": "accumulate",
        "window": 3,
        "every": 9,
        "phase": 0,
        "streams": 2,
    }
