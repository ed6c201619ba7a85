"""Find components by name: the built-ins and everybody else's, through entry points.

A distribution registers its classes under the groups ``seqfit.signals``, ``seqfit.targets``,
``seqfit.models`` and ``seqfit.schedules``. A class is imported when it is asked for by name, not
before, so that a broken plugin spoils only itself.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from importlib.metadata import Distribution, entry_points
from typing import Any, Literal, final, get_args

import attrs

from seqfit.validators import did_you_mean

Kind = Literal["signals", "targets", "models", "schedules"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_INTERFACES = {
    "signals": ("seqfit.signals.base", "Signal"),
    "targets": ("seqfit.targets.base", "Target"),
    "models": ("seqfit.models.base", "Model"),
    "schedules": ("seqfit.schedules.base", "UpdateSchedule"),
}


class PartError(ValueError):
    """A signal or a target that raised an exception while it was at work."""


class PluginError(ValueError):
    """A name that is not registered, is registered twice, or whose plugin is broken."""


@final
@attrs.frozen
class Registration:
    """A name that some distribution has registered; nothing has been imported yet.

    Attributes:
        kind: the interface: signals, targets, models or schedules.
        name: the registered name.
        location: where the class is, ``module:Class``.
        distribution: the distribution that registered it, with its version.
    """

    kind: Kind
    name: str
    location: str
    distribution: str


def registrations(kind: Kind) -> list[Registration]:
    """All that is registered for a kind, sorted by name; a name may come up twice."""
    points = entry_points(group=f"seqfit.{kind}")
    distributions = {id(point.dist): point.dist for point in points}
    owners = {key: _described(distribution) for key, distribution in distributions.items()}
    found = {
        Registration(kind, point.name, point.value, owners[id(point.dist)]) for point in points
    }
    return sorted(found, key=lambda r: (r.name, r.distribution))


def names(kind: Kind) -> list[str]:
    """The registered names of a kind, sorted."""
    return sorted({registration.name for registration in registrations(kind)})


def load(kind: Kind, name: str) -> type[Any]:
    """The class that is registered under a name.

    Args:
        kind: the interface: signals, targets, models or schedules.
        name: the name, or ``name@distribution`` where several distributions claim it.

    Raises:
        PluginError: no such name, two distributions claim it, the import fails, or what is
            found does not implement the interface.
    """
    bare, _, owner = name.partition("@")
    found = [
        registration
        for registration in registrations(kind)
        if registration.name == bare and owner in ("", registration.distribution.split()[0])
    ]
    if not found:
        raise PluginError(
            f"no {kind[:-1]} is named {name!r}{did_you_mean(name, names(kind))}"
            f" (there are: {', '.join(names(kind)) or 'none'})"
        )
    if len(found) > 1:
        claims = " and ".join(f"{r.distribution} ({r.location})" for r in found)
        raise PluginError(
            f"the {kind[:-1]} name {name!r} is claimed by {claims}; uninstall one of them, or say "
            f"which: {name}@{found[0].distribution.split()[0]}"
        )
    return import_class(found[0])


def import_class(registration: Registration) -> type[Any]:
    """Import a registered class and check that it implements its interface.

    Raises:
        PluginError: the import fails, or what is found does not implement the interface.
    """
    who = f"the {registration.kind[:-1]} {registration.name!r} of {registration.distribution}"
    module_name, _, path = registration.location.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for attribute in path.split("."):
            found = getattr(found, attribute)
    except (Exception, SystemExit) as error:  # a module may end the program where it is imported
        raise PluginError(
            f"{who} can't be imported from {registration.location}: {type(error).__name__}: {error}"
        ) from error
    interface = interface_of(registration.kind)
    if not (isinstance(found, type) and issubclass(found, interface)):
        raise PluginError(
            f"{who} is not a subclass of seqfit's {interface.__name__}: {registration.location} "
            f"is {found!r}"
        )
    return found


def interface_of(kind: Kind) -> type[Any]:
    """The abstract class that a kind implements."""
    module, name = _INTERFACES[kind]
    interface: type[Any] = getattr(importlib.import_module(module), name)
    return interface


def kind_of(component_class: type[Any]) -> Kind | None:
    """The kind that a class implements, or None; imports nothing."""
    lineage = {(base.__module__, base.__qualname__) for base in component_class.__mro__}
    return next((kind for kind in KINDS if _INTERFACES[kind] in lineage), None)


def name_of(component_class: type[Any]) -> str | None:
    """The name under which a class is registered, or None; see `load` for its form."""
    kind = kind_of(component_class)
    if kind is None:
        return None
    for registration in registrations(kind):
        if registration.location.rpartition(":")[2] != component_class.__qualname__:
            continue  # only a class of this name can be it, so no other plugin is imported
        try:
            if import_class(registration) is component_class:
                claimed = [r for r in registrations(kind) if r.name == registration.name]
                owner = registration.distribution.split()[0]
                return registration.name + (f"@{owner}" if len(claimed) > 1 else "")
        except PluginError:
            continue
    return None


def _described(distribution: Distribution | None) -> str:
    if distribution is None:
        return "an unknown distribution"
    metadata = distribution.metadata  # parsed anew each time, which takes a millisecond
    return f"{metadata['Name']} {metadata['Version']}"


@contextlib.contextmanager
def blamed_on(part: object) -> Iterator[None]:
    """Name the part in any error that it raises.

    Raises:
        PartError: the part raised an exception; it is the cause of this one.
    """
    try:
        yield
    except Exception as error:
        raise PartError(f"{part!r} raised {type(error).__name__}: {error}") from error
