"""Models that each break a law of teacher forcing, and a correct one."""

import attrs
import pytest
import torch

from seqfit.models import Model, StreamModule, TeacherForced
from seqfit.testing import LawViolation, check_model


class Slow(StreamModule, TeacherForced):
    """Correct: its state is its last output."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(inputs, outputs))

    def start(self, streams):
        return self.weight.new_zeros(streams, self.weight.shape[1])

    def step(self, x, y):
        return 0.5 * y + torch.tanh(x @ self.weight)

    def forward(self, x, state):
        outputs = []
        for sample in x:
            state = self.step(sample, state)
            outputs.append(state)
        return torch.stack(outputs), state

    def teacher_forced(self, x, y, state):
        return self.step(x, torch.cat([state[None], y[:-1]])), y[-1]


class IgnoresItsState(Slow):
    def teacher_forced(self, x, y, state):
        return super().teacher_forced(x, y, torch.ones_like(state))


class KeepsItsState(Slow):
    def teacher_forced(self, x, y, state):
        return super().teacher_forced(x, y, state)[0], state


class SeesTheAnswer(Slow):
    def teacher_forced(self, x, y, state):
        prediction, after = super().teacher_forced(x, y, state)
        return prediction + 0.1 * (y - prediction), after


class GoesOnFromItsPrediction(Slow):
    def teacher_forced(self, x, y, state):
        prediction, _ = super().teacher_forced(x, y, state)
        return prediction, prediction[-1]


class SometimesForced(Slow):
    """Correct: it may say that its state is not made of outputs."""

    def teacher_forced(self, x, y, state):
        return None


@attrs.frozen
class Building(Model):
    """A model of one of the modules here."""

    module: type[StreamModule]

    def build(self, inputs, outputs):
        return self.module(inputs, outputs)


@pytest.mark.parametrize("module", [Slow, SometimesForced])
def test_a_correct_model_passes(module):
    check_model(Building(module))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (IgnoresItsState, "with its own outputs is not its free run"),
        (KeepsItsState, "the state from teacher_forced.* with its own outputs is not that of"),
        (SeesTheAnswer, "changed when y.*, which comes no earlier"),
        (GoesOnFromItsPrediction, "is another when x and y come in chunks"),
    ],
)
def test_a_broken_model_is_rejected(module, message):
    with pytest.raises(LawViolation, match=message) as caught:
        check_model(Building(module))
    assert caught.value.law == "teacher forcing"
