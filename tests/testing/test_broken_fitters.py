"""Fitters made of parts that break a law of the fitter, and of correct ones."""

import functools
import itertools

import attrs
import pytest
import torch

from seqfit import Fitter
from seqfit.fitting import TorchOptimizer
from seqfit.models import RNN, Model, StreamModule
from seqfit.schedules import Accumulate, TruncatedBPTT
from seqfit.signals import RandomHold, UniformNoise
from seqfit.targets import SaturatedIntegral
from seqfit.testing import LawViolation, check_fitter


class Plain(StreamModule):
    """Correct: a running mean of a linear map."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.linear = torch.nn.Linear(inputs, outputs)

    def start(self, streams):
        return self.linear.weight.new_zeros(streams, self.linear.out_features)

    def forward(self, x, state):
        outputs = []
        for sample in self.linear(x):
            state = 0.5 * (state + sample)
            outputs.append(state)
        return torch.stack(outputs), state


@attrs.frozen
class Building(Model):
    module: type[StreamModule]

    def build(self, inputs, outputs):
        return self.module(inputs, outputs)


class Noisy(Plain):
    noise = itertools.count()

    def forward(self, x, state):
        return super().forward(x + next(self.noise) / 1000, state)


class CountsInItself(Plain):
    """Its count is not part of what is saved."""

    calls = 0

    def forward(self, x, state):
        self.calls += 1
        return super().forward(x + self.calls / 1000, state)


class CountsInABuffer(Plain):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x, state):
        self.calls += 1
        return super().forward(x + self.calls / 1000, state)


class FastForwardIsAnother(Plain):
    def fast_forward(self, x, state):
        y, state = self(x, state)
        return y * 1.01, state


@attrs.frozen
class SeesChunks(UniformNoise):
    def generate(self, state, length):
        x, state = super().generate(state, length)
        return x * (length % 2), state


def make(**parts):
    problem = {
        "signal": RandomHold(),
        "target": SaturatedIntegral(),
        "model": Building(Plain),
        "schedule": Accumulate(2, 5),
        "optimizer": TorchOptimizer("SGD", {"lr": 0.1}),
    }
    return Fitter(**(problem | parts))


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"schedule": TruncatedBPTT(3, 5, streams=2), "model": RNN(hidden=4, head=())},
        {"dtype": "float64", "optimizer": TorchOptimizer("Adam", {"lr": 0.01})},
    ],
)
def test_a_fitter_of_correct_parts_passes(parts):
    check_fitter(functools.partial(make, **parts))


@pytest.mark.parametrize(
    ("law", "parts"),
    [
        ("determinism", {"model": Building(Noisy)}),
        ("chunk invariance", {"signal": SeesChunks()}),
        ("save and load", {"model": Building(CountsInItself)}),
        ("undisturbed training", {"model": Building(CountsInABuffer)}),
        ("engines", {"model": Building(FastForwardIsAnother)}),
    ],
)
def test_a_fitter_of_broken_parts_is_rejected_by_its_law(law, parts):
    with pytest.raises(LawViolation) as caught:
        check_fitter(functools.partial(make, **parts))
    assert caught.value.law == law, str(caught.value)
