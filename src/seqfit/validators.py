"""Validators of component fields: each error names the field, the rule and the value.

They are ordinary `attrs` validators, for plugin authors too::

    window: int = attrs.field(default=2, validator=positive_int)
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from typing import Any

import attrs

Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def is_int(value: object) -> bool:
    """Whether a value is an integer; `True` and `2.0` are not."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_finite(value: object) -> bool:
    """Whether a value is a finite real number, as a float too; `True` is not."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an int beyond all floats
        return False


def is_seed(value: Any) -> bool:
    """Whether a value is a seed: an int from 0 to 2**63 - 1."""
    return is_int(value) and 0 <= value < 2**63


def must(rule: str, holds: Callable[[Any], bool]) -> Validator:
    """A validator of a rule: its error says that the field ``must be`` that, and the value."""

    def validate(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not holds(value):
            raise ValueError(f"{attribute.name} must be {rule}, got {value!r}")

    return validate


positive_int = must("a positive int", lambda v: is_int(v) and v > 0)
natural = must("a non-negative int", lambda v: is_int(v) and v >= 0)
finite = must("a finite number", is_finite)
positive = must("a positive, finite number", lambda v: is_finite(v) and v > 0)
non_negative = must("a non-negative, finite number", lambda v: is_finite(v) and v >= 0)
probability = must("a probability between 0 and 1", lambda v: is_finite(v) and 0 <= v <= 1)
boolean = must("true or false", lambda v: isinstance(v, bool))
text = must("a string", lambda v: isinstance(v, str))
seed = must("an int from 0 to 2**63 - 1", lambda v: is_seed(v))


def positive_ints(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """A tuple of positive ints; empty is allowed."""
    if not isinstance(value, tuple) or not all(is_int(v) and v > 0 for v in value):
        raise ValueError(f"{attribute.name} must be a list of positive ints, got {value!r}")


def above(other: str) -> Validator:
    """A finite number greater than the field `other`, which is declared before it."""

    def validate(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        finite(instance, attribute, value)
        if value <= getattr(instance, other):
            raise ValueError(
                f"{attribute.name} must be above {other}={getattr(instance, other)!r}, "
                f"got {value!r}"
            )

    return validate


def one_of(*choices: str) -> Validator:
    """One of the given strings; the error suggests the nearest."""

    def validate(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value not in choices:
            raise ValueError(
                f"{attribute.name} must be one of {', '.join(choices)}, got {value!r}"
                + did_you_mean(value, choices)
            )

    return validate


def did_you_mean(name: object, choices: Iterable[str]) -> str:
    """A hint at the nearest of the choices, or nothing where none is near."""
    nearest = difflib.get_close_matches(str(name), list(choices), n=1)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""


def as_tuple(values: Any) -> Any:
    """A converter: any iterable as a tuple, so that the field can be hashed and frozen.

    Anything else stays as it is, for the field's validator to refuse.
    """
    return tuple(values) if isinstance(values, Iterable) else values


def require_positive_int(name: str, value: object) -> None:
    """Raise a ValueError unless an argument is a positive int."""
    if not is_int(value) or value <= 0:  # type: ignore[operator]
        raise ValueError(f"{name} must be a positive int, got {value!r}")
