"""Learners that solve for all weights at once."""

from __future__ import annotations

from typing import ClassVar, final

import attrs
import numpy as np
import threadpoolctl
import torch
from torch import Tensor

from seqfit.fitting.engines import Outcome, Segment
from seqfit.fitting.experiment import Experiment
from seqfit.fitting.learner import GradientLearner, Learner, build_module
from seqfit.fitting.losses import Loss, elementwise
from seqfit.fitting.module_error import MOST_PARAMETERS, solve_module
from seqfit.fitting.optimizers import LevenbergMarquardt
from seqfit.fitting.ranks import Ranks
from seqfit.models.base import Solvable, StreamModule
from seqfit.second_order.outcome import VERDICTS
from seqfit.states import State, copy


def begin_learner(experiment: Experiment, inputs: int, outputs: int, ranks: Ranks) -> Learner:
    """The learner that the experiment's optimizer asks for, with fresh weights.

    Raises:
        ValueError: the optimizer can't do what the experiment or several ranks ask of it.
    """
    optimizer = experiment.optimizer
    if isinstance(optimizer, LevenbergMarquardt):
        if ranks.count > 1:
            raise ValueError(
                f"LevenbergMarquardt solves in one process, there are {ranks.count} ranks; use an "
                "optimizer of torch, which the recipe 'gru' does, or start it without torchrun"
            )
        return SolvingLearner.build(experiment, optimizer, inputs, outputs)
    return GradientLearner.build(experiment, optimizer, inputs, outputs, ranks)


@final
@attrs.define
class SolvingLearner(Learner):
    """A learner that finds all weights from the first update; later ones only record the loss.

    Attributes:
        module: the module that is fitted.
        solver: how the weights are found.
        loss: the elementwise loss that is recorded.
        status: how the search ended; None before it.
    """

    module: StreamModule
    solver: LevenbergMarquardt
    loss: Loss
    status: str | None = None
    method: str = attrs.field(default="levenberg_marquardt", init=False)
    takes_resets: ClassVar[bool] = False

    @classmethod
    def build(
        cls, experiment: Experiment, solver: LevenbergMarquardt, inputs: int, outputs: int
    ) -> SolvingLearner:
        """A learner with fresh weights.

        Raises:
            ValueError: the model can't be solved, or not on the experiment's device, or outputs
                may be missing.
        """
        module = build_module(experiment, inputs, outputs)
        count = sum(p.numel() for p in module.parameters())
        if not isinstance(module, Solvable) and count > MOST_PARAMETERS:
            raise ValueError(
                f"LevenbergMarquardt is for at most {MOST_PARAMETERS:,} parameters, "
                f"{type(experiment.model).__name__} has {count:,}; use an optimizer of torch for it"
            )
        if experiment.missing == "mask":
            raise ValueError(
                "LevenbergMarquardt needs every output, got missing='mask'; use an optimizer of "
                "torch where outputs are missing"
            )
        if experiment.device != "cpu":
            raise ValueError(
                f"LevenbergMarquardt runs on the cpu, got device {experiment.device!r}"
            )
        return cls(module, solver, elementwise(experiment.loss))

    @property
    def verdict(self) -> str:
        return "nothing was fitted yet" if self.status is None else VERDICTS[self.status]

    def learn(self, segment: Segment) -> Outcome:
        prediction, state = self._run(segment, segment.state)
        loss = self.loss(prediction, segment.y)[segment.update.lookback :].mean().item()
        if self.status is None:
            before, error = copy(self.state()), _error(prediction, segment.y)
            x, y = segment.x.double().numpy(), segment.y.double().numpy()
            robust = self.solver.loss == "huber"
            with threadpoolctl.threadpool_limits(1):
                if isinstance(self.module, Solvable):
                    status = self.module.solve(x, y, self.solver.seed, robust)
                else:
                    status = solve_module(self.module, x, y, robust)
            self.status = status.value
            solved, after = self._run(segment, self.module.start(segment.x.shape[1]))
            if _error(solved, segment.y) < error:
                state = after
            else:
                self.restore(before | {"status": self.status})
        return Outcome(loss, loss, state)

    def slow_down(self, factor: float) -> None:
        """It has no learning rate."""

    def check_weights(self) -> None:
        """Weights are taken over only where their free run is finite."""

    def state(self) -> State:
        return {"module": dict(self.module.state_dict()), "status": self.status}

    def restore(self, state: State) -> None:
        self.module.load_state_dict(state["module"])
        self.status = state["status"]

    def _run(self, segment: Segment, state: State) -> tuple[Tensor, State]:
        with torch.no_grad():
            return self.module.fast_forward(segment.x, state)


def _error(prediction: Tensor, y: Tensor) -> float:
    """Mean squared error; infinite where it is not finite."""
    value = (prediction.double() - y.double()).square().mean().item()
    return value if np.isfinite(value) else float("inf")
