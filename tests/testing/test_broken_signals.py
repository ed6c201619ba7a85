"""Signals that each break one law, and correct ones that are as plain as can be."""

import math

import attrs
import numpy as np
import pytest
from hypothesis import strategies as st

from seqfit.signals import Signal
from seqfit.testing import LawViolation, check_signal


@attrs.frozen
class Ramp(Signal):
    """Correct: counts samples."""

    slope: float = 0.5

    def start(self, streams, seed):
        return {"streams": streams, "position": 0}

    def generate(self, state, length):
        times = np.arange(state["position"], state["position"] + length, dtype=np.float32)
        x = np.tile((self.slope * times).astype(np.float32)[:, None, None], (state["streams"], 1))
        return x, state | {"position": state["position"] + length}


class Constant(Signal):
    """Correct: no attrs, no fields, no state to speak of."""

    bounds = (1.0, 1.0)

    def start(self, streams, seed):
        return streams

    def generate(self, state, length):
        return np.ones((length, state, 1), dtype=np.float32), state


class Short(Constant):
    """Correct: ends after 3 samples and has 2 streams, and says so."""

    length = 3
    max_streams = 2

    def start(self, streams, seed):
        assert streams <= 2
        return streams, 0

    def generate(self, state, length):
        streams, position = state
        assert position + length <= 3
        return np.ones((length, streams, 1), dtype=np.float32), (streams, position + length)


@attrs.frozen
class Divisible(Signal):
    """Correct: the streams of a state can run without one another."""

    divisible = True

    def start(self, streams, seed):
        return {"streams": range(streams), "held": np.zeros((2, streams))}

    def generate(self, state, length):
        added = np.arange(1, length + 1)[:, None] * (1 + np.array(state["streams"]))
        x = (state["held"][1] + added).astype(np.float32)  # (length, streams)
        held = np.stack([state["held"][0], x[-1] if length else state["held"][1]])
        return x[..., None], state | {"held": held}


class DivisibleWithoutNumbers(Divisible):
    def start(self, streams, seed):
        return {"held": np.zeros((2, streams))}

    def generate(self, state, length):
        numbered = state | {"streams": range(state["held"].shape[1])}
        x, after = super().generate(numbered, length)
        return x, {"held": after["held"]}


class DivisibleByItsWord(Divisible):
    def start(self, streams, seed):
        return {"streams": streams}

    def generate(self, state, length):
        return np.ones((length, state["streams"], 1), np.float32), state


class LosesItsNumbers(Divisible):
    def generate(self, state, length):
        x, after = super().generate(state, length)
        return x, after | {"streams": range(len(state["streams"]))}


class SeesChunks(Constant):
    bounds = (0.0, math.inf)

    def generate(self, state, length):
        return np.full((length, state, 1), length, dtype=np.float32), state


class SeesEmptyChunks(Ramp):
    def generate(self, state, length):
        x, after = super().generate(state, length)
        return x, after if length else after | {"position": after["position"] + 1}


class SeesStreams(Constant):
    bounds = (0.0, math.inf)

    def generate(self, state, length):
        return np.full((length, state, 1), state, dtype=np.float32), state


class SkipsOneTooFew(Ramp):
    def skip(self, state, length):
        return state | {"position": state["position"] + max(0, length - 1)}


class GlobalGenerator(Constant):
    bounds = (0.0, 1.0)

    def generate(self, state, length):
        return np.random.random((length, state, 1)).astype(np.float32), state  # noqa: NPY002


_calls = []


class CountsCallsInItsModule(Constant):
    bounds = (0.0, math.inf)

    def generate(self, state, length):
        _calls.append(length)
        return np.full((length, state, 1), len(_calls), dtype=np.float32), state


@attrs.define
class CountsCallsInItself(Signal):
    calls: int = 0

    def start(self, streams, seed):
        return streams

    def generate(self, state, length):
        self.calls += 1
        return np.full((length, state, 1), self.calls, dtype=np.float32), state


class IsWrongOnce(Constant):
    """Whichever law first meets the wrong call can't find it again."""

    def __init__(self):
        self.calls = 0

    def generate(self, state, length):
        self.calls += 1
        return np.ones((length, state, 2 if self.calls == 10 else 1), np.float32), state


