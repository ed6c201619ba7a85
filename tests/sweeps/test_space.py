"""What a sweep may choose, and what is refused before the first trial."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqfit.configuration import ConfigurationError
from seqfit.fitting import TorchOptimizer
from seqfit.models import LSTM
from seqfit.sweeps import Choice, Range, Sweep, from_toml, to_toml

BASE = """
samples = 2000
[signal]
name = "random_hold"
[target]
name = "saturated_integral"
[model]
name = "gru"
hidden = 8
head = [4, 4]
[schedule]
name = "accumulate"
window = 10
every = 50
[optimizer]
name = "Adam"
lr = 1e-3
betas = [0.9, 0.99]
"""


def sweep(space, own=""):
    return from_toml(f"{BASE}\n[space]\n{space}\n[sweep]\n{own}")


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ("model.hiden = {int = [4, 8]}", "no setting 'model.hiden'; did you mean 'model.hidden'?"),
        ("modle.hidden = {int = [4, 8]}", "no setting 'modle'; did you mean 'model'?"),
        ("optimizer.lrr = {float = [0.1, 1]}", "did you mean 'optimizer.lr'?"),
        ("model.hidden.x = {int = [4, 8]}", "model.hidden is 8 and has no settings"),
        ("learning_rate.max_lr = {float = [0.1, 1]}", "learning_rate is None"),
        ("model.head.2 = {int = [4, 8]}", r"no setting 'model.head.2'"),
        ("model.hidden = {int = [0, 8]}", "hidden = 0: .* must be a positive int, got 0"),
        ("model.hidden = {float = [4, 8]}", r"must be a positive int, got 4.0"),
        ("optimizer.lr = {float = [-1, 1]}", "Adam refuses .*Invalid learning rate: -1"),
        ("optimizer.lr = {float = [1, 0.1]}", r"optimizer.lr: `low <= high`"),
        ("optimizer.lr = {float = [0.1]}", r"float takes \[low, high\], got \[0.1\]"),
        ("model.hidden = {int = [4, 8.5]}", r"a range of int takes ints, got high=8.5"),
        ("model.hidden = {int = [4, 8], logg = true}", "no option 'logg'; did you mean 'log'?"),
        ("model.hidden = {int = [4, 8], log = 1}", "log must be true or false, got 1"),
        ("model.hidden = {choice = []}", "one or more values"),
        ("model.hidden = {choice = [4, 4]}", "different values, got 4 twice"),
        ("model.hidden = 3", r"say what to choose from, as one of .*; got 3"),
        ("", "is empty"),
        ("model = {choice = ['gru', 'lstmm']}", "did you mean 'lstm'?"),
        ("model = {choice = [{name = 'rnn', activation = 'tan'}]}", "must be one of tanh, relu"),
        ("schedule.window = {int = [10, 51]}", "window must not exceed every=50, got 51"),
        ("loss = {choice = ['l1', 'l2']}", "loss"),
    ],
)
def test_what_is_wrong_in_the_space_is_said(space, message):
    with pytest.raises(ConfigurationError, match=message) as found:
        sweep(space)
    assert "[space]" in str(found.value)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ("metrik = 'mae'", "no setting 'metrik'; did you mean 'metric'?"),
        ("metric = 'rsme'", "metric must be one of rmse, mae, nrmse, got 'rsme'; did you mean"),
        ("reports = 0", "reports must be a positive int, got 0"),
        ("washout = 5000", "washout must be below length=5000, got 5000"),
        ("name = 'a/b'", "name must be a name without slashes, got 'a/b'"),
        ("sampler = 'TPESamplr'", "got 'TPESamplr'; did you mean 'TPESampler'?"),
        ("sampler = 3", "a sampler is a table with a name and its options, got 3"),
        ("sampler = {name = 'TPESampler', n_startup = 3}", "did you mean 'n_startup_trials'?"),
        ("pruner = {name = 'PercentilePruner', percentile = 200}", "PercentilePruner refuses"),
        ("pruner = {name = 'PatientPruner', wrapped_pruner = {name = 'No'}}", "got 'No'"),
    ],
)
def test_what_is_wrong_in_the_sweep_is_said(own, message):
    with pytest.raises(ConfigurationError, match=message):
        sweep("model.hidden = {int = [4, 8]}", own)


def test_a_sweep_without_a_space_is_refused():
    with pytest.raises(ConfigurationError, match=r"has no \[space\]"):
        from_toml(BASE)


def test_settings_that_go_together_are_possible_though_not_with_the_base():
    what = sweep("schedule.window = {choice = [60]}\nschedule.every = {int = [50, 100]}")
    assert (
        what.space.experiment({"schedule.window": 60, "schedule.every": 80}).schedule.window == 60
    )
    with pytest.raises(ConfigurationError, match="window must not exceed every=50"):
        what.space.experiment({"schedule.window": 60, "schedule.every": 50})


def test_settings_of_a_component_that_is_not_chosen_are_left_out():
    what = sweep(
        "'model.activation' = {choice = ['tanh', 'relu']}\n"
        "model = {choice = ['gru', {name = 'rnn', hidden = 5, head = []}]}\n"
        "'model.hidden' = {int = [4, 8]}"
    )
    asked = []

    def first(path, chosen_from):
        asked.append(path)
        return chosen_from.examples()[0]

    def last(path, chosen_from):
        asked.append(path)
        return chosen_from.examples()[-1]

    gru, rnn = what.space.draw(first).model, what.space.draw(last).model
    assert (type(gru).__name__, gru.hidden, gru.head) == ("GRU", 4, (50,))
    assert (type(rnn).__name__, rnn.hidden, rnn.activation, rnn.head) == ("RNN", 8, "relu", ())
    assert asked == ["model", "model.hidden", "model", "model.activation", "model.hidden"]
    assert what.space.draw(first).model == gru  # nothing of a draw is left behind


def test_another_name_keeps_the_settings():
    what = sweep("model.name = {choice = ['lstm']}\noptimizer.name = {choice = ['RAdam']}")
    made = what.space.experiment({"model.name": "lstm", "optimizer.name": "RAdam"})
    assert made.model == LSTM(hidden=8, head=(4, 4))
    assert made.optimizer == TorchOptimizer("RAdam", {"lr": 1e-3, "betas": [0.9, 0.99]})
    with pytest.raises(ConfigurationError, match="optimizer.name = 'SGD': .*'betas'"):
        sweep("optimizer.name = {choice = ['SGD']}")


def test_settings_inside_lists_and_none():
    what = sweep(
        "model.head.1 = {int = [2, 6]}\noptimizer.betas.0 = {float = [0.5, 0.9]}\n"
        "clip = {choice = [1.0, 'none']}"
    )
    chosen = {"model.head.1": 6, "optimizer.betas.0": 0.5, "clip": "none"}
    made = what.space.experiment(chosen)
    assert made.model.head == (4, 6)
    assert made.optimizer.options["betas"] == [0.5, 0.99]
    assert made.clip is None
    assert what.space.experiment(chosen | {"clip": 1.0}).clip == 1.0


@settings(deadline=None, max_examples=20)  # each builds two experiments
@given(st.integers(0, 2**32 - 1))
def test_a_draw_is_the_experiment_of_its_values(seed):
    rng, chosen = random.Random(seed), {}

    def suggest(path, chosen_from):
        match chosen_from:
            case Choice():
                chosen[path] = rng.choice(chosen_from.labels)
            case Range(kind="int", low=low, high=high):
                chosen[path] = rng.randint(low, high)
            case Range(low=low, high=high):
                chosen[path] = rng.uniform(low, high)
        return chosen[path]

    assert SWEEP.space.draw(suggest) == SWEEP.space.experiment(chosen)


SWEEP = sweep(
    "model = {choice = ['gru', {name = 'lstm', hidden = 5}, {name = 'lstm', hidden = 6}]}\n"
    "'model.layers' = {int = [1, 3], step = 2}\noptimizer.lr = {float = [1e-4, 1], log = true}\n"
    "'model.head' = {choice = [[], [8, 8]]}",
    "sampler = {name = 'RandomSampler'}\npruner = {name = 'PatientPruner', patience = 2, "
    "wrapped_pruner = {name = 'MedianPruner', n_startup_trials = 3}}\nmetric = 'nrmse'",
)


def test_a_sweep_is_read_back_from_its_toml():
    assert from_toml(to_toml(SWEEP)) == SWEEP
    assert isinstance(SWEEP, Sweep)
    assert SWEEP.space.dimensions["model"].labels == ["gru", "lstm:hidden=5", "lstm:hidden=6"]
    assert SWEEP.space.dimensions["model.head"].labels == ["[]", "[8, 8]"]


def test_a_sampler_made_anew_chooses_the_same_for_a_trial_and_other_things_for_another():
    made = [SWEEP.sampler.make(7, number)._rng.rng.random_sample() for number in (0, 1, 0)]
    assert made[0] == made[2] != made[1]
