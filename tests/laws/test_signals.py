"""Signals obey the laws of their kind whatever their parameters, and whatever they are made of."""

import numpy as np
import pytest
from hypothesis import strategies as st

from seqfit.recordings import Recording
from seqfit.signals import (
    APRBS,
    PRBS,
    Beside,
    Chirp,
    Clip,
    Dropout,
    Events,
    Gain,
    GaussianNoise,
    HenonMap,
    LogisticMap,
    Lorenz,
    MackeyGlass,
    MarkovLevels,
    Multisine,
    Noisy,
    OrnsteinUhlenbeck,
    PoissonEvents,
    Product,
    PulseTrain,
    RandomHold,
    RandomWalk,
    Recorded,
    Roessler,
    Sine,
    Square,
    Sum,
    Switch,
    UniformNoise,
)
from seqfit.testing import check_signal

numbers = st.floats(-5, 5, width=32)
lows = st.floats(-5, 0, width=32)
highs = st.floats(0.125, 5, width=32)
rates = st.floats(0.001, 4)
phases = st.none() | st.floats(0, 1)
shifts = st.none() | st.integers(0, 10**12)
discarded = st.integers(0, 50)


@st.composite
def chains(draw):
    levels = draw(st.lists(numbers, min_size=1, max_size=4))
    weights = st.lists(st.integers(0, 5), min_size=len(levels), max_size=len(levels))
    rows = [draw(weights.filter(any)) for _ in levels]
    transitions = [[weight / sum(row) for weight in row] for row in rows]
    return MarkovLevels(levels, transitions, initial=draw(st.integers(0, len(levels) - 1)))


