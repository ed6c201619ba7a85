"""Validators of component fields: each error names the field, the rule and the value.

They are ordinary `attrs` validators, for plugin authors too::

    window: int = attrs.field(default=2, validator=positive_int)
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Sequence
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


def _whole(rule: str, least: int) -> Validator:
    """A validator of ints from `least` on, which machine numbers can hold."""
    is_one = must(rule, lambda v: is_int(v) and v >= least)

    def validate(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        is_one(instance, attribute, value)
        if value >= 2**63:
            raise ValueError(f"{attribute.name} must be below 2**63, got {value!r:.40}")

    return validate


positive_int = _whole("a positive int", 1)
natural = _whole("a non-negative int", 0)
finite = must("a finite number", is_finite)
positive = must("a positive, finite number", lambda v: is_finite(v) and v > 0)
non_negative = must("a non-negative, finite number", lambda v: is_finite(v) and v >= 0)
fraction = must("a number from 0 to 1", lambda v: is_finite(v) and 0 <= v <= 1)
probability = must("a probability between 0 and 1", lambda v: is_finite(v) and 0 <= v <= 1)
boolean = must("true or false", lambda v: isinstance(v, bool))
text = must("a string", lambda v: isinstance(v, str))
seed = must("an int from 0 to 2**63 - 1", lambda v: is_seed(v))


def positive_ints(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """A tuple of positive ints; empty is allowed."""
    if not isinstance(value, tuple) or not all(is_int(v) and v > 0 for v in value):
        raise ValueError(f"{attribute.name} must be a list of positive ints, got {value!r}")


def finite_numbers(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """A tuple of finite numbers, at least one."""
    if not isinstance(value, tuple) or not value or not all(map(is_finite, value)):
        raise ValueError(
            f"{attribute.name} must be a list of one or more finite numbers, got {value!r}"
        )


def one_for_each(other: str) -> Validator:
    """A tuple of finite numbers, as many as the field `other`, which is declared before it, has."""

    def validate(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        finite_numbers(instance, attribute, value)
        if len(value) != len(getattr(instance, other)):
            raise ValueError(
                f"{attribute.name} must have one number for each of the "
                f"{len(getattr(instance, other))} {other}, got {len(value)}"
            )

    return validate


def between(low: str | float, high: str) -> Validator:
    """A finite number from `low`, a field or a number, to the field `high`.

    The fields are declared before it.
    """

    def validate(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        finite(instance, attribute, value)
        lowest = getattr(instance, low) if isinstance(low, str) else low
        highest = getattr(instance, high)
        if not lowest <= value <= highest:
            lower = f"{low}={lowest!r}" if isinstance(low, str) else f"{low!r}"
            raise ValueError(
                f"{attribute.name} must lie between {lower} and {high}={highest!r}, got {value!r}"
            )

    return validate


def at_least(least: float) -> Validator:
    """A finite number of at least `least`."""
    return must(f"a finite number of at least {least}", lambda v: is_finite(v) and v >= least)


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
        require_one_of(attribute.name, value, choices)

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


def as_rows(values: Any) -> Any:
    """A converter: any iterable of iterables as a tuple of tuples; see `as_tuple`."""
    rows = as_tuple(values)
    return tuple(map(as_tuple, rows)) if isinstance(rows, tuple) else rows


def require_one_of(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise a ValueError unless an argument is one of some strings; it suggests the nearest."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(
            f"{name} must be one of {', '.join(choices)}, got {value!r}"
            + did_you_mean(value, choices)
        )


def require_length(length: object) -> None:
    """Raise a ValueError unless a number of samples is a non-negative int."""
    if not is_int(length) or length < 0:  # type: ignore[operator]
        raise ValueError(f"length must be a non-negative int, got {length!r}")


def require_seed(value: object) -> None:
    """Raise a ValueError unless a value is a seed."""
    if not is_seed(value):
        raise ValueError(f"seed must be an int from 0 to 2**63 - 1, got {value!r}")


def require_positive(name: str, value: object) -> None:
    """Raise a ValueError unless an argument is a positive, finite number."""
    if not is_finite(value) or value <= 0:  # type: ignore[operator]
        raise ValueError(f"{name} must be a positive, finite number, got {value!r}")


def require_positive_int(name: str, value: object) -> None:
    """Raise a ValueError unless an argument is a positive int."""
    if not is_int(value) or value <= 0:  # type: ignore[operator]
        raise ValueError(f"{name} must be a positive int, got {value!r}")