class KnowsItself(Constant):
    bounds = (0.0, math.inf)

    def generate(self, state, length):
        return np.full((length, state, 1), id(self) // 16 % 65521, dtype=np.float32), state


class MutatesItsState(Ramp):
    def generate(self, state, length):
        x, after = super().generate(state, length)
        state["position"] = after["position"]
        return x, state


class ReusesItsOutput(Constant):
    bounds = (0.0, math.inf)

    def __init__(self):
        self.buffer = np.zeros((1000, 10, 1), dtype=np.float32)

    def start(self, streams, seed):
        return {"streams": streams, "position": 0}

    def generate(self, state, length):
        times = np.arange(length) + state["position"]
        x = self.buffer[:length, : state["streams"]]
        x[:] = times[:, None, None]
        return x, state | {"position": state["position"] + length}


class KeepsAGenerator(Constant):
    bounds = (0.0, 1.0)

    def start(self, streams, seed):
        return streams, np.random.default_rng(seed)

    def generate(self, state, length):
        streams, generator = state
        return generator.random((length, streams, 1), dtype=np.float32), state


class DependsOnTheMemoryOfItsState(Constant):
    """A part of a larger array comes back as an array of its own when it is loaded."""

    bounds = (0.0, 1.0)

    def start(self, streams, seed):
        return np.zeros((streams, 6))[:, ::2]

    def generate(self, state, length):
        value = float(state.flags.c_contiguous)
        return np.full((length, state.shape[0], 1), value, dtype=np.float32), state


class Nan(Constant):
    bounds = (-math.inf, math.inf)

    def generate(self, state, length):
        return np.full((length, state, 1), np.nan, dtype=np.float32), state


class BeyondItsBounds(Ramp):
    bounds = (0.0, 2.0)


class WrongDtype(Constant):
    dtype = "float64"


class UnknownDtype(Constant):
    dtype = "float16"


class WrongChannels(Constant):
    channels = 2


class NoLengthZero(Constant):
    def generate(self, state, length):
        x = np.ones((length, state, 1), dtype=np.float32)
        assert x[0, 0, 0] == 1
        return x, state


class NoTime(Constant):
    def generate(self, state, length):
        return np.ones((state, length, 1), dtype=np.float32), state


class NotAnArray(Constant):
    def generate(self, state, length):
        return [[[1.0]] * state] * length, state


class BoundsTheWrongWayRound(Constant):
    bounds = (1.0, -1.0)


class HeldOutIsNoSignal(Constant):
    def held_out(self):
        return None


@attrs.frozen
class LosesAField(Ramp):
    levels: object = (1, 2)  # comes back as a list


@attrs.frozen
class Unvalidated(Ramp):
    period: int = 2


class TestCorrectSignals:
    @pytest.mark.parametrize("signal", [Ramp(), Constant(), Short(), Divisible()])
    def test_pass(self, signal):
        check_signal(signal)

    def test_may_be_drawn_from_a_strategy(self):
        check_signal(st.builds(Ramp, slope=st.floats(-1, 1)))


@pytest.mark.parametrize(
    ("law", "signal"),
    [
        ("chunk invariance", SeesChunks()),
        ("chunk invariance", SeesEmptyChunks()),
        ("stream independence", SeesStreams()),
        ("skip", SkipsOneTooFew()),
        ("division", DivisibleWithoutNumbers()),
        ("division", DivisibleByItsWord()),
        ("division", LosesItsNumbers()),
        ("determinism", GlobalGenerator()),
        ("determinism", CountsCallsInItsModule()),
        ("determinism", CountsCallsInItself()),
        ("determinism", IsWrongOnce()),
        ("determinism", KnowsItself()),
        ("purity", MutatesItsState()),
        ("purity", ReusesItsOutput()),
        ("state round trip", KeepsAGenerator()),
        ("state round trip", DependsOnTheMemoryOfItsState()),
        ("finite", Nan()),
        ("bounds", BeyondItsBounds()),
        ("dtype", WrongDtype()),
        ("declarations", UnknownDtype()),
        ("declarations", BoundsTheWrongWayRound()),
        ("declarations", HeldOutIsNoSignal()),
        ("shape", WrongChannels()),
        ("shape", NoTime()),
        ("shape", NotAnArray()),
        ("length 0 and 1", NoLengthZero()),
        ("configuration", LosesAField()),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_broken_signal_is_rejected_by_its_law(law, signal):
    with pytest.raises(LawViolation) as caught:
        check_signal(signal)
    assert caught.value.law == law, str(caught.value)


def test_a_class_that_takes_bad_arguments_is_rejected():
    with pytest.raises(LawViolation, match=r"validation: Unvalidated\(period=-1\) raised neither"):
        check_signal(Unvalidated(), bad_arguments=[{"period": -1}])


def test_a_strategy_is_searched_for_the_signal_that_breaks_a_law():
    @attrs.frozen
    class BreaksAboveSeven(Constant):
        value: int = 0

        def generate(self, state, length):
            dtype = np.float32 if self.value <= 7 else np.float64
            return np.ones((length, state, 1), dtype), state

    with pytest.raises(LawViolation) as caught:
        check_signal(st.builds(BreaksAboveSeven, value=st.integers(0, 100)))
    assert caught.value.law == "dtype"
    assert caught.value.subject.value == 8
