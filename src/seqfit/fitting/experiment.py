"""The configuration of a fit: everything that decides its numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import tomli_w
import torch

from seqfit import configuration
from seqfit.fitting.engines import ENGINE_NAMES
from seqfit.fitting.losses import Loss, require_loss
from seqfit.fitting.optimizers import (
    LearningRateFactory,
    LevenbergMarquardt,
    OptimizerFactory,
    TorchOptimizer,
    as_learning_rate,
    as_optimizer,
)
from seqfit.limits import in_short, read_text
from seqfit.models.base import Model
from seqfit.schedules.base import UpdateSchedule
from seqfit.signals.base import Signal
from seqfit.targets.base import Target
from seqfit.validators import one_of, positive, positive_int, seed

_optional = attrs.validators.optional


def _is_a(interface: type[Any], optional: bool = False) -> Any:
    def validate(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if isinstance(value, interface) or (optional and value is None):
            return
        hint = "; give an instance, not the class" if isinstance(value, type) else ""
        raise TypeError(f"{attribute.name} must be a {interface.__name__}, got {value!r}{hint}")

    return validate


def _callable(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not callable(value):
        raise TypeError(f"{attribute.name} must be a factory, got {value!r}")


def _optimizer(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not callable(value) and not isinstance(value, LevenbergMarquardt):
        hint = f"; write TorchOptimizer({value!r})" if isinstance(value, str) else ""
        raise TypeError(f"{attribute.name} must be a factory or a solver, got {value!r}{hint}")


def _device(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    try:
        if torch.empty(0, device=value).is_meta:
            raise RuntimeError("it holds no numbers")
    except (RuntimeError, TypeError, AssertionError) as error:
        first_line = str(error).splitlines()[0]
        raise ValueError(
            f"{attribute.name} must be a device that torch has here, got {value!r}: {first_line}"
        ) from None


@attrs.frozen
class Experiment:
    """What is fitted to what, and how: it can be written as TOML and read back.

    Attributes:
        signal: what goes in; None for a fit that is fed by `Fitter.partial_fit` alone.
        target: what should come out; None likewise.
        model: what learns.
        schedule: when it learns, and from which gradients.
        optimizer: a factory that makes a torch optimizer of parameters, or a
            `LevenbergMarquardt`.
        learning_rate: a factory that makes a torch learning-rate schedule of an optimizer, to be
            stepped at each update; None keeps the rate.
        loss: ``"l1"``, ``"mse"``, ``"huber"``, or a function of prediction and y, both of shape
            (time, streams, outputs), that gives one number for each element.
        missing: what an output that is not a number means: ``"error"`` refuses it; with ``"mask"``
            it is missing, and adds nothing to losses and scores.
        clip: greatest norm of an update's gradient; longer ones are scaled down to it. None
            leaves them.
        seed: of the training streams and of the initial weights.
        dtype: of the weights and samples, ``"float32"`` or ``"float64"``.
        device: where torch computes.
        engine: ``"eager"``, ``"windowed"``, ``"compiled"``, or ``"auto"``, the fastest that knows
            all parts.
        threads: torch's threads during the fit; at these sizes more than one rarely pays.
        samples: how many samples `Fitter.fit` takes where it is not told, over all streams.
    """

    signal: Signal | None = attrs.field(default=None, validator=_is_a(Signal, optional=True))
    target: Target | None = attrs.field(default=None, validator=_is_a(Target, optional=True))
    model: Model = attrs.field(default=None, validator=_is_a(Model))
    schedule: UpdateSchedule = attrs.field(default=None, validator=_is_a(UpdateSchedule))
    optimizer: OptimizerFactory | LevenbergMarquardt = attrs.field(
        factory=TorchOptimizer, converter=as_optimizer, validator=_optimizer, kw_only=True
    )
    learning_rate: LearningRateFactory | None = attrs.field(
        default=None, converter=as_learning_rate, validator=_optional(_callable), kw_only=True
    )
    loss: str | Loss = attrs.field(default="l1", validator=require_loss, kw_only=True)
    missing: str = attrs.field(default="error", validator=one_of("error", "mask"), kw_only=True)
    clip: float | None = attrs.field(default=None, validator=_optional(positive), kw_only=True)
    seed: int = attrs.field(default=0, validator=seed, kw_only=True)
    dtype: str = attrs.field(
        default="float32", validator=one_of("float32", "float64"), kw_only=True
    )
    device: str = attrs.field(default="cpu", converter=str, validator=_device, kw_only=True)
    engine: str = attrs.field(default="auto", validator=one_of(*ENGINE_NAMES), kw_only=True)
    threads: int = attrs.field(default=1, validator=positive_int, kw_only=True)
    samples: int = attrs.field(default=250_000, validator=positive_int, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if (self.signal is None) != (self.target is None):
            missing = "target" if self.target is None else "signal"
            raise ValueError(f"a signal and a target belong together, but there is no {missing}")
        if self.signal is None or self.target is None:
            return
        if self.target.has_missing and self.missing == "error":
            raise ValueError(
                f"outputs of the target may be missing: {self.target!r} needs missing='mask'"
            )
        limit, streams = self.signal.max_streams, self.schedule.streams
        if limit is not None and streams > limit:
            raise ValueError(f"the schedule runs {streams} streams, but the signal has {limit}")
        self.target.outputs(self.signal.channels)  # raises where the channels don't match


def to_toml(experiment: Experiment) -> str:
    """The experiment as TOML.

    Raises:
        NotSerialisable: a part of it holds code or data in memory.
    """
    data = configuration.to_data(experiment)
    tables = {key: value for key, value in data.items() if isinstance(value, dict)}
    return tomli_w.dumps({key: data[key] for key in data if key not in tables} | tables)


def from_toml(text: str, source: str = "the experiment") -> Experiment:
    """The experiment that some TOML describes.

    Args:
        text: what `to_toml` wrote, or a user did; what is left out has its default.
        source: where it is from, named in errors.

    Raises:
        ConfigurationError: it is not TOML, or something in it is unknown or wrong.
        PluginError: a name in it can't be loaded.
    """
    with configuration.naming(source):
        data = configuration.read_toml(text, source)
        for part in ("model", "schedule"):
            if part not in data:
                raise configuration.ConfigurationError(f"{source} has no [{part}]")
        return configuration.build(Experiment, data, where=source)


def read_experiment(path: Path) -> Experiment:
    """The experiment in a TOML file; raises as `from_toml` does, and FileNotFoundError."""
    try:
        text = read_text(path)
    except ValueError as error:
        raise configuration.ConfigurationError(in_short(error)) from error
    return from_toml(text, str(path))


def to_partial_data(experiment: Experiment) -> tuple[dict[str, Any], dict[str, str]]:
    """What of an experiment can be written as plain data, and why the rest can't.

    Returns:
        data: fields as plain data.
        missing: for each field that can't be written, the reason.
    """
    data, missing = {}, {}
    for field in attrs.fields(Experiment):
        try:
            data[field.name] = configuration.plain(getattr(experiment, field.name), field.name)
        except configuration.NotSerialisable as error:
            missing[field.name] = str(error)
    return {name: value for name, value in data.items() if value is not None}, missing


def differing(one: Experiment, other: Experiment) -> tuple[str, Any, Any] | None:
    """The first field by name in which two experiments differ, with what it is in each.

    What can't be written as plain data is not compared.
    """
    there, here = (to_partial_data(what)[0] for what in (one, other))
    for name in sorted(there | here):
        if there.get(name) != here.get(name):
            return name, there.get(name), here.get(name)
    return None


def from_partial_data(data: dict[str, Any], parts: dict[str, Any], source: str) -> Experiment:
    """The experiment of some plain data, with parts given as they are.

    Raises:
        ConfigurationError: something in the data is unknown or wrong, or a part is not one.
    """
    with configuration.naming(source):
        return configuration.build(Experiment, data, where=source, given=parts)
