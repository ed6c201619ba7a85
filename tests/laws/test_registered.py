"""Every registered component obeys the laws of its kind."""

import numpy as np
import pytest
from hypothesis import strategies as st

from seqfit import Fitter, plugins
from seqfit.models import GRU, LSTM, RNN, DiagonalStateSpace, Scaled, Wrap
from seqfit.recordings import Recording
from seqfit.schedules import Accumulate, EveryWindow, Replay, TruncatedBPTT
from seqfit.signals import Beside, Events, GaussianNoise, RandomHold, Recorded, Sine, UniformNoise
from seqfit.targets import Beside as BesideTargets
from seqfit.targets import (
    Chain,
    Counter,
    DeadZone,
    Debounce,
    Delay,
    DelayedParity,
    LeakyIntegral,
    Missing,
    MovingStatistic,
    Noisy,
    PeakHold,
    Play,
    Product,
    RateLimiter,
    RecordedOutput,
    Relay,
    RunningParity,
    SampleHold,
    SaturatedIntegral,
    Stop,
    Sum,
    Switch,
    Threshold,
)
from seqfit.testing import (
    check_fitter,
    check_model,
    check_schedule,
    check_signal,
    check_target,
    samples,
)

CHECKS = {
    "signals": check_signal,
    "targets": check_target,
    "models": check_model,
    "schedules": check_schedule,
}

ROWS = np.random.default_rng(0).normal(size=(60, 3))
ENDLESS = Recording({"u": ROWS, "y": ROWS[::-1] ** 2}, repeat=True)
FINITE = Recording({"u": ROWS[:, 0], "v": ROWS[:, 1]}, stretch="train")

# What has no defaults is checked as an example of it.
EXAMPLES = {
    ("signals", "recorded"): Recorded(FINITE, ["u", "v"]),
    ("signals", "beside"): Beside([RandomHold(), Events(channels=2), RandomHold()]),
    ("targets", "recorded"): RecordedOutput(ENDLESS, ["y"]),
    ("targets", "chain"): Chain([Delay(3), SaturatedIntegral(), LeakyIntegral()]),
    ("targets", "sum"): Sum([SaturatedIntegral(), Delay(3)]),
    ("targets", "product"): Product([SaturatedIntegral(), Delay(3)]),
    ("targets", "switch"): Switch([SaturatedIntegral(), Delay(3)]),
    ("targets", "beside"): BesideTargets([SaturatedIntegral(), Delay(3)]),
    ("schedules", "replay"): Replay(TruncatedBPTT(k1=2, k2=5), capacity=20, passes=3),
    ("targets", "missing"): Missing(SaturatedIntegral()),
    ("targets", "noisy"): Noisy(SaturatedIntegral(), outliers=0.1),
    ("models", "wrap"): Wrap(GRU(hidden=3).build),
    ("models", "scaled"): Scaled(RNN(hidden=4), (0.5, 1.0), (2.0, 3.0), (0.0, 1.0), (4.0, 0.5)),
}
SETTINGS = {
    ("targets", "triggered_hold"): {"inputs": 2},
    ("targets", "counter"): {"inputs": 2},
    ("targets", "resettable_integral"): {"inputs": 2},
    ("targets", "pid"): {"inputs": 2},
    ("targets", "flip_flop"): {"inputs": 3},
    ("targets", "adding"): {"inputs": 2},
    ("targets", "copy"): {"inputs": 3},
    ("targets", "delayed_match"): {"inputs": 3},
    ("targets", "context_integration"): {"inputs": 4},
    ("targets", "switch"): {"inputs": 2},
    ("targets", "recorded"): {"inputs": samples(streams=st.integers(1, 3))},
}

REGISTERED = [(kind, name) for kind in plugins.KINDS for name in plugins.names(kind)]


@pytest.mark.parametrize(("kind", "name"), REGISTERED)
def test_every_registered_component_obeys_the_laws(kind, name):
    component = EXAMPLES.get((kind, name)) or plugins.load(kind, name)()
    CHECKS[kind](component, **SETTINGS.get((kind, name), {}))


