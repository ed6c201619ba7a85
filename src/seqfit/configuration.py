"""Components as plain data: to and from TOML and JSON.

A component is written as a table of its fields, with its registered name under ``name``::

    [schedule]
    name = "accumulate"
    window = 2
    every = 50
"""

from __future__ import annotations

import contextlib
import functools
import tomllib
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import attrs
import cattrs
import numpy as np
import tomli_w

from seqfit import plugins
from seqfit.limits import LimitError, in_short, require_shallow, require_short_keys
from seqfit.validators import did_you_mean

T = TypeVar("T")


class ConfigurationError(ValueError):
    """A configuration that can't be read; the message says where and why."""


class NotSerialisable(TypeError):  # noqa: N818 - it states a property, as attrs' own errors do
    """A component that holds code or data in memory, and so can't be written as text."""


def to_data(part: Any) -> dict[str, Any]:
    """The fields of a component as plain data; fields that are None are left out.

    Raises:
        NotSerialisable: it holds code, arrays in memory, or an unregistered component.
    """
    data = {} if plugins.kind_of(type(part)) is None else {"name": _registered_name(part)}
    return data | _fields(part)


def from_data(kind: plugins.Kind, data: Any) -> Any:
    """The component that `to_data` wrote, or that a user did.

    Args:
        kind: the interface: signals, targets, models or schedules.
        data: a mapping with a registered ``name`` and any of the component's fields.

    Raises:
        ConfigurationError: the data isn't such a mapping, or a field is unknown or wrong.
        PluginError: the name can't be loaded.
    """
    if not isinstance(data, Mapping) or not isinstance(data.get("name"), str):
        raise ConfigurationError(
            f"a {kind[:-1]} is a table with a name and its settings, got {data!r}"
        )
    settings = {key: value for key, value in data.items() if key != "name"}
    cls = plugins.load(kind, data["name"])
    return build(cls, settings, where=f"the {kind[:-1]} {data['name']!r}")


def build(
    cls: type[T], settings: Mapping[str, Any], where: str, given: Mapping[str, Any] | None = None
) -> T:
    """An attrs class from plain data, nested components and all.

    Args:
        cls: the class.
        settings: its fields as plain data.
        where: what is built, for errors.
        given: fields that are taken as they are, before any of the same name in `settings`.

    Raises:
        ConfigurationError: a setting is unknown, missing, or refused by the class.
    """
    given = given or {}
    if not isinstance(settings, Mapping):
        raise ConfigurationError(f"{where} must be a table of settings, got {settings!r}")
    fields = {str(field.alias): field for field in _init_fields(cls)}
    for key in (*settings, *given):
        if key not in fields:
            raise ConfigurationError(
                f"{where} has no setting {key!r}{did_you_mean(key, fields)}"
                f" (there are: {', '.join(fields) or 'none'})"
            )
    for name, field in fields.items():
        if field.default is attrs.NOTHING and name not in settings and name not in given:
            raise ConfigurationError(f"{where} needs the setting {name!r}")
    try:
        values = {
            key: _structure(value, fields[key].type)
            for key, value in settings.items()
            if key not in given
        }
        return cls(**values, **given)
    except (ConfigurationError, plugins.PluginError):
        raise
    except (ValueError, TypeError, OSError) as error:
        raise ConfigurationError(f"in {where}: {error}") from error


@contextlib.contextmanager
def naming(source: str) -> Iterator[None]:
    """Name the source in errors about what it holds, and keep them short."""
    try:
        yield
    except (ConfigurationError, plugins.PluginError) as error:
        message = in_short(error)
        raise type(error)(message if source in message else f"in {source}: {message}") from error


def fields_to_toml(part: Any) -> str:
    """The fields of a component as TOML, without its name: it need not be registered."""
    return tomli_w.dumps(_fields(part))


def fields_from_toml(cls: type[T], text: str) -> T:
    """The component whose fields `fields_to_toml` wrote."""
    return build(cls, read_toml(text), where=cls.__name__)


