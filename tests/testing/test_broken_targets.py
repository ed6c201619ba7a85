"""Targets that each break one law, and correct ones that are as plain as can be."""

import collections
import re
import sys
from typing import ClassVar

import attrs
import numpy as np
import pytest
from hypothesis import strategies as st

from seqfit.targets import Memory, Target
from seqfit.testing import LawViolation, check_target, samples


@attrs.frozen
class Sum(Target):
    """Correct: a running sum, in float64 whatever comes in."""

    gain: float = 0.25

    def start(self, streams):
        return np.zeros((1, streams, 1))

    def transform(self, x, state):
        sums = np.cumsum(np.concatenate([state + np.zeros((1, *x.shape[1:])), self.gain * x]), 0)
        return sums[1:].astype(x.dtype), sums[-1:].copy()


class Identity(Target):
    """Correct: no attrs, no fields, no state."""

    def start(self, streams):
        return None

    def transform(self, x, state):
        return x, state


class Numbered(Identity):
    """Correct: each stream has a value of its own, by its number, which the state holds."""

    def start(self, streams):
        return range(streams)

    def transform(self, x, state):
        return (x + np.array(state, dtype=x.dtype)[:, None]).astype(x.dtype), state


class NumbersItsStreamsWithoutAState(Identity):
    def transform(self, x, state):
        return (x + np.arange(x.shape[1])[:, None]).astype(x.dtype), state


class CountsNumberedStreams(Numbered):
    def transform(self, x, state):
        return np.full_like(x, len(state)), state


class ForgetsItsNumbers(Numbered):
    def transform(self, x, state):
        return super().transform(x, state)[0], range(len(state))


class TakesEvenNumbers(Identity):
    def transform(self, x, state):
        assert (x % 2 == 0).all()
        return x, state


class PeekAhead(Identity):
    def transform(self, x, state):
        return np.concatenate([x[1:], x[-1:]]), state


@attrs.frozen
class PeekFarAhead(Target):
    samples: int = 40

    def start(self, streams):
        return None

    def transform(self, x, state):
        y = np.zeros_like(x)
        y[: -self.samples] = x[self.samples :]
        return y, state


class TakesOffTheMean(Identity):
    def transform(self, x, state):
        mean = x.mean(axis=0) if len(x) else 0
        return (x - mean).astype(x.dtype), state


class MixesStreams(Identity):
    def transform(self, x, state):
        return x - x.mean(axis=1, keepdims=True), state


class CountsStreams(Identity):
    def transform(self, x, state):
        return np.full_like(x, x.shape[1]), state


class StartsTheFirstStreamOnly(Sum):
    def start(self, streams):
        sums = np.zeros((1, streams, 1))
        sums[:, 0] = 1.0
        return sums


class ForgetsBetweenChunks(Sum):
    def transform(self, x, state):
        return super().transform(x, np.zeros_like(state))


class RoundsBetweenChunks(Sum):
    def transform(self, x, state):
        y, state = super().transform(x, state)
        return y, state.astype(np.float32).astype(np.float64)


class ForgetsOnEmptyChunks(Sum):
    def transform(self, x, state):
        y, state = super().transform(x, state)
        return y, state if len(x) else np.zeros_like(state)


class MutatesItsInput(Identity):
    def transform(self, x, state):
        x *= 2
        return x.copy(), state


class MutatesItsState(Sum):
    def transform(self, x, state):
        y, after = super().transform(x, state)
        state[:] = after
        return y, state


class Dithers(Identity):
    def transform(self, x, state):
        return x + np.random.default_rng().random(x.shape, dtype=np.float32), state


class RemembersInItself(Identity):
    def __init__(self):
        self.last = 0.0

    def transform(self, x, state):
        y = x + x.dtype.type(self.last)
        self.last = float(x.sum())
        return y, state


class IsAnotherOnceItHasRun(Identity):
    kept: ClassVar = {}

    def transform(self, x, state):
        y = x + x.dtype.type(len(self.kept))
        self.kept["has run"] = True
        return y, state


class ScalesByItsFirstInput(Identity):
    kept: ClassVar = {}

    def transform(self, x, state):
        scale = self.kept.setdefault("scale", np.abs(x).max(initial=1.0))
        return (x / scale).astype(x.dtype), state


class RoundsToWhatItSawFirst(Identity):
    kept: ClassVar = {}

    def transform(self, x, state):
        rounded = [self.kept.setdefault(round(float(v)), v) for v in x.ravel()]
        return np.array(rounded, dtype=x.dtype).reshape(x.shape), state


class StateIsADeque(Identity):
    def start(self, streams):
        return collections.deque()


class DividesByZero(Identity):
    def transform(self, x, state):
        with np.errstate(all="ignore"):
            return 1 / x, state


class BeyondItsBounds(Sum):
    bounds = (-2.0, 2.0)


class BoundsThatAreNone(Identity):
    bounds = None


class RemembersMoreThanItSays(Sum):
    memory = Memory.finite(3)


class RemembersOneSampleMoreThanItSays(Target):
    memory = Memory.finite(1)

    def start(self, streams):
        return np.zeros((2, streams, 1))

    def transform(self, x, state):
        line = np.concatenate([state + np.zeros((2, *x.shape[1:])), x])
        return line[: len(x)].astype(x.dtype), line[len(x) :].copy()


