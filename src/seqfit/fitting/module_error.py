"""The least-squares problem of a free run of any small torch module."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np
import torch
from torch import Tensor

from seqfit.models.base import StreamModule
from seqfit.second_order.levenberg_marquardt import Matrix, Stop, Vector, minimise
from seqfit.second_order.maps import Array
from seqfit.second_order.outcome import CLOSE, EXACT, Status, is_white, rms
from seqfit.second_order.residuals import Huber, Residuals, Squares, robust_spread
from seqfit.states import State, map_arrays, map_together

MOST_PARAMETERS = 2_000
"""Each iteration makes a pass for every parameter, so it is for small modules."""

_STEPS = 128  # time steps whose Jacobian is held at a time
_HUBER = 1.5
_STOP = Stop(iterations=300, patience=50, gain=0.05)
_SINGLE = float(np.finfo(np.float32).eps)


@final
@attrs.frozen(eq=False)
class ModuleFreeRun:
    """How far a module's free run is from the outputs: a `LeastSquares` over its parameters.

    The derivatives are exact and those of the whole run: for each parameter, forward-mode
    differentiation carries the derivative of the state from chunk to chunk (real-time recurrent
    learning), so that memory does not grow with the number of samples.

    Attributes:
        module: the module, in float64; its own weights are left as they are.
        x: inputs, (time, streams, inputs).
        y: outputs, (time, streams, outputs).
        residuals: what is made of the differences.

    References:
        Williams and Zipser (1989), "A learning algorithm for continually running fully recurrent
        neural networks".
    """

    module: StreamModule
    x: Tensor
    y: Tensor
    residuals: Residuals = attrs.field(factory=Squares)

    def numbers(self) -> Vector:
        """The module's parameters as one vector."""
        flat = torch.nn.utils.parameters_to_vector(self.module.parameters())
        return flat.detach().cpu().numpy().copy()

    @property
    def _count(self) -> int:
        return sum(p.numel() for p in self.module.parameters())

    def run(self, theta: Vector) -> Array:
        """The outputs of a free run, (time, streams, outputs)."""
        parameters, state = self._parameters(torch.from_numpy(theta)), self._start()
        outputs = []
        with torch.no_grad():
            for x in self.x.split(_STEPS):
                y, state = torch.func.functional_call(self.module, parameters, (x, state))
                outputs.append(y)
        return np.asarray(torch.cat(outputs).numpy())

    def cost(self, theta: Vector) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            total = self.residuals.value(self.run(theta), self.y.numpy()) / self.y.numel()
        return total if np.isfinite(total) else np.inf

    def linearise(self, theta: Vector) -> tuple[float, Vector, Matrix]:
        own, count = torch.from_numpy(theta), self._count
        parameters = self._parameters(own)
        directions = self._parameters(torch.eye(count, dtype=own.dtype))
        state = self._start()
        slopes = map_arrays(lambda leaf: leaf.new_zeros(count, *leaf.shape), state)
        total, gradient, normal = 0.0, np.zeros(count), np.zeros((count, count))
        for x, y in zip(self.x.split(_STEPS), self.y.split(_STEPS), strict=True):
            prediction, after, jacobian, slopes = self._along(
                parameters, state, x, directions, slopes
            )
            state = after
            # (parameters, time, streams, outputs) to (numbers, parameters)
            jac = jacobian.reshape(count, -1).T.numpy()
            found, wanted = prediction.numpy(), y.numpy()
            with np.errstate(over="ignore", invalid="ignore"):
                total += self.residuals.value(found, wanted)
                gradient += jac.T @ self.residuals.slope(found, wanted).reshape(-1)
                curvature = self.residuals.curvature(found, wanted)
                weighted = jac if curvature is None else jac * curvature.reshape(-1, 1)
                normal += jac.T @ weighted
        samples = self.y.numel()
        return total / samples, gradient / samples, normal / samples

    def _start(self) -> State:
        return map_arrays(Tensor.detach, self.module.start(self.x.shape[1]))

    def _parameters(self, flat: Tensor) -> dict[str, Tensor]:
        """Tensors by name, from vectors (..., parameters)."""
        named = dict(self.module.named_parameters())
        parts = flat.split([p.numel() for p in named.values()], dim=-1)
        return {
            name: part.reshape((*flat.shape[:-1], *p.shape))
            for (name, p), part in zip(named.items(), parts, strict=True)
        }

    def _along(
        self, parameters: dict[str, Tensor], state: State, x: Tensor, directions: Any, slopes: Any
    ) -> tuple[Tensor, State, Tensor, State]:
        """Outputs and state of a chunk, and the derivatives of both in each direction."""

        def run(parameters: dict[str, Tensor], state: State) -> tuple[Tensor, State]:
            out: tuple[Tensor, State] = torch.func.functional_call(
                self.module, parameters, (x, state)
            )
            return out

        def derivative(direction: Any, slope: Any) -> Any:
            return torch.func.jvp(run, (parameters, state), (direction, slope))[1]

        with torch.no_grad():
            y, after = run(parameters, state)
            try:
                along, slopes = torch.func.vmap(derivative)(directions, slopes)
            except RuntimeError:  # torch's own recurrent layers can't be batched in this way
                each = [derivative(*_row((directions, slopes), i)) for i in range(self._count)]
                along, slopes = map_together(lambda *leaves: torch.stack(leaves), each)
        return y, after, along, slopes


def _row(tree: State, index: int) -> State:
    return map_arrays(lambda leaf: leaf[index], tree)


def solve_module(module: StreamModule, x: Array, y: Array, robust: bool) -> Status:
    """Lower the squares of a free run's errors from the module's own weights on.

    Args:
        module: takes over the weights that were found; its dtype is kept.
        x: inputs, (time, streams, inputs).
        y: what should come out, (time, streams, outputs).
        robust: whether outliers among the outputs are to pull no harder than others.

    Returns:
        How well they explain the samples.
    """
    dtype = next(module.parameters()).dtype
    module.double()
    try:
        problem = ModuleFreeRun(module, torch.from_numpy(x), torch.from_numpy(y))
        floor = EXACT * _SINGLE * rms(y)
        stop = attrs.evolve(_STOP, cost=floor**2)
        best = minimise(problem, problem.numbers(), stop)
        residual = problem.run(best.theta) - y
        if robust:
            delta = max(_HUBER * robust_spread(residual), floor)
            problem = attrs.evolve(problem, residuals=Huber(delta))
            best = minimise(problem, best.theta, stop)
            residual = problem.run(best.theta) - y
        with torch.no_grad():
            found = torch.from_numpy(best.theta)
            torch.nn.utils.vector_to_parameters(found, module.parameters())
    finally:
        module.to(dtype)
    error = rms(residual)
    if error <= floor:
        return Status.EXACT
    if is_white(residual):
        return Status.NOISE
    return Status.CLOSE if error < CLOSE * rms(y - y.mean(axis=(0, 1))) else Status.FAR
