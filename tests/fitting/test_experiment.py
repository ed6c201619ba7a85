"""Experiments as TOML."""

import attrs
import pytest

from seqfit import Fitter, recipes
from seqfit.configuration import NotSerialisable
from seqfit.fitting import Experiment, from_toml, read_experiment, to_toml
from seqfit.models import GRU
from seqfit.schedules import Accumulate, EveryWindow
from seqfit.signals import RandomHold
from seqfit.targets import Delay, SaturatedIntegral

MINIMAL = """
[signal]
name = "random_hold"
[target]
name = "saturated_integral"
[model]
name = "gru"
[schedule]
name = "every_window"
"""


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_recipes_come_back_equal(name):
    experiment = recipes.recipe(name)(samples=1000, seed=4)
    assert from_toml(to_toml(experiment)) == experiment


def test_what_is_left_out_has_its_default():
    assert from_toml(MINIMAL) == Experiment(RandomHold(), SaturatedIntegral(), GRU(), EveryWindow())


def test_an_experiment_in_code_is_not_written():
    experiment = Experiment(None, None, GRU(), Accumulate(), loss=lambda p, y: (p - y) ** 4)
    with pytest.raises(NotSerialisable, match="Experiment.loss holds function"):
        to_toml(experiment)


def test_recipes_take_other_parts():
    experiment = recipes.gru(samples=1000, schedule=EveryWindow(10), target=Delay(2))
    assert experiment.target == Delay(2)
    assert experiment.schedule == EveryWindow(10)


@pytest.mark.parametrize("updates", [1, 5, 10, 20, 100])
def test_the_learning_rate_of_a_recipe_spans_its_updates(updates):
    experiment = recipes.gru(samples=50 * updates, model=GRU(hidden=2, head=()))
    fitter = Fitter.of(experiment).fit(25 * updates)
    half_way = fitter.learning_rate_now
    assert fitter.fit(25 * updates).learning_rate_now < max(half_way, 1e-6)
    longer = Fitter.of(attrs.evolve(experiment, samples=500 * updates)).fit(50 * updates)
    assert longer.learning_rate_now > fitter.learning_rate_now


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL + "[optimzer]\n", "no setting 'optimzer'; did you mean 'optimizer'"),
        (MINIMAL + "streams = 3\nwindw = 1\n", "no setting 'windw'; did you mean 'window'"),
        (MINIMAL + "[optimizer]\nname = 'Adam'\nlr = -1\n", "Adam refuses"),
        (MINIMAL + "[optimizer]\nlr = 1\n", "name must be a string, got None"),
        ("samples = 0\n" + MINIMAL, "samples must be a positive int, got 0"),
        ("samples = 10\n", "has no .model."),
        ("signal = 3\n" + MINIMAL[MINIMAL.index("[model]") :], "a signal is a table with a name"),
        ("= 3", "not valid TOML"),
    ],
)
def test_a_wrong_experiment_says_why(text, message):
    with pytest.raises(ValueError, match=message):
        from_toml(text)


def test_files_that_are_not_there_or_not_text(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file at"):
        read_experiment(tmp_path / "gone.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="not text in UTF-8"):
        read_experiment(tmp_path / "binary.toml")
