"""What is being fitted: the module, its optimizer, and one step of learning."""

from __future__ import annotations

import abc
import inspect
import math
from typing import ClassVar, final

import attrs
import torch
from torch import Tensor

from seqfit.fitting.engines import (
    CapturedEngine,
    CompiledGradient,
    CompiledUpdates,
    Engine,
    Outcome,
    Run,
    RunOutcome,
    Segment,
    SummedGradient,
    UnknownToCompiledError,
    choose_engine,
)
from seqfit.fitting.experiment import Experiment
from seqfit.fitting.losses import Loss, elementwise
from seqfit.fitting.optimizers import OptimizerFactory, TorchLearningRate
from seqfit.fitting.ranks import Ranks
from seqfit.models.base import StreamModule
from seqfit.schedules.base import updates_within
from seqfit.states import State, map_together


class DivergedError(ArithmeticError):
    """A loss, gradient or weight that is not finite; the last good weights are kept."""


class Learner(abc.ABC):
    """A module, and what changes it.

    Attributes:
        module: the module that is fitted.
        method: how it is fitted, as a report names it.
        takes_resets: whether streams may start anew in the middle of the fit.
    """

    module: StreamModule
    method: str
    takes_resets: ClassVar[bool] = True

    @property
    def verdict(self) -> str:
        """How well the model explains what it has learned from, where that is known."""
        return "fitted step by step along gradients"

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next update; NaN where there is none."""
        return math.nan

    @abc.abstractmethod
    def learn(self, segment: Segment) -> Outcome:
        """Run through a segment and learn from it.

        Raises:
            DivergedError: something is not finite; the last good weights are kept.
        """

    @abc.abstractmethod
    def slow_down(self, factor: float) -> None:
        """Multiply the learning rate, now and in all of its schedule, where there is one."""

    def learn_ahead(self, run: Run) -> RunOutcome | None:
        """Make many updates at a time, as if one by one; None where the learner can't.

        No stream starts anew within them.

        Raises:
            DivergedError: the first one diverged; the last good weights are kept.
        """
        return None

    @property
    def is_prepared(self) -> bool:
        """Whether the next call can start at once: nothing has to be compiled."""
        return True

    @abc.abstractmethod
    def check_weights(self) -> None:
        """Raise a DivergedError, and restore the last good weights, unless all are finite."""

    @abc.abstractmethod
    def state(self) -> State:
        """All that learning has changed, as a state tree."""

    @abc.abstractmethod
    def restore(self, state: State) -> None:
        """Go on from what `state` gave."""


def build_module(experiment: Experiment, inputs: int, outputs: int) -> StreamModule:
    """A module with fresh weights, which the experiment's seed decides.

    Raises:
        TypeError: the model did not build a StreamModule.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(experiment.seed)
        try:
            module = experiment.model.build(inputs, outputs)
        except RuntimeError as error:  # torch's, for example where memory does not suffice
            first_line = str(error).splitlines()[0]
            raise ValueError(f"{experiment.model!r} can't be built: {first_line}") from error
    if not isinstance(module, StreamModule):
        raise TypeError(
            f"{type(experiment.model).__name__}.build must return a StreamModule, "
            f"got {type(module).__name__}"
        )
    return module.to(device=experiment.device, dtype=getattr(torch, experiment.dtype))