@st.composite
def multisines(draw):
    period = draw(st.integers(3, 200))
    last = draw(st.integers(1, (period - 1) // 2))
    first = draw(st.integers(1, last))
    phases = draw(st.sampled_from(["random", "schroeder"]))
    return Multisine(period, first, last, deviation=draw(highs), offset=draw(lows), phases=phases)


@st.composite
def pulse_trains(draw):
    period = draw(st.integers(2, 60))
    width = draw(st.integers(1, period - 1))
    return PulseTrain(period, width, low=draw(lows), high=draw(highs), phase=draw(shifts))


@st.composite
def mackey_glasses(draw):
    delay = draw(st.floats(1, 30))
    return MackeyGlass(
        delay=delay,
        gain=draw(st.floats(0.01, 1)),
        exponent=draw(st.integers(1, 400)),
        decay=draw(st.floats(0.01, 1)),
        step=delay / draw(st.integers(round(delay), 60)),
        steps=draw(st.integers(1, 5)),
        initial=draw(st.none() | st.floats(0, 3)),
        discarded=draw(discarded),
    )


SIGNALS = {
    "ornstein_uhlenbeck": (
        st.builds(
            OrnsteinUhlenbeck,
            time=st.floats(0.01, 1e5),
            mean=numbers,
            deviation=highs,
            initial=st.none() | numbers,
        ),
        [{"time": 0.0}, {"deviation": -1.0}, {"initial": np.nan}, {"mean": np.inf}],
    ),
    "random_walk": (
        st.builds(
            RandomWalk, step=st.floats(0.001, 100), low=lows, high=highs, initial=st.just(0.0)
        ),
        [{"step": 0.0}, {"low": 1.0}, {"initial": 1.5}, {"initial": "0"}],
    ),
    "markov_levels": (
        chains(),
        [
            {"levels": []},
            {"levels": [0.0, np.nan]},
            {"levels": [1.0]},
            {"transitions": [[0.5, 0.5], [0.5, 0.6]]},
            {"transitions": [[0.5, 0.5], [1.5, -0.5]]},
            {"transitions": 0.1},
            {"initial": 2},
        ],
    ),
    "poisson_events": (
        st.builds(PoissonEvents, rate=st.floats(1e-9, 1e4), channels=st.integers(1, 4)),
        [{"rate": 0.0}, {"rate": 1e5}, {"channels": 0}],
    ),
    "square": (
        st.builds(
            Square,
            period=st.floats(0.1, 1000),
            duty=st.floats(0.01, 0.99),
            low=lows,
            high=highs,
            phase=phases,
        ),
        [{"period": 0}, {"duty": 0.0}, {"duty": 1.0}, {"high": -1.0}, {"phase": np.nan}],
    ),
    "pulse_train": (
        pulse_trains(),
        [{"period": 1}, {"width": 0}, {"width": 20}, {"width": 1.0}, {"phase": -1}],
    ),
    "chirp": (
        st.builds(
            Chirp,
            first=st.floats(1e-4, 1),
            last=st.floats(1e-4, 1) | st.just(0.25),
            sweep=st.floats(1, 1e6),
            method=st.sampled_from(["linear", "logarithmic"]),
            amplitude=numbers,
            phase=phases,
        ),
        [{"first": 0}, {"last": -0.1}, {"sweep": 0}, {"method": "quadratic"}, {"phase": "0"}],
    ),
    "multisine": (
        multisines(),
        [{"first": 0}, {"last": 500}, {"first": 60}, {"period": 2}, {"phases": "zero"}],
    ),
    "prbs": (
        st.builds(
            PRBS,
            order=st.integers(2, 32),
            hold=st.integers(1, 20),
            low=lows,
            high=highs,
            phase=shifts,
        ),
        [{"order": 1}, {"order": 33}, {"hold": 0}, {"low": 1.0}, {"phase": -1}],
    ),
    "aprbs": (
        st.builds(
            APRBS,
            order=st.integers(2, 32),
            hold=st.integers(1, 20),
            low=lows,
            high=highs,
            phase=shifts,
        ),
        [{"order": 9.0}, {"hold": None}, {"high": -1.0}, {"phase": 0.5}],
    ),
    "logistic_map": (
        st.builds(
            LogisticMap,
            rate=rates,
            initial=st.none() | st.floats(0, 1),
            discarded=discarded,
        ),
        [{"rate": 0.0}, {"rate": 4.1}, {"initial": -0.1}, {"discarded": -1}],
    ),
    "henon_map": (
        st.builds(
            HenonMap,
            a=st.floats(1, 1.4),
            b=st.floats(-0.3, 0.3),
            initial=st.none() | st.just((0.1, 0.0)),
            discarded=discarded,
        ),
        [{"a": np.nan}, {"initial": 0.1}, {"initial": (0.1,)}, {"initial": (0.1, np.inf)}],
    ),
    "lorenz": (
        st.builds(
            Lorenz,
            sigma=st.floats(1, 12),
            rho=st.floats(0.5, 40),
            beta=st.floats(0.5, 4),
            step=st.floats(0.001, 0.01),
            steps=st.integers(1, 4),
            initial=st.none() | st.just((1.0, 2.0, 3.0)),
            discarded=discarded,
        ),
        [{"sigma": 0}, {"rho": -1}, {"beta": None}, {"step": 0}, {"steps": 0}, {"initial": 1}],
    ),
    "roessler": (
        st.builds(
            Roessler,
            a=st.floats(0.05, 0.2),
            b=st.floats(0.1, 0.3),
            c=st.floats(4, 6),
            step=st.floats(0.001, 0.05),
            initial=st.none() | st.just((1.0, 1.0, 0.0)),
            discarded=discarded,
        ),
        [{"a": 0}, {"c": "5"}, {"steps": 1.5}, {"initial": (0.0, 0.0, np.nan)}],
    ),
    "mackey_glass": (
        mackey_glasses(),
        [
            {"delay": 0},
            {"step": 0.3},
            {"step": 20.0},
            {"exponent": 9.5},
            {"initial": -0.1},
            {"decay": 0},
        ],
    ),
}


@pytest.mark.parametrize("name", SIGNALS)
def test_signals_obey_the_laws_whatever_their_parameters(name):
    signals, bad_arguments = SIGNALS[name]
    check_signal(signals, bad_arguments=bad_arguments, examples=15)


RECORDING = Recording({"u": np.linspace(-1, 1, 40)}, repeat=True)
LEAVES = st.one_of(
    st.builds(RandomHold, jump_probability=st.floats(0, 1), low=lows, high=highs),
    st.builds(UniformNoise, low=lows, high=highs),
    st.builds(GaussianNoise, deviation=highs),
    st.builds(Events, probability=st.floats(0, 1)),
    st.just(Recorded(RECORDING, ["u"], dtype="float64")),
    *(signals for name, (signals, _) in SIGNALS.items() if name in ("prbs", "square", "multisine")),
    st.just(RandomWalk()),
    st.just(MackeyGlass(discarded=0)),
)


def made_of(signals):
    """Combinations of signals with one channel each that have one channel."""
    parts = st.lists(signals, min_size=1, max_size=3)
    return st.one_of(
        st.builds(Sum, parts),
        st.builds(Product, parts),
        st.builds(Switch, parts, switch_probability=st.floats(0, 1)),
        st.builds(Gain, signals, gain=numbers, offset=numbers),
        st.builds(Clip, signals, low=lows, high=highs),
        st.builds(Noisy, signals, deviation=highs),
        st.builds(
            Dropout, signals, probability=st.floats(0, 1), fill=st.none() | st.just(0.1) | numbers
        ),
    )


combinations = st.recursive(LEAVES, made_of, max_leaves=6)


def test_combinations_of_combinations_obey_the_laws():
    check_signal(made_of(combinations), examples=15)


def test_channels_side_by_side_obey_the_laws_within_combinations():
    wide = st.lists(combinations, min_size=2, max_size=2).map(Beside) | st.just(HenonMap())
    pairs = st.lists(wide, min_size=1, max_size=2)
    check_signal(
        st.one_of(
            st.builds(Sum, pairs),
            st.builds(Switch, pairs, switch_probability=st.floats(0, 1)),
            st.builds(Noisy, wide),
            st.builds(Dropout, wide, probability=st.floats(0, 1)),
            st.builds(Beside, pairs),
        ),
        examples=10,
    )


@pytest.mark.parametrize(
    ("signal", "bad_arguments"),
    [
        (Sum(), [{"parts": []}, {"parts": 1}, {"parts": [Sine(), Lorenz()]}]),
        (Product(), [{"parts": [Sine(), 2.0]}, {"parts": [HenonMap(), Sine()]}]),
        (Switch(), [{"switch_probability": 1.1}, {"parts": [Sine(), Lorenz()]}]),
        (Gain(), [{"signal": 2.0}, {"gain": np.inf}, {"offset": None}]),
        (Clip(), [{"signal": None}, {"low": 0.5}, {"high": np.nan}]),
        (Noisy(), [{"signal": Noisy}, {"deviation": -0.1}]),
        (Dropout(), [{"signal": []}, {"probability": -0.1}, {"fill": np.nan}]),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, list) else "",
)
def test_combinators_refuse_bad_arguments(signal, bad_arguments):
    check_signal(signal, bad_arguments=bad_arguments, examples=5)