def read_toml(text: str, source: str = "the configuration") -> dict[str, Any]:
    """Parse TOML.

    Raises:
        ConfigurationError: it is not TOML, or nested too deep; the message names the source and
            the place.
    """
    try:
        require_short_keys(text, source)
        data = tomllib.loads(text)
        require_shallow(data, source)
    except RecursionError:
        raise ConfigurationError(f"{source} is nested too deep") from None
    except LimitError as error:
        raise ConfigurationError(str(error)) from None
    except ValueError as error:
        raise ConfigurationError(f"{source} is not valid TOML: {error}") from error
    return data


def _registered_name(part: Any) -> str:
    name = plugins.name_of(type(part))
    if name is None:
        kind = plugins.kind_of(type(part))
        raise NotSerialisable(
            f"{type(part).__qualname__} is not registered, so it can't be written by name; "
            f"register it as an entry point of the group seqfit.{kind}"
        )
    return name


def _init_fields(cls: type[Any]) -> list[attrs.Attribute[Any]]:
    if not attrs.has(cls):
        if cls.__init__ is object.__init__:
            return []
        raise NotSerialisable(
            f"{cls.__qualname__} is not an attrs class; decorate it with @attrs.frozen"
        )
    attrs.resolve_types(cls)
    return [field for field in attrs.fields(cls) if field.init]


def _fields(part: Any) -> dict[str, Any]:
    if hasattr(part, "settings"):  # a class that is written otherwise than by its fields
        return dict(part.settings())
    values = {
        str(field.alias): plain(
            getattr(part, field.name), f"{type(part).__qualname__}.{field.name}"
        )
        for field in _init_fields(type(part))
    }
    return {name: value for name, value in values.items() if value is not None}


def plain(value: Any, where: str) -> Any:
    """A value as plain data.

    Args:
        value: a plain value, a component, or a tuple, list or mapping of them.
        where: what the value is, for errors.

    Raises:
        NotSerialisable: it holds code, arrays in memory, or an unregistered component.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | list):
        return [plain(item, where) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item, where) for key, item in value.items()}
    if not isinstance(value, type) and (
        attrs.has(type(value)) or plugins.kind_of(type(value)) is not None
    ):
        return to_data(value)
    raise NotSerialisable(
        f"{where} holds {type(value).__qualname__}, which can't be written as text"
    )


def _is_callable(annotation: Any) -> bool:
    members = get_args(annotation) if get_origin(annotation) is types.UnionType else (annotation,)
    return any(get_origin(member) is Callable for member in members)


def _is_literal(annotation: Any) -> bool:
    origin: Any = get_origin(annotation)
    return origin is Literal


def _structure(value: Any, annotation: Any) -> Any:
    return _converter().structure(value, annotation)


def _component(value: Any, interface: Any) -> Any:
    kind = plugins.kind_of(interface)
    assert kind is not None  # the hook is registered for components alone
    return from_data(kind, value)


@functools.cache
def _converter() -> cattrs.Converter:
    # A type that cattrs does not know passes too: the constructor is the judge of its values.
    converter = cattrs.Converter(
        detailed_validation=False,
        structure_fallback_factory=lambda _: lambda value, _: value,
    )
    # Plain values pass as they are: int(2.7) would be a silent repair, and the constructors'
    # own validators have the better message.
    for plain in (int, float, bool, str, dict):
        converter.register_structure_hook(plain, lambda value, _: value)
    converter.register_structure_hook_func(_is_literal, lambda value, _: value)
    # Factories of optimizers are made from plain data by their fields' own converters.
    converter.register_structure_hook_func(_is_callable, lambda value, _: value)
    converter.register_structure_hook_func(
        attrs.has, lambda value, cls: build(cls, value, where=cls.__name__)
    )
    converter.register_structure_hook_func(
        lambda t: isinstance(t, type) and plugins.kind_of(t) is not None, _component
    )
    return converter
