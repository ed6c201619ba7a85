"""The interface of models: what learns."""

from __future__ import annotations

import abc
from typing import Protocol

import torch
from torch import Tensor

from seqfit.models.kernels.inference import NetworkStream
from seqfit.models.kernels.network import Network
from seqfit.models.kernels.recurrent_network import RecurrentNetwork
from seqfit.second_order.maps import Array
from seqfit.second_order.outcome import Status
from seqfit.states import State, map_arrays, map_together


class SingleStream(Protocol):
    """One stream of a module with one input and one output that runs sample by sample.

    Attributes:
        state: the module's state before the next sample.
    """

    state: State

    def __call__(self, x: float, /) -> float:
        """The output for the next input."""


class StreamModule(torch.nn.Module, abc.ABC):
    """A torch module that maps streams of inputs to streams of outputs, with explicit state.

    It obeys the laws of `seqfit.testing.check_model`: causal, streams do not mix, and outputs do
    not depend (but for rounding) on the chunks in which they are asked for.
    """

    @abc.abstractmethod
    def start(self, streams: int) -> State:
        """The state before the first sample.

        Every tensor in it has the streams along its first axis, (streams, ...), and the dtype
        and device of the parameters.
        """

    @abc.abstractmethod
    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Free run through the next inputs, differentiable: plain torch, the reference.

        Args:
            x: tensor of shape (time, streams, inputs), time at least 1.
            state: from `start` or an earlier call; it is left as it was.

        Returns:
            y: tensor of shape (time, streams, outputs).
            state: the state after them.
        """

    def fast_forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """What `forward` gives, to rounding, and its gradients, by the fastest way there is."""
        out: tuple[Tensor, State] = self(x, state)
        return out

    def single_stream(self) -> SingleStream | None:
        """The fastest way to run one stream sample by sample, from the start; None without one."""
        return None

    def window_states(self, x: Tensor, state: State, window: int) -> State:
        """The states before each window of `window` samples, without gradients.

        Args:
            x: tensor of shape (time, streams, inputs); the last window may be shorter.
            state: the state before `x`.
            window: samples in a window.

        Returns:
            The states, window after window along the first axis of each tensor:
            (windows * streams, ...).
        """
        states = [state]
        with torch.no_grad():
            for first in range(0, len(x) - window, window):
                _, state = self.fast_forward(x[first : first + window], state)
                states.append(state)
        return map_together(lambda *leaves: torch.cat(leaves), states)


class Solvable(abc.ABC):
    """A capability of a `StreamModule`: its weights can be found from samples at once."""

    @abc.abstractmethod
    def solve(self, x: Array, y: Array, seed: int, robust: bool) -> Status:
        """Take over the best weights that a search finds.

        Args:
            x: inputs, (time, streams, inputs), of streams that start alike.
            y: what should come out, (time, streams, outputs).
            seed: of the search's random starts.
            robust: whether outliers among the outputs are to pull no harder than others.

        Returns:
            How well they explain the samples.
        """

    @abc.abstractmethod
    def law(self) -> str:
        """What the weights compute, as a formula."""


class TeacherForced(abc.ABC):
    """A capability of a `StreamModule`: it may be one that is fed with its own outputs.

    Then it can be given the true ones in their place, which is called teacher forcing: for
    predictions one step ahead, and to bring its state to where the true outputs are. It obeys the
    laws of `seqfit.testing.check_model`: fed with the outputs of its own free run it gives that
    free run again, and no prediction depends on outputs of its own sample or later.

    References:
        Williams and Zipser (1989), "A learning algorithm for continually running fully recurrent
        neural networks"; Narendra and Parthasarathy (1990), series-parallel models.
    """

    @abc.abstractmethod
    def teacher_forced(self, x: Tensor, y: Tensor, state: State) -> tuple[Tensor, State] | None:
        """Predict each sample from the true outputs before it.

        Args:
            x: tensor of shape (time, streams, inputs), time at least 1.
            y: the true outputs of the same samples, (time, streams, outputs).
            state: the state before them, from `start` or an earlier call of this or of
                ``forward``; it is left as it was.

        Returns:
            prediction: tensor of shape (time, streams, outputs).
            state: the state after them, as if the module had given `y`.
            None where the state is not made of outputs.
        """


class Compilable(abc.ABC):
    """A capability of a `StreamModule`: it may be a network that compiled passes know."""

    @abc.abstractmethod
    def network(self) -> Network | None:
        """What it computes, with its own parameters; None where it is something else."""

    def single_stream(self) -> SingleStream | None:
        """See `StreamModule.single_stream`, before which this class comes."""
        network = self.network()
        return NetworkStream(network) if isinstance(network, RecurrentNetwork) else None


class Model(abc.ABC):
    """The configuration of a model; `build` makes the module that is fitted.

    Concrete models are final, frozen `attrs` classes: their fields are their configuration.
    """

    __slots__ = ()

    @abc.abstractmethod
    def build(self, inputs: int, outputs: int) -> StreamModule:
        """A module with fresh weights, drawn from torch's global generator.

        Args:
            inputs: channels of a sample that goes in.
            outputs: channels of a sample that comes out.
        """


def detach(state: State) -> State:
    """The state, cut from the graph that computed it: no gradient flows back through it."""
    return map_arrays(Tensor.detach, state)
