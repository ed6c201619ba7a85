"""torch's optimizers and learning rates, as the compiled engine carries them out."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from seqfit.fitting.engines.updates import ADAM, AMSGRAD, NESTEROV, SETTINGS, SGD
from seqfit.models.kernels.products import Array


class UnknownToCompiledError(ValueError):
    """Something that the compiled engine does not know; the message names it."""


_ADAM_OPTIONS = {
    "lr", "betas", "eps", "weight_decay", "amsgrad", "maximize", "decoupled_weight_decay",
}  # fmt: skip
_SGD_OPTIONS = {"lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize"}
_OPTIONS = {torch.optim.Adam: _ADAM_OPTIONS, torch.optim.AdamW: _ADAM_OPTIONS}
_OPTIONS |= {torch.optim.SGD: _SGD_OPTIONS}
_HOW_NOT_WHAT = {"foreach", "fused"}
"""Options that change how torch computes a step, not what it is."""

_SCHEDULED = {
    # What torch's schedules add to a group, for their own use.
    "initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum", "swa_lr",
}  # fmt: skip


@final
class CompiledOptimizer:
    """An optimizer of torch whose steps are made elsewhere, and whose state is kept up.

    Args:
        optimizer: torch's.
        scheduler: torch's schedule of its rate, if there is one.
        parameters: what it optimises.

    Raises:
        UnknownToCompiledError: something in it is not known.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        scheduler: torch.optim.lr_scheduler.LRScheduler | None,
        parameters: Sequence[torch.Tensor],
    ) -> None:
        kind = type(optimizer)
        if kind not in _OPTIONS:
            raise UnknownToCompiledError(f"the optimizer {kind.__name__}")
        groups = optimizer.param_groups
        if len(groups) != 1 or {*map(id, groups[0]["params"])} != {*map(id, parameters)}:
            raise UnknownToCompiledError("groups of parameters with rates of their own")
        for name, value in groups[0].items():
            known = name in _OPTIONS[kind] | _SCHEDULED | _HOW_NOT_WHAT or name == "params"
            if (not known and value) or isinstance(value, Tensor):
                raise UnknownToCompiledError(f"the option {name}={value!r} of {kind.__name__}")
        if optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks:
            raise UnknownToCompiledError("hooks of the optimizer")
        self._optimizer, self._scheduler = optimizer, scheduler
        self._parameters = parameters
        self._is_adam = kind is not torch.optim.SGD
        self._before: tuple[Any, dict[str, Any]] | None = None

    @property
    def _group(self) -> dict[str, Any]:
        return self._optimizer.param_groups[0]

    @property
    def steps(self) -> float:
        """Steps made so far; of stochastic gradient descent, whether there was one."""
        state = self._optimizer.state.get(self._parameters[0], {})
        if self._is_adam:
            return float(state.get("step", 0.0))
        return float(state.get("momentum_buffer") is not None)

    def settings(self, loss: int, clip: float | None) -> Any:
        """The `SETTINGS` of its steps."""
        settings = np.zeros(1, SETTINGS)
        group, own = self._group, settings[0]
        own["loss"], own["clip"] = loss, math.inf if clip is None else clip
        own["sign"] = -1.0 if group["maximize"] else 1.0
        if self._is_adam:
            own["optimizer"] = AMSGRAD if group["amsgrad"] else ADAM
            own["beta2"], own["eps"] = group["betas"][1], group["eps"]
            own["decoupled"] = group.get(
                "decoupled_weight_decay", isinstance(self._optimizer, torch.optim.AdamW)
            )
        else:
            own["optimizer"] = NESTEROV if group["nesterov"] else SGD
            own["dampening"] = group["dampening"] if group["momentum"] else 0.0
        return settings

    def rates(self, count: int, step_rate: Callable[[], None]) -> Array:
        """Learning rate, beta1 or momentum, and weight decay of the next updates.

        Args:
            count: number of updates.
            step_rate: goes on to the rate of the next update.

        Returns:
            Array of shape (count, 3). The schedule is then where it is after all of them.
        """
        if self._scheduler is None:
            return np.tile(self._rate(), (count, 1))
        group = {name: value for name, value in self._group.items() if name != "params"}
        self._before = copy.deepcopy(self._scheduler.state_dict()), group
        # torch warns where a schedule is stepped before the optimizer was.
        self._optimizer._opt_called = True  # type: ignore[attr-defined]
        rates = np.empty((count, 3))
        for i in range(count):
            rates[i] = self._rate()
            step_rate()
        return rates

    def made(self, done: int, count: int, step_rate: Callable[[], None]) -> None:
        """Take the schedule back to where it is after fewer updates than were asked for."""
        if self._scheduler is None or self._before is None or done == count:
            return
        state, group = self._before
        self._scheduler.load_state_dict(state)
        self._group.update(group)
        for _ in range(done):
            step_rate()

    def _rate(self) -> tuple[float, float, float]:
        group = self._group
        inertia = group["betas"][0] if self._is_adam else group["momentum"]
        return group["lr"], inertia, group["weight_decay"]

    def load(self, averages: Sequence[Sequence[Array]]) -> None:
        """Copy torch's averages.

        Args:
            averages: for each name of `_names`, where the average of each parameter goes.
        """
        for name, places in zip(self._names, averages, strict=False):
            for parameter, place in zip(self._parameters, places, strict=True):
                average = self._optimizer.state.get(parameter, {}).get(name)
                place[...] = 0 if average is None else average.numpy().reshape(place.shape)

    def store(self, averages: Sequence[Sequence[Array]], done: int) -> None:
        """Copy the averages to torch, and count the steps; arguments as of `load`."""
        if done == 0 or not self._names:
            return
        for index, parameter in enumerate(self._parameters):
            state = self._optimizer.state[parameter]
            if self._is_adam:
                if "step" not in state:
                    state["step"] = torch.tensor(0.0)
                state["step"] += done
            for name, places in zip(self._names, averages, strict=False):
                if state.get(name) is None:
                    state[name] = torch.zeros_like(parameter.detach())
                state[name].numpy()[...] = places[index].reshape(parameter.shape)

    @property
    def _names(self) -> tuple[str, ...]:
        if not self._is_adam:
            return ("momentum_buffer",) if self._group["momentum"] else ()
        names = ("exp_avg", "exp_avg_sq")
        return (*names, "max_exp_avg_sq") if self._group["amsgrad"] else names
