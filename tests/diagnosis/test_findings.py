"""What a diagnosis says, and how its suggestions are followed."""

import json
import math

import pytest
import torch

from seqfit import Fitter, recipes
from seqfit.configuration import ConfigurationError
from seqfit.diagnosis import Curve, Diagnosis, Finding, Suggestion, follow
from seqfit.evaluation import Interval
from seqfit.fitting import to_toml
from seqfit.models import GRU, Wrap


def finding(kind, is_bad, gain, suggestion=None):
    curve = Curve("t", "x", "y", (1.0,), (("line", (math.nan,)),))
    return Finding(
        kind,
        is_bad,
        2.0,
        Interval(1.0, 3.0),
        1.5,
        "times",
        f"{kind}!",
        suggestion,
        gain,
        curve=curve,
    )


def test_the_greatest_gain_comes_first_and_what_is_in_order_last():
    made = Diagnosis.of(
        [finding("a", False, 9.0), finding("b", True, 2.0), finding("c", True, 3.0)],
        ["d"],
        1.0,
        2.0,
    )
    assert [found.kind for found in made.findings] == ["c", "b", "a"]
    assert [found.kind for found in made.bad] == ["c", "b"]


def test_what_was_not_tried_comes_behind_what_was_in_its_order():
    made = Diagnosis.of(
        [
            finding("untried", True, None, Suggestion("do", {"clip": 1.0})),
            finding("fine", False, None),
            finding("worse", True, 0.9),
            finding("unknown", True, None),
            finding("better", True, 1.5, Suggestion("try", {"clip": 2.0})),
        ],
        [],
        1.0,
        2.0,
    )
    kinds = [found.kind for found in made.findings]
    assert kinds == ["better", "untried", "worse", "unknown", "fine"]
    assert "do (Not tried.)" in str(made)


def test_the_first_suggestion_is_that_of_the_first_finding_that_has_one():
    suggestion = Suggestion("do", {"clip": 1.0})
    made = Diagnosis.of(
        [finding("a", True, 3.0), finding("b", True, 2.0, suggestion)], [], 1.0, 2.0
    )
    assert made.first_suggestion is suggestion
    assert Diagnosis.of([], [], 1.0, 2.0).first_suggestion is None


def test_a_diagnosis_is_data_for_json():
    made = Diagnosis.of([finding("a", True, 3.0, Suggestion("do"))], ["x: y"], 1.0, 2.0)
    data = json.loads(json.dumps(made.as_dict(), allow_nan=False))
    assert data["findings"][0]["interval"] == {"low": 1.0, "high": 3.0}
    assert data["findings"][0]["suggestion"] == {"words": "do", "changes": {}}
    assert data["findings"][0]["curve"]["lines"] == [["line", [None]]]
    assert data["not_told"] == ["x: y"]
    assert "1. a!\n   do" in str(made)
    assert "Not told: x: y." in str(made)


def test_changes_reach_settings_whole_parts_and_take_settings_away():
    before = recipes.gru(samples=5_000)
    changes = {
        "model.hidden": 7,
        "schedule": {"name": "every_window", "window": 9},
        "learning_rate": None,
        "optimizer.lr": 0.5,
    }
    after = follow(before, changes)
    assert after.model.hidden == 7
    assert (after.schedule.window, after.learning_rate) == (9, None)
    assert after.optimizer.options["lr"] == 0.5
    assert before == recipes.gru(samples=5_000)
    assert "hidden = 7" in to_toml(after)


def test_a_path_that_leads_nowhere_is_named():
    with pytest.raises(ConfigurationError, match=r"no table for the change of 'modl.hidden'"):
        follow(recipes.gru(), {"modl.hidden": 3})
    with pytest.raises(ConfigurationError, match=r"no setting 'hiden'; did you mean 'hidden'"):
        follow(recipes.gru(), {"model.hiden": 3})


def test_a_part_that_can_not_be_written_stays_or_is_replaced_as_a_whole():
    wrapped = Wrap(lambda i, o: torch.nn.GRU(i, o), lambda n: torch.zeros(1, n, 1), stream_axis=1)
    before = recipes.gru(model=wrapped)
    assert follow(before, {"clip": 0.5}).model is wrapped
    assert follow(before, {"model": {"name": "gru"}}).model == GRU()
    with pytest.raises(ConfigurationError, match=r"no table for the change of 'model.module'"):
        follow(before, {"model.module": 3})


def test_a_copy_of_a_fit_goes_on_as_the_fit_itself():
    fitter = Fitter.of(recipes.gru(samples=2_000, model=GRU(hidden=4, head=()))).fit(1_003)
    other = fitter.copy()
    other.fit(500)
    again = fitter.copy()
    fitter.fit(500)
    again.fit(500)
    for one, two, three in zip(
        *(f.module.parameters() for f in (fitter, other, again)), strict=True
    ):
        assert torch.equal(one, two)
        assert torch.equal(one, three)