class MemoryIsANumber(Identity):
    memory = 3


class DeterminesItsStatePartly(Identity):
    output_determines_state = "partly"


class AlwaysFloat32(Identity):
    def transform(self, x, state):
        return x.astype(np.float32), state


class DropsTheLastAxis(Identity):
    def transform(self, x, state):
        return x[..., 0], state


class MoreOutputsThanItSays(Identity):
    def outputs(self, inputs):
        return inputs

    def transform(self, x, state):
        return np.concatenate([x, x], axis=2), state


class NoLengthZero(Identity):
    def transform(self, x, state):
        return x - 0 * x[0], state


class LosesTheLastSample(Identity):
    def transform(self, x, state):
        return x[:-1], state


class HeldOutIsNoTarget(Identity):
    def held_out(self):
        return Identity


@attrs.frozen
class WritesAnotherNumber(Sum):
    gain: float = attrs.field(default=0.25, converter=lambda gain: gain / 2)


class TestCorrectTargets:
    @pytest.mark.parametrize("target", [Sum(), Identity(), Numbered()])
    def test_pass(self, target):
        check_target(target)

    def test_may_be_drawn_from_a_strategy(self):
        check_target(st.builds(Sum, gain=st.floats(-1, 1)))

    def test_may_take_several_channels(self):
        check_target(Identity(), inputs=3)

    def test_may_take_special_inputs(self):
        check_target(TakesEvenNumbers(), inputs=samples().map(lambda x: 2 * np.round(x)))


@pytest.mark.parametrize(
    ("law", "target"),
    [
        ("causality", PeekAhead()),
        ("causality", PeekFarAhead()),
        ("causality", TakesOffTheMean()),
        ("streams do not mix", MixesStreams()),
        ("streams do not mix", CountsStreams()),
        ("streams do not mix", StartsTheFirstStreamOnly()),
        ("streams do not mix", NumbersItsStreamsWithoutAState()),
        ("streams do not mix", CountsNumberedStreams()),
        ("streams do not mix", ForgetsItsNumbers()),
        ("chunk invariance", ForgetsBetweenChunks()),
        ("chunk invariance", RoundsBetweenChunks()),
        ("chunk invariance", ForgetsOnEmptyChunks()),
        ("purity", MutatesItsInput()),
        ("purity", MutatesItsState()),
        ("determinism", Dithers()),
        ("determinism", RemembersInItself()),
        ("state round trip", StateIsADeque()),
        ("finite", DividesByZero()),
        ("bounds", BeyondItsBounds()),
        ("declarations", BoundsThatAreNone()),
        ("declarations", HeldOutIsNoTarget()),
        ("declarations", MemoryIsANumber()),
        ("declarations", DeterminesItsStatePartly()),
        ("memory", RemembersMoreThanItSays()),
        ("memory", RemembersOneSampleMoreThanItSays()),
        ("dtype", AlwaysFloat32()),
        ("shape", DropsTheLastAxis()),
        ("shape", MoreOutputsThanItSays()),
        ("shape", LosesTheLastSample()),
        ("length 0 and 1", NoLengthZero()),
        ("configuration", WritesAnotherNumber()),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_broken_target_is_rejected_by_its_law(law, target):
    with pytest.raises(LawViolation) as caught:
        check_target(target)
    assert caught.value.law == law, str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="splits a process off")
@pytest.mark.parametrize(
    "kind", [IsAnotherOnceItHasRun, ScalesByItsFirstInput, RoundsToWhatItSawFirst]
)
@pytest.mark.parametrize("drawn", [False, True])
def test_what_is_set_aside_once_and_for_all_is_seen(kind, drawn):
    kind.kept = {}
    with pytest.raises(LawViolation, match="^determinism: .* gave something else "):
        check_target(st.builds(kind) if drawn else kind())


@pytest.mark.skipif(sys.platform != "linux", reason="splits a process off")
@pytest.mark.parametrize("calls", [3, 100])
def test_what_is_another_only_after_many_calls_is_seen(calls):
    made = []

    class Late(Identity):
        def transform(self, x, state):
            made.append(1)
            return (x + x.dtype.type(len(made) > calls)).astype(x.dtype), state

    with pytest.raises(LawViolation, match="^determinism"):
        check_target(Late())


@pytest.mark.skipif(sys.platform != "linux", reason="splits a process off")
def test_what_a_class_without_a_name_sets_aside_is_seen():
    first = []

    class Local(Identity):
        def transform(self, x, state):
            first.append(x[:1].sum())
            return (x + x.dtype.type(first[0])).astype(x.dtype), state

    with pytest.raises(LawViolation, match="gave something else than in a process in which"):
        check_target(Local())


def test_a_violation_says_how_little_it_takes():
    with pytest.raises(LawViolation) as caught:
        check_target(PeekAhead())
    message = str(caught.value)
    assert re.match(r"causality: y\[:1\] of PeekAhead\(\) changed when x\[1:\] did \(x=", message)
    assert caught.value.example["x"].shape == (2, 1, 1)
    assert not hasattr(caught.value, "__notes__")
