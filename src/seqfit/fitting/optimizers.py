"""torch's optimizers and learning-rate schedules, as configurations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeAlias, final

import attrs
import torch

from seqfit.validators import did_you_mean, one_of, seed, text

OptimizerFactory: TypeAlias = Callable[[Iterable[torch.nn.Parameter]], torch.optim.Optimizer]
LearningRateFactory: TypeAlias = Callable[
    [torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler
]


def _named(module: Any, base: type[Any]) -> dict[str, type[Any]]:
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, base) and value is not base
    }


@final
@attrs.frozen
class LevenbergMarquardt:
    """Damped least squares: it solves for all weights of the first update at once.

    For models that can be solved (`OutputFeedback`, `StateSpace`): many random starts, exact
    derivatives, then units that the samples can do without are removed, and the numbers are
    rounded to float32 in the way that drifts least. It minimises a loss of its own, whatever the
    fit's is: log-loss where the outputs take two values only. Later updates change nothing: they
    only record the fit's loss.

    Any other small module is fitted from its own weights, by exact forward derivatives of its
    free run; an iteration takes as long as a pass for each parameter.

    References:
        Marquardt (1963), "An algorithm for least-squares estimation of nonlinear parameters".

    Attributes:
        seed: of the random starts.
        loss: ``"squares"``; or ``"huber"``, for outputs of which some are far off, which then
            pull no harder than others (Huber 1964).
    """

    seed: int = attrs.field(default=0, validator=seed)
    loss: Literal["squares", "huber"] = attrs.field(
        default="squares", validator=one_of("squares", "huber")
    )

    def settings(self) -> dict[str, Any]:
        """As plain data."""
        return {"name": type(self).__name__, "seed": self.seed, "loss": self.loss}


def _as_dict(options: Any) -> dict[str, Any]:
    return dict(options)


@final
@attrs.frozen
class TorchOptimizer:
    """An optimizer of `torch.optim`, or else of the package `pytorch_optimizer`, by name.

    Attributes:
        name: name of the class, for example ``"Adam"`` or ``"SOAP"``.
        options: its keyword arguments.
    """

    name: str = attrs.field(default="Adam", validator=text)
    options: dict[str, Any] = attrs.field(factory=dict, converter=_as_dict)

    def __attrs_post_init__(self) -> None:
        probe = torch.nn.Parameter(torch.zeros(1))
        _call(_find_optimizer(self.name), [probe], self)

    def __call__(self, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
        """The optimizer of some parameters."""
        optimizer: torch.optim.Optimizer = _find_optimizer(self.name)(parameters, **self.options)
        return optimizer

    def settings(self) -> dict[str, Any]:
        """As plain data: the options beside the name."""
        return {"name": self.name, **self.options}


@final
@attrs.frozen
class TorchLearningRate:
    """A learning-rate schedule of `torch.optim.lr_scheduler`, by name, stepped at each update.

    Attributes:
        name: name of the class, for example ``"OneCycleLR"``.
        options: its keyword arguments. A one-cycle rate without ``total_steps`` spans the
            updates that the experiment's samples make; after its end the last rate stays.
    """

    name: str = attrs.field(validator=text)
    options: dict[str, Any] = attrs.field(factory=dict, converter=_as_dict)

    def __attrs_post_init__(self) -> None:
        schedulers = torch.optim.lr_scheduler
        probe = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])
        found = _find("learning_rate", schedulers, schedulers.LRScheduler, self.name)
        _call(found, probe, self, **({"total_steps": 100} if self._spans_the_fit else {}))

    @property
    def _spans_the_fit(self) -> bool:
        """Whether it is a cycle whose length is left to the experiment, see `over`."""
        return self.name == "OneCycleLR" and not {"total_steps", "epochs"} & self.options.keys()

    def over(self, updates: int) -> TorchLearningRate:
        """The same, where it has no ``total_steps`` but needs them, over so many updates."""
        if not self._spans_the_fit:
            return self
        steps = max(updates, 2)
        try:
            return attrs.evolve(self, options=self.options | {"total_steps": steps})
        except ValueError:  # torch divides by zero where the rate rises for one step exactly
            return attrs.evolve(self, options=self.options | {"total_steps": steps + 1})

    def __call__(self, optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
        """The schedule of an optimizer's learning rate."""
        scheduler: torch.optim.lr_scheduler.LRScheduler = getattr(
            torch.optim.lr_scheduler, self.name
        )(optimizer, **self.options)
        return scheduler

    def settings(self) -> dict[str, Any]:
        """As plain data: the options beside the name."""
        return {"name": self.name, **self.options}


def as_optimizer(value: Any) -> Any:
    """An optimizer's configuration, from the plain data that `settings` gives."""
    if isinstance(value, Mapping) and value.get("name") == LevenbergMarquardt.__name__:
        return LevenbergMarquardt(**{key: value[key] for key in value if key != "name"})
    return _from_settings(TorchOptimizer, value)


def as_learning_rate(value: Any) -> Any:
    """A learning-rate schedule's configuration, from the plain data that `settings` gives."""
    return _from_settings(TorchLearningRate, value)


def _from_settings(cls: type[Any], value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    options = dict(value)
    name = options.pop("name", None)
    return cls(name, options)


def _find_optimizer(name: str) -> type[Any]:
    own = _named(torch.optim, torch.optim.Optimizer)
    if name in own:
        return own[name]
    import pytorch_optimizer  # here: it takes half a second, and most fits don't need it

    others = _named(pytorch_optimizer, torch.optim.Optimizer)
    if name not in others:
        raise ValueError(
            f"optimizer must be the name of a class of torch.optim or pytorch_optimizer, "
            f"got {name!r}{did_you_mean(name, own | others)}"
        )
    return others[name]


def _find(field: str, module: Any, base: type[Any], name: str) -> type[Any]:
    found = _named(module, base)
    if name not in found:
        raise ValueError(
            f"{field} must be the name of a class of {module.__name__}, got {name!r}"
            + did_you_mean(name, found)
        )
    return found[name]


def _call(cls: type[Any], argument: Any, configuration: Any, **more: Any) -> None:
    try:
        cls(argument, **configuration.options, **more)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ValueError(
            f"{configuration.name} refuses {configuration.options}: {error}"
        ) from error
