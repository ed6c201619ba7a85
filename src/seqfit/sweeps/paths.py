"""Dotted paths to the settings of an experiment, such as ``model.hidden``."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import attrs
import torch

from seqfit import plugins
from seqfit.configuration import ConfigurationError
from seqfit.fitting.experiment import Experiment
from seqfit.fitting.optimizers import TorchLearningRate, TorchOptimizer
from seqfit.validators import did_you_mean


class UnknownPathError(ConfigurationError):
    """A path that leads to no setting; the message names the nearest."""


def find(experiment: Experiment, path: str) -> Any:
    """The value of a setting; None where it has none.

    Args:
        experiment: where it is looked for.
        path: names of settings with dots between them, and numbers in lists.

    Raises:
        UnknownPathError: there is no such setting.
    """
    found: Any = experiment
    parts = path.split(".")
    for depth, part in enumerate(parts):
        inside = _settings(found)
        if part not in inside:
            before = "".join(f"{name}." for name in parts[:depth])
            known = [before + name for name in inside]
            where = before.rstrip(".") or "the experiment"
            raise UnknownPathError(
                f"no setting {before + part!r}{did_you_mean(before + part, known)} (there are: "
                f"{', '.join(known)})"
                if known
                else f"no setting {path!r}: {where} is {found!r} and has no settings"
            )
        found = inside[part]
    return found


def is_component(value: Any) -> bool:
    """Whether a value is one that has a name and settings of its own."""
    return _is_named(value) and not isinstance(value, Experiment)


def put(data: dict[str, Any], path: str, value: Any) -> None:
    """Set a value in the plain data of an experiment, which must have the setting; None unsets."""
    *way, last = path.split(".")
    inside: Any = data
    for part in way:
        inside = inside[int(part)] if isinstance(inside, list) else inside[part]
    if isinstance(inside, list):
        inside[int(last)] = value
    elif value is None:
        inside.pop(last, None)
    else:
        inside[last] = value


def _settings(part: Any) -> dict[str, Any]:
    """Settings of a part, by the names that they have in TOML."""
    if isinstance(part, TorchOptimizer | TorchLearningRate):
        return {"name": part.name, **dict.fromkeys(_options(part)), **part.options}
    if isinstance(part, Mapping):
        return {str(key): value for key, value in part.items()}
    if isinstance(part, list | tuple):
        return {str(number): value for number, value in enumerate(part)}
    if not _is_named(part) and not attrs.has(type(part)):
        return {}
    named = {"name": type(part).__name__} if _is_named(part) else {}
    fields = attrs.fields(type(part)) if attrs.has(type(part)) else ()
    return named | {str(f.alias): getattr(part, f.name) for f in fields if f.init}


def _is_named(part: Any) -> bool:
    return plugins.kind_of(type(part)) is not None or hasattr(part, "settings")


def _options(part: TorchOptimizer | TorchLearningRate) -> list[str]:
    """Names of the keyword arguments of torch's class."""
    if isinstance(part, TorchOptimizer):
        cls: type[Any] = type(part([torch.nn.Parameter(torch.zeros(1))]))
    else:
        cls = getattr(torch.optim.lr_scheduler, part.name)
    _, *options = inspect.signature(cls).parameters.values()
    return [o.name for o in options if o.kind in (o.POSITIONAL_OR_KEYWORD, o.KEYWORD_ONLY)]
