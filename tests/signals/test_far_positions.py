"""Positions far ahead are reached at once, and what lies there is what generating leads to."""

import time

import numpy as np
import pytest

from seqfit import plugins
from seqfit.randomness import uniforms
from seqfit.signals import (
    PRBS,
    Beside,
    Dropout,
    MarkovLevels,
    Noisy,
    RandomHold,
    Recorded,
    Signal,
    Sum,
    Switch,
)
from seqfit.states import same

FAR = 10**9
IN_ORDER = {"logistic_map", "henon_map", "lorenz", "roessler", "mackey_glass"}
NESTED = Sum([Switch([Noisy(RandomHold()), PRBS(31)]), Dropout(MarkovLevels(), probability=0.5)])
EXAMPLES = {
    "beside": Beside([RandomHold(), NESTED]),
    "recorded": Recorded({"u": np.arange(7.0)}, ["u"]),
}


NOT_RANDOM = {"chirp", "square", "pulse_train", "sine"}


def example(name):
    return EXAMPLES[name] if name in EXAMPLES else plugins.load("signals", name)()


ANYWHERE = [name for name in plugins.names("signals") if name not in {*IN_ORDER, "recorded"}]


@pytest.mark.parametrize("name", ANYWHERE)
def test_a_far_position_is_reached_at_once(name):
    signal = example(name)
    state = signal.start(3, seed=5)
    signal.generate(signal.skip(state, 1000), 10)  # compiles
    begin = time.process_time()
    x, after = signal.generate(signal.skip(state, FAR), 100)
    assert time.process_time() - begin < 1  # generating would take more than ten seconds
    # From another position, in another chunk.
    before, also_after = signal.generate(signal.skip(state, FAR - 300), 400)
    np.testing.assert_array_equal(x, before[300:])
    assert same(after, also_after)
    assert len(np.unique(before)) > 1


@pytest.mark.parametrize(
    "signal",
    [
        RandomHold(jump_probability=1e-6),
        MarkovLevels(transitions=[[1 - 1e-6, 1e-6], [1e-6, 1 - 1e-6]]),
        Dropout(RandomHold(), probability=1 - 1e-6),
    ],
    ids=repr,
)
def test_a_far_position_is_reached_though_what_is_held_changes_hardly_ever(signal):
    state = signal.start(1, seed=5)
    signal.generate(signal.skip(state, 1000), 10)  # compiles
    begin = time.process_time()
    after = signal.skip(state, FAR)
    assert time.process_time() - begin < 5  # generating would take more than ten seconds
    nearer = signal.skip(state, FAR - 1_000)
    assert same(after, signal.generate(nearer, 1_000)[1])


@pytest.mark.parametrize("name", sorted(IN_ORDER))
def test_orbits_generate_what_lies_between(name):
    signal = example(name)
    assert type(signal).skip is Signal.skip
    state = signal.start(2, seed=5)
    assert same(signal.skip(state, 10_000), signal.generate(state, 10_000)[1])


@pytest.mark.parametrize(
    "signal",
    [
        RandomHold(jump_probability=0.001),
        RandomHold(jump_probability=0),
        MarkovLevels(transitions=[[0, 1], [1, 0]]),  # never forgets where it began
        MarkovLevels([1, 2, 3], [[0.9, 0.1, 0], [0, 0.9, 0.1], [0.1, 0, 0.9]], initial=2),
        MarkovLevels(transitions=[[0.999, 0.001], [0.001, 0.999]]),
        Dropout(RandomHold(), probability=0.999),
        Dropout(RandomHold(), probability=1, fill=0.5),
        Dropout(RandomHold(), probability=1),
    ],
    ids=repr,
)
def test_what_is_held_is_found_however_long_it_is_held(signal):
    state = signal.start(4, seed=1)
    for length in (63, 64, 65, 2_048, 70_000):
        assert same(signal.skip(state, length), signal.generate(state, length)[1])


def test_random_hold_far_away_holds_the_number_of_its_last_jump():
    signal = RandomHold()
    x, _ = signal.generate(signal.skip(signal.start(1, seed=3), FAR), 1)
    u = uniforms(3, 1, FAR - 500, 501, draws=2)[:, 0]
    assert x[0, 0, 0] == np.float32(u[u[:, 0] < 0.1][-1, 1])


@pytest.mark.parametrize("name", ANYWHERE)
@pytest.mark.parametrize("length", [-1, 1.5, True, "3"])
def test_there_is_no_going_back(name, length):
    signal = example(name)
    with pytest.raises(ValueError, match=r"^length must be a non-negative int, got "):
        signal.skip(signal.start(1, seed=0), length)


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5])
def test_what_is_not_a_seed_is_refused(seed):
    for name in set(ANYWHERE) - NOT_RANDOM:
        signal = example(name)
        with pytest.raises(ValueError, match=r"^seed must be an int from 0 to 2\*\*63 - 1, got "):
            signal.generate(signal.start(1, seed), 1)
