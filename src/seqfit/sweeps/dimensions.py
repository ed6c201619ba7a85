"""What a sweep chooses a setting from: a range of numbers, or a list of values."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, final

import attrs
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from seqfit.configuration import ConfigurationError
from seqfit.validators import as_tuple, boolean, did_you_mean, is_finite, is_int, one_of

NONE = "none"
"""A choice that unsets a setting, which TOML has no value for."""


@final
@attrs.frozen
class Range:
    """Numbers from `low` to `high`, both included.

    Attributes:
        kind: ``"float"`` or ``"int"``.
        low: the least.
        high: the greatest.
        log: whether each order of magnitude is as likely as any other.
        step: from number to number; None takes 1 for ints and no step for floats.
    """

    kind: Literal["float", "int"] = attrs.field(validator=one_of("float", "int"))
    low: float = attrs.field()
    high: float = attrs.field()
    log: bool = attrs.field(default=False, validator=boolean)
    step: float | None = attrs.field(default=None)

    def __attrs_post_init__(self) -> None:
        fits, what = (is_finite, "numbers") if self.kind == "float" else (is_int, "ints")
        for name in ("low", "high", "step"):
            value = getattr(self, name)
            if not fits(value) and not (name == "step" and value is None):
                raise ValueError(f"a range of {self.kind} takes {what}, got {name}={value!r}")
        self.distribution()  # raises where the numbers don't go together

    def distribution(self) -> BaseDistribution:
        """The same as Optuna has it."""
        if self.kind == "float":
            return FloatDistribution(self.low, self.high, log=self.log, step=self.step)
        low, high, step = int(self.low), int(self.high), int(self.step or 1)
        return IntDistribution(low, high, log=self.log, step=step)

    def examples(self) -> list[Any]:
        """The values at both ends."""
        as_drawn = float if self.kind == "float" else int
        return [as_drawn(self.low), as_drawn(self.high)]

    def value(self, parameter: Any) -> Any:
        """The value that Optuna's stands for: itself."""
        return parameter

    def settings(self) -> dict[str, Any]:
        """As plain data."""
        data: dict[str, Any] = {self.kind: [self.low, self.high]}
        if self.log:
            data["log"] = True
        return data if self.step is None else data | {"step": self.step}


@final
@attrs.frozen
class Choice:
    """One of several values: numbers, texts, lists, or whole components as tables.

    Optuna knows components by their names, or by a text such as ``gru:hidden=32`` where two have
    the same name, and lists by a text.

    Attributes:
        values: the values; ``"none"`` unsets a setting.
    """

    values: tuple[Any, ...] = attrs.field(converter=as_tuple)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.values, tuple) or not self.values:
            raise ValueError(f"a choice takes a list of one or more values, got {self.values!r}")
        labels = [(type(label), label) for label in self.labels]
        for label in labels:
            if labels.count(label) > 1:
                raise ValueError(f"a choice takes different values, got {label[1]!r} twice")

    @property
    def labels(self) -> list[Any]:
        """What Optuna knows the values by."""
        names = [v["name"] for v in self.values if isinstance(v, Mapping) and "name" in v]
        return [_label(value, alone=len(set(names)) == len(names)) for value in self.values]

    def distribution(self) -> BaseDistribution:
        """The same as Optuna has it."""
        return CategoricalDistribution(self.labels)

    def examples(self) -> list[Any]:
        """All values, as Optuna has them."""
        return self.labels

    def value(self, parameter: Any) -> Any:
        """The value that Optuna's stands for."""
        labels = [(type(label), label) for label in self.labels]
        value = self.values[labels.index((type(parameter), parameter))]
        return None if value == NONE else copy.deepcopy(value)

    def settings(self) -> dict[str, Any]:
        """As plain data."""
        return {"choice": list(self.values)}


Dimension: TypeAlias = Range | Choice
KINDS = ("float", "int", "choice")


def is_dimension(data: Any) -> bool:
    """Whether some plain data says what to choose from, and not more of a path."""
    return isinstance(data, Mapping) and any(isinstance(data.get(kind), list) for kind in KINDS)


def dimension(data: Mapping[str, Any], where: str) -> Dimension:
    """What some plain data describes.

    Args:
        data: ``{float = [1e-4, 1e-1], log = true}``, ``{int = [4, 64], step = 4}`` or
            ``{choice = [...]}``.
        where: what it is for, in errors.

    Raises:
        ConfigurationError: it is not of that form.
    """
    kind = next(kind for kind in KINDS if kind in data)
    options = {key: value for key, value in data.items() if key != kind}
    known = () if kind == "choice" else ("log", "step")
    for name in options:
        if name not in known:
            there = f" (there are: {', '.join(known)})" if known else ""
            raise ConfigurationError(
                f"{where}: {kind} has no option {name!r}{did_you_mean(name, known)}{there}"
            )
    try:
        if kind == "choice":
            return Choice(data[kind])
        if len(data[kind]) != 2:
            raise ValueError(f"{kind} takes [low, high], got {data[kind]!r}")
        return Range("int" if kind == "int" else "float", *data[kind], **options)
    except ValueError as error:
        raise ConfigurationError(f"{where}: {error}") from error


def _label(value: Any, alone: bool) -> Any:
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        if alone:
            return value["name"]
        settings = [f"{key}={_text(item)}" for key, item in value.items() if key != "name"]
        return value["name"] + (":" + ",".join(settings) if settings else "")
    return value if isinstance(value, bool | int | float | str) else _text(value)


def _text(value: Any) -> str:
    return json.dumps(value, default=str)