numbers = st.floats(-5, 5, width=32)
lows = st.floats(-5, 0, width=32)
highs = st.floats(0.125, 5, width=32)
widths = st.floats(0.125, 5, width=32)
sizes = st.integers(1, 6)
layers = st.integers(1, 2)
heads = st.lists(sizes, max_size=2).map(tuple)
streams = st.integers(1, 3)
integrals = st.builds(
    SaturatedIntegral, gain=numbers, offset=numbers, low=lows, high=highs, initial=st.just(0.0)
)
leaky_integrals = st.builds(LeakyIntegral, leak=st.floats(0, 1), gain=numbers, initial=numbers)
delays = st.builds(Delay, samples=st.integers(0, 40), initial=numbers)


@st.composite
def phased(draw, schedule, length, **fields):
    """A schedule with a phase below the field `length`."""
    values = {name: draw(values) for name, values in fields.items()}
    return schedule(phase=draw(st.integers(0, values[length] - 1)), **values)


class TestSignals:
    @pytest.mark.parametrize(
        ("signals", "bad_arguments"),
        [
            (
                st.builds(
                    RandomHold,
                    jump_probability=st.floats(0, 1),
                    low=lows,
                    high=highs,
                    initial=numbers,
                ),
                [
                    {"jump_probability": 1.5},
                    {"low": 1.0, "high": 1.0},
                    {"high": np.nan},
                    {"initial": "0"},
                ],
            ),
            (
                st.builds(UniformNoise, low=lows, high=highs, channels=sizes),
                [{"low": 2.0}, {"channels": 0}, {"channels": 1.0}, {"high": np.inf}],
            ),
            (
                st.builds(GaussianNoise, mean=numbers, deviation=highs, channels=sizes),
                [{"deviation": -1.0}, {"mean": None}, {"channels": True}],
            ),
            (
                st.builds(
                    Sine,
                    period=st.floats(0.1, 1000),
                    amplitude=numbers,
                    offset=numbers,
                    phase=st.none() | st.floats(0, 1),
                ),
                [{"period": 0.0}, {"amplitude": np.inf}, {"phase": "0"}],
            ),
            (
                st.builds(
                    Recorded,
                    st.builds(
                        Recording,
                        st.just({"u": ROWS, "v": -ROWS}),
                        stretch=st.sampled_from(["all", "train", "validation", "test"]),
                        repeat=st.booleans(),
                    ),
                    st.sampled_from([["u"], ["u", "v"]]),
                    dtype=st.sampled_from(["float32", "float64"]),
                ),
                [
                    {"recording": 3, "columns": ["u"]},
                    {"recording": FINITE, "columns": ["w"]},
                    {"recording": FINITE, "columns": ["u"], "dtype": "int32"},
                ],
            ),
            (
                st.builds(Events, probability=st.floats(0, 1), channels=sizes),
                [{"probability": -0.1}, {"channels": 0}],
            ),
            (
                st.lists(
                    st.builds(Events, probability=st.floats(0, 1), channels=sizes)
                    | st.builds(RandomHold, jump_probability=st.floats(0, 1)),
                    min_size=1,
                    max_size=3,
                ).map(Beside),
                [{"parts": []}, {"parts": [1]}, {"parts": 3}],
            ),
        ],
        ids=[
            "random_hold",
            "uniform_noise",
            "gaussian_noise",
            "sine",
            "recorded",
            "events",
            "beside",
        ],
    )
    def test_obey_the_laws_whatever_their_parameters(self, signals, bad_arguments):
        check_signal(signals, bad_arguments=bad_arguments)