@final
@attrs.define
class GradientLearner(Learner):
    """A learner that takes optimizer steps along gradients.

    Attributes:
        module: the module that is fitted.
        parameters: its parameters, collected once: walking through a module is slow.
        optimizer: torch's optimizer of its parameters.
        scheduler: torch's schedule of the learning rate, if there is one.
        engine: computes the gradient of an update.
        compiled: makes whole updates in place of engine and optimizer, where it knows them.
        method: the engine that is used, and why not a faster one.
        loss: the elementwise loss.
        clip: greatest norm of a gradient, if there is one.
        good: the weights with which the loss was last seen to be finite.
        searches: whether a step of the optimizer computes gradients at several points, as that of
            L-BFGS does.
    """

    module: StreamModule
    parameters: tuple[torch.nn.Parameter, ...]
    optimizer: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LRScheduler | None
    engine: Engine
    compiled: CompiledUpdates | None
    method: str
    loss: Loss
    clip: float | None
    good: list[Tensor]
    searches: bool

    @classmethod
    def build(
        cls,
        experiment: Experiment,
        optimizer: OptimizerFactory,
        inputs: int,
        outputs: int,
        ranks: Ranks,
    ) -> GradientLearner:
        """A learner with fresh weights."""
        module = build_module(experiment, inputs, outputs)
        parameters = tuple(module.parameters())
        torch_optimizer = optimizer(parameters)
        rate = experiment.learning_rate
        if isinstance(rate, TorchLearningRate):
            rate = rate.over(updates_within(experiment.schedule, experiment.samples))
        scheduler = None if rate is None else rate(torch_optimizer)
        engine, compiled, method = _choose(
            experiment, module, parameters, torch_optimizer, scheduler, ranks
        )
        if ranks.count > 1:
            engine = SummedGradient(engine, parameters, ranks, experiment.schedule.streams)
        return cls(
            module=module,
            parameters=parameters,
            optimizer=torch_optimizer,
            scheduler=scheduler,
            engine=engine,
            compiled=compiled,
            method=method,
            loss=elementwise(experiment.loss, experiment.missing),
            clip=experiment.clip,
            good=[p.detach().clone() for p in parameters],
            searches=_needs_closure(torch_optimizer),
        )

    @property
    def learning_rate(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])

    def learn(self, segment: Segment) -> Outcome:
        outcome = self._gradient(segment)
        if not math.isfinite(outcome.loss):
            self.restore_good_weights()
            raise DivergedError(f"the loss is {outcome.loss}")
        with torch.no_grad():
            torch._foreach_copy_(self.good, self.parameters)
        if self.searches:
            self._search(segment, outcome)
        else:
            self.optimizer.step()
        self._step_rate()
        return outcome

    def _search(self, segment: Segment, here: Outcome) -> None:
        """Make a step that computes gradients at several points, first at the present one."""
        known = [here]
        try:
            self.optimizer.step(
                lambda: (known.pop() if known else self._gradient(segment)).objective
            )
        except DivergedError:
            self.restore_good_weights()
            raise

    def _gradient(self, segment: Segment) -> Outcome:
        """Fill in the gradients of an update."""
        self.optimizer.zero_grad()
        outcome = self.engine.accumulate(self.module, self.loss, segment)
        if self.clip is not None and math.isfinite(outcome.loss):
            norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)
            if not math.isfinite(norm):
                raise DivergedError(f"the norm of the gradient is {norm.item()}")
        return outcome

    @property
    def is_prepared(self) -> bool:
        return self.engine.is_prepared if self.compiled is None else self.compiled.is_compiled

    def learn_ahead(self, run: Run) -> RunOutcome | None:
        if self.compiled is None:
            return None
        outcome = self.compiled.make(run, self._step_rate)
        if outcome.losses:
            self.compiled.copy_weights_before(len(outcome.losses), self.good)
        elif outcome.failure is not None:
            self.restore_good_weights()
            raise DivergedError(outcome.failure)
        return outcome

    def slow_down(self, factor: float) -> None:
        for group in self.optimizer.param_groups:
            for name in ("lr", "initial_lr", "max_lr", "min_lr"):
                if name in group:
                    group[name] *= factor
        for name in ("base_lrs", "_last_lr"):
            rates = getattr(self.scheduler, name, None)
            if rates is not None:
                setattr(self.scheduler, name, [factor * rate for rate in rates])

    def check_weights(self) -> None:
        if not all(bool(p.isfinite().all()) for p in self.parameters):
            self.restore_good_weights()
            raise DivergedError("a weight is not finite")

    def restore_good_weights(self) -> None:
        """Go back to the weights with which the loss was last seen to be finite."""
        with torch.no_grad():
            torch._foreach_copy_(self.parameters, self.good)

    def state(self) -> State:
        return {
            "module": dict(self.module.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "good": list(self.good),
        }

    def restore(self, state: State) -> None:
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        # torch casts what it loads to the dtype of the parameter, whatever it was.
        for number, saved in state["optimizer"]["state"].items():
            parameter = self.parameters[number]
            loaded = self.optimizer.state[parameter]
            self.optimizer.state[parameter] = map_together(
                lambda own, saved: saved.to(own.device, copy=True), [dict(loaded), saved]
            )
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        with torch.no_grad():
            torch._foreach_copy_(self.good, state["good"])

    def _step_rate(self) -> None:
        # One-cycle schedules have an end and raise beyond it; the last rate is then kept.
        total: float = getattr(self.scheduler, "total_steps", math.inf)
        if self.scheduler is not None and self.scheduler.last_epoch + 1 < total:
            self.scheduler.step()


def _needs_closure(optimizer: torch.optim.Optimizer) -> bool:
    parameter = inspect.signature(optimizer.step).parameters.get("closure")
    return parameter is not None and parameter.default is inspect.Parameter.empty


def _choose(
    experiment: Experiment,
    module: StreamModule,
    parameters: tuple[torch.nn.Parameter, ...],
    optimizer: torch.optim.Optimizer,
    scheduler: torch.optim.lr_scheduler.LRScheduler | None,
    ranks: Ranks,
) -> tuple[Engine, CompiledUpdates | None, str]:
    """What computes gradients, what makes whole updates if anything does, and their name."""
    engine, loss, clip = choose_engine(experiment.engine), experiment.loss, experiment.clip
    if engine.name == CapturedEngine.name and torch.device(experiment.device).type == "cuda":
        engine = CapturedEngine(parameters)
    if experiment.engine not in ("auto", CompiledUpdates.name):
        return engine, None, engine.name
    try:
        engine = CompiledGradient(module, parameters, loss)
        if ranks.count > 1:
            why = f"{ranks.count} ranks sum gradients, compiled makes whole updates"
            return engine, None, f"{engine.name} ({why})"
        compiled = CompiledUpdates(module, parameters, optimizer, scheduler, loss, clip)
    except UnknownToCompiledError as error:
        if experiment.engine == CompiledUpdates.name:
            raise ValueError(
                f"engine 'compiled' does not know {error}; engine 'auto' takes another"
            ) from None
        return engine, None, f"{engine.name} (compiled does not know {error})"
    return engine, compiled, compiled.name
