"""Models that each break one law, and correct ones that are as plain as can be."""

import attrs
import numpy as np
import pytest
import torch
from hypothesis import strategies as st

from seqfit.models import Model, StreamModule
from seqfit.testing import LawViolation, check_model


class Leaky(StreamModule):
    """Correct: outputs that follow the inputs slowly."""

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


class Static(StreamModule):
    """Correct: no state."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.linear = torch.nn.Linear(inputs, outputs)

    def start(self, streams):
        return None

    def forward(self, x, state):
        return self.linear(x), state


@attrs.frozen
class Building(Model):
    """A model of one of the modules here."""

    module: type[StreamModule]

    def build(self, inputs, outputs):
        return self.module(inputs, outputs)


class Plain(Model):
    """Correct: no attrs, no fields."""

    def build(self, inputs, outputs):
        return Leaky(inputs, outputs)


@attrs.frozen
class Scaled(Model):
    """Correct: one field."""

    scale: float = 1.0

    def build(self, inputs, outputs):
        module = Leaky(inputs, outputs)
        with torch.no_grad():
            module.weight *= self.scale
        return module


class StreamsFirst(Static):
    def forward(self, x, state):
        return self.linear(x).transpose(0, 1), state


class OneOutput(Static):
    def forward(self, x, state):
        return self.linear(x)[..., :1], state


class AlwaysFloat32(Static):
    def forward(self, x, state):
        return self.linear(x).float(), state


class StreamsSecondInItsState(Leaky):
    def start(self, streams):
        return super().start(streams)[None]

    def forward(self, x, state):
        y, state = super().forward(x, state[0])
        return y, state[None]


class StateInFloat32(Leaky):
    def start(self, streams):
        return super().start(streams).float()

    def forward(self, x, state):
        y, state = super().forward(x, state.to(x.dtype))
        return y, state.float()


class StateOfArrays(Static):
    def start(self, streams):
        return np.zeros((streams, 1))


class WeightsFromNumpy(Leaky):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.weight.data = torch.from_numpy(np.random.default_rng().random((inputs, outputs)))


class DropsOut(Leaky):
    def forward(self, x, state):
        y, state = super().forward(x, state)
        return torch.nn.functional.dropout(y), state


class KeepsItsStateToItself(Leaky):
    hidden = None

    def forward(self, x, state):
        if self.hidden is not None and self.hidden.shape == state.shape:
            state = self.hidden
        y, state = super().forward(x, state)
        self.hidden = state.detach()
        return y, state


class CountsInABuffer(Static):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x, state):
        self.calls += 1
        return super().forward(x, state)


class MutatesItsState(Leaky):
    def forward(self, x, state):
        y, after = super().forward(x, state)
        state.copy_(after.detach())
        return y, after


class MutatesItsInput(Static):
    def forward(self, x, state):
        x += 1.0
        return super().forward(x, state)


class PeeksAhead(Static):
    def forward(self, x, state):
        return super().forward(torch.cat([x[1:], x[-1:]]), state)


class NormalisesOverStreams(Static):
    def forward(self, x, state):
        y, state = super().forward(x, state)
        return y - y.mean(dim=1, keepdim=True), state


class CountsStreams(Static):
    def forward(self, x, state):
        y, state = super().forward(x, state)
        return y * x.shape[1], state


class ForgetsBetweenChunks(Leaky):
    def forward(self, x, state):
        y, _ = super().forward(x, torch.zeros_like(state))
        return y, state


class GivesAnotherStateInChunks(Static):
    def start(self, streams):
        return self.linear.weight.new_zeros(streams, 1)

    def forward(self, x, state):
        return super().forward(x, state)[0], state + 1


class UnusedParameter(Leaky):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.spare = torch.nn.Parameter(torch.zeros(3))


class CutOff(Static):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.second = torch.nn.Linear(outputs, outputs)

    def forward(self, x, state):
        return self.second(torch.tanh(self.linear(x)).detach()), state


class GradientIsNan(Static):
    def forward(self, x, state):
        zero = (self.linear(x) * 0).abs().sqrt()  # sqrt has no slope at 0
        return self.linear(x) + zero, state


class NoParameters(StreamModule):
    def __init__(self, inputs, outputs):
        super().__init__()

    def start(self, streams):
        return None

    def forward(self, x, state):
        return x, state


class HidesAGraph(Leaky):
    last = None

    def forward(self, x, state):
        y, state = super().forward(x, state)
        if self.last is not None:
            y = y + 0 * self.last.sum()
        self.last = y.mean()
        return y, state


class HidesAGraphThatDoesNotFail(Static):
    """Gradients of the first window come again with the second one's."""

    last = None

    def forward(self, x, state):
        y, state = super().forward(x, state)
        total = self.linear.bias.sum()
        if self.last is not None:
            y = y + (self.last - self.last.detach())
        self.last = total
        return y, state