class TestTargets:
    @pytest.mark.parametrize(
        ("targets", "bad_arguments"),
        [
            (
                integrals,
                [{"low": 1.0}, {"initial": 2.0}, {"gain": np.nan}, {"offset": "0"}],
            ),
            (leaky_integrals, [{"leak": -0.1}, {"leak": 1.1}, {"gain": np.inf}]),
            (delays, [{"samples": -1}, {"samples": 1.5}, {"initial": np.nan}]),
            (
                st.builds(Play, width=widths, initial=numbers),
                [{"width": 0.0}, {"width": np.inf}, {"initial": np.nan}],
            ),
            (
                st.builds(Stop, width=widths, initial=st.just(0.0)),
                [{"width": -1.0}, {"width": 1.0, "initial": 0.6}, {"initial": "0"}],
            ),
            (
                st.builds(Relay, low=lows, high=highs, off=lows, on=highs, starts_on=st.booleans()),
                [{"low": 0.75}, {"on": 0.0}, {"off": 1.0}, {"starts_on": 1}, {"high": np.nan}],
            ),
            (
                st.builds(RateLimiter, up=widths, down=widths, initial=numbers),
                [{"up": 0.0}, {"down": -1.0}, {"initial": None}],
            ),
            (st.builds(DeadZone, low=lows, high=highs), [{"low": 0.5}, {"high": np.inf}]),
            (st.builds(SampleHold, every=st.integers(1, 40)), [{"every": 0}, {"every": 2.0}]),
            (
                st.builds(PeakHold, decay=st.floats(0, 1), initial=numbers),
                [{"decay": 1.5}, {"decay": -0.5}, {"initial": np.nan}],
            ),
            (
                st.builds(
                    MovingStatistic,
                    statistic=st.sampled_from(["mean", "maximum", "minimum"]),
                    window=st.integers(1, 40),
                ),
                [{"window": 0}, {"window": True}, {"statistic": "median"}],
            ),
            (st.builds(Threshold, threshold=numbers), [{"threshold": np.nan}]),
            (
                st.builds(Debounce, samples=st.integers(1, 10), threshold=numbers),
                [{"samples": 0}, {"threshold": np.inf}],
            ),
            (st.builds(RunningParity, threshold=numbers), [{"threshold": "0"}]),
            (
                st.builds(
                    DelayedParity,
                    bits=st.integers(1, 10),
                    delay=st.integers(0, 20),
                    threshold=numbers,
                ),
                [{"bits": 0}, {"delay": -1}, {"threshold": None}],
            ),
            (
                st.lists(integrals | leaky_integrals | delays, min_size=1, max_size=3).map(Chain),
                [{"parts": []}, {"parts": [1]}, {"parts": 1}],
            ),
        ],
        ids=[
            "saturated_integral",
            "leaky_integral",
            "delay",
            "play",
            "stop",
            "relay",
            "rate_limiter",
            "dead_zone",
            "sample_hold",
            "peak_hold",
            "moving_statistic",
            "threshold",
            "debounce",
            "running_parity",
            "delayed_parity",
            "chain",
        ],
    )
    def test_obey_the_laws_whatever_their_parameters(self, targets, bad_arguments):
        check_target(targets, bad_arguments=bad_arguments)

    @pytest.mark.parametrize(
        "target",
        [
            SaturatedIntegral(),
            LeakyIntegral(),
            Delay(2),
            Play(),
            Stop(),
            Relay(),
            RateLimiter(),
            DeadZone(),
            SampleHold(3),
            PeakHold(),
            MovingStatistic(window=3),
            Threshold(),
            Debounce(),
            RunningParity(),
            DelayedParity(),
        ],
        ids=repr,
    )
    def test_take_several_channels(self, target):
        check_target(target, inputs=3, examples=10)

    def test_ones_that_miss_outputs_obey_the_laws_whatever_is_observed(self):
        missing = st.builds(
            Missing,
            target=st.sampled_from([SaturatedIntegral(), Delay(3), Noisy(Delay(1))]),
            share=st.floats(0, 1),
            seed=st.integers(0, 2**63 - 1),
        )
        bad = [{"target": 3}, {"share": 1.5}, {"share": np.nan}, {"seed": -1}]
        bad_arguments = [{"target": Delay()} | arguments for arguments in bad]
        check_target(missing, bad_arguments=bad_arguments)

    def test_noisy_ones_obey_the_laws_whatever_is_observed(self):
        noisy = st.builds(
            Noisy,
            integrals | leaky_integrals | delays,
            deviation=highs,
            outliers=st.floats(0, 1),
            outlier_deviation=highs,
            seed=st.integers(0, 2**63 - 1),
        )
        bad = [{"deviation": -1.0}, {"outliers": 1.1}, {"seed": -1}, {"seed": 0.5}, {"target": 1}]
        bad_arguments = [{"target": Delay()} | arguments for arguments in bad]
        check_target(noisy, bad_arguments=bad_arguments)
        check_target(Noisy(Delay(2)), inputs=3, examples=10)

    def test_counters_count_whatever_their_threshold(self):
        counters = st.builds(Counter, threshold=numbers)
        check_target(counters, inputs=2, bad_arguments=[{"threshold": np.inf}])


class TestModels:
    @pytest.mark.parametrize(
        ("models", "bad_arguments"),
        [
            (
                st.builds(GRU, hidden=sizes, layers=layers, head=heads),
                [{"hidden": 0}, {"layers": 0}, {"head": [3, -1]}],
            ),
            (
                st.builds(LSTM, hidden=sizes, layers=layers, head=heads),
                [{"hidden": 2.0}, {"layers": True}, {"head": [0]}],
            ),
            (
                st.builds(RNN, hidden=sizes, layers=layers, head=st.just(())),
                [{"hidden": -1}, {"layers": "1"}, {"activation": "sine"}],
            ),
            (
                st.builds(DiagonalStateSpace, size=sizes, head=heads, slowest=st.floats(1.0, 1e4)),
                [{"size": 0}, {"head": [0]}, {"slowest": 0.5}],
            ),
        ],
        ids=["gru", "lstm", "rnn", "diagonal"],
    )
    def test_obey_the_laws_whatever_their_parameters(self, models, bad_arguments):
        check_model(models, inputs=1, outputs=3, bad_arguments=bad_arguments)


class TestSchedules:
    @pytest.mark.parametrize(
        ("schedules", "bad_arguments"),
        [
            (
                phased(EveryWindow, "window", window=sizes, streams=streams),
                [{"window": 0}, {"phase": 2}, {"phase": -1}, {"streams": 0}],
            ),
            (
                phased(
                    Accumulate, "every", window=sizes, every=st.integers(6, 60), streams=streams
                ),
                [{"window": 51}, {"every": 0}, {"phase": 50}, {"streams": 1.0}],
            ),
            (
                st.builds(
                    TruncatedBPTT,
                    k1=st.integers(1, 30),
                    k2=st.integers(1, 60),
                    loss_on=st.sampled_from(["new", "all"]),
                    streams=streams,
                ),
                [{"k1": 0}, {"k2": -1}, {"loss_on": "old"}, {"streams": None}],
            ),
            (
                st.builds(
                    Replay,
                    phased(EveryWindow, "window", window=sizes, streams=streams)
                    | st.builds(TruncatedBPTT, k1=sizes, k2=st.integers(1, 20)),
                    capacity=st.integers(26, 100),
                    passes=st.integers(1, 5),
                    seed=st.integers(0, 2**63 - 1),
                ),
                [
                    {"inner": 3},
                    {"inner": EveryWindow(), "capacity": 0},
                    {"inner": EveryWindow(), "passes": 1.5},
                    {"inner": EveryWindow(), "seed": -1},
                ],
            ),
        ],
        ids=["every_window", "accumulate", "truncated_bptt", "replay"],
    )
    def test_obey_the_laws_whatever_their_parameters(self, schedules, bad_arguments):
        check_schedule(schedules, bad_arguments=bad_arguments)


@pytest.mark.parametrize(
    "schedule",
    [
        EveryWindow(3, phase=1),
        Accumulate(2, 9, phase=1, streams=2),
        TruncatedBPTT(2, 7),
        TruncatedBPTT(5, 7, loss_on="all", streams=3),
        Replay(TruncatedBPTT(3, 7, loss_on="all", streams=2), capacity=12, passes=2),
    ],
    ids=repr,
)
@pytest.mark.parametrize("model", [GRU(hidden=4), LSTM(hidden=3, layers=2, head=()), RNN(5)])
def test_fitters_of_built_in_parts_obey_the_laws(schedule, model):
    def make():
        return Fitter(RandomHold(), SaturatedIntegral(), model, schedule, seed=3)

    check_fitter(make, examples=3)