class FastForwardIsAnother(Leaky):
    def fast_forward(self, x, state):
        y, state = self(x, state)
        return y * 1.001, state


class FastForwardIsAnotherWithoutGradients(Leaky):
    def fast_forward(self, x, state):
        y, state = self(x, state)
        return y if torch.is_grad_enabled() else y * 1.001, state


class FastForwardIsAnotherInFloat32(Leaky):
    def fast_forward(self, x, state):
        y, state = self(x, state)
        return y if x.dtype == torch.float64 else y * 1.001, state


class FastForwardHasAnotherState(Leaky):
    def fast_forward(self, x, state):
        y, after = self(x, state)
        return y, after + 0.01


class FastForwardHasOtherGradients(Leaky):
    def fast_forward(self, x, state):
        y, after = self(x, state)
        return 2 * y - y.detach(), after


class WindowStatesComeLate(Leaky):
    def window_states(self, x, state, window):
        _, state = self(x[:1], state)
        return super().window_states(x[1:], state, window)


class WindowStatesKeepTheGraph(Leaky):
    def window_states(self, x, state, window):
        states = [state]
        for first in range(0, len(x) - window, window):
            _, state = self(x[first : first + window], state)
            states.append(state)
        return torch.cat(states)


class CountsInAPlainNumber(Static):
    """A number for all streams can't be had before each of the windows that run side by side."""

    def start(self, streams):
        return 0

    def forward(self, x, state):
        y, _ = super().forward(x, None)
        times = torch.arange(state, state + len(x), dtype=x.dtype)
        return y + times[:, None, None], state + len(x)


@attrs.frozen
class BuildsAnotherKind(Model):
    def build(self, inputs, outputs):
        return torch.nn.Linear(inputs, outputs)


@attrs.frozen
class LosesAField(Scaled):
    widths: object = (3, 4)


class TestCorrectModels:
    @pytest.mark.parametrize("model", [Plain(), Scaled(), Building(Static)])
    def test_pass(self, model):
        check_model(model)

    def test_may_be_drawn_from_a_strategy(self):
        check_model(st.builds(Scaled, scale=st.floats(0.5, 2)))

    def test_may_have_other_numbers_of_channels(self):
        check_model(Plain(), inputs=1, outputs=3)


@pytest.mark.parametrize(
    ("law", "module"),
    [
        ("shape", StreamsFirst),
        ("shape", OneOutput),
        ("shape", AlwaysFloat32),
        ("state", StreamsSecondInItsState),
        ("state", StateInFloat32),
        ("state", StateOfArrays),
        ("determinism", WeightsFromNumpy),
        ("determinism", DropsOut),
        ("determinism", KeepsItsStateToItself),
        ("purity", CountsInABuffer),
        ("purity", MutatesItsState),
        ("purity", MutatesItsInput),
        ("causality", PeeksAhead),
        ("streams do not mix", NormalisesOverStreams),
        ("streams do not mix", CountsStreams),
        ("chunk invariance", ForgetsBetweenChunks),
        ("chunk invariance", GivesAnotherStateInChunks),
        ("gradients", UnusedParameter),
        ("gradients", CutOff),
        ("gradients", GradientIsNan),
        ("gradients", NoParameters),
        ("detached state", HidesAGraph),
        ("detached state", HidesAGraphThatDoesNotFail),
        ("fast_forward", FastForwardIsAnother),
        ("fast_forward", FastForwardIsAnotherWithoutGradients),
        ("fast_forward", FastForwardIsAnotherInFloat32),
        ("fast_forward", FastForwardHasAnotherState),
        ("fast_forward", FastForwardHasOtherGradients),
        ("window_states", WindowStatesComeLate),
        ("window_states", WindowStatesKeepTheGraph),
        ("window_states", CountsInAPlainNumber),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_broken_model_is_rejected_by_its_law(law, module):
    with pytest.raises(LawViolation) as caught:
        check_model(Building(module))
    assert caught.value.law == law, str(caught.value)


@pytest.mark.parametrize(
    ("law", "model"), [("shape", BuildsAnotherKind()), ("configuration", LosesAField())]
)
def test_a_broken_configuration_is_rejected_by_its_law(law, model):
    with pytest.raises(LawViolation) as caught:
        check_model(model)
    assert caught.value.law == law, str(caught.value)


def test_a_class_that_takes_bad_arguments_is_rejected():
    with pytest.raises(LawViolation, match=r"validation: Scaled\(scale='big'\) raised neither"):
        check_model(Scaled(), bad_arguments=[{"scale": "big"}])
