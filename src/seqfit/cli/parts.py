"""Components named on the command line."""

from __future__ import annotations

import re
from typing import Any

from seqfit import configuration, plugins
from seqfit.validators import did_you_mean

_BARE_WORD = re.compile(r"[=,\[]\s*(?!true\b|false\b|inf\b|nan\b)([A-Za-z_][\w.-]*)\s*(?:[,\]}]|$)")


def parse_part(kind: plugins.Kind, text: str) -> Any:
    """The component that ``name`` or ``name:key=value,key=value`` describes.

    Values are written as in TOML: ``gru:hidden=32,head=[32]``.

    Raises:
        ConfigurationError: the settings can't be read, or the component refuses them.
        PluginError: the name can't be loaded.
    """
    name, _, settings = text.partition(":")
    source = f"what follows {name!r} in {kind[:-1]} {text!r}"
    try:
        table = configuration.read_toml(f"settings = {{{settings}}}", source)
    except configuration.ConfigurationError as error:
        word = _BARE_WORD.search(settings)
        if word is None:
            raise
        at = len(text) - len(settings) + word.start(1)
        quoted = f'{text[:at]}"{word.group(1)}"{text[at + len(word.group(1)) :]}'
        raise configuration.ConfigurationError(
            f"{error}; a word is written in quotes: '{quoted}'"
        ) from error
    if len(table) > 1 or "name" in table["settings"]:
        raise configuration.ConfigurationError(f"{source} is more than settings")
    return configuration.from_data(kind, {"name": name, **table["settings"]})


def kind_named(text: str) -> plugins.Kind:
    """The kind that has a name such as ``target``.

    Raises:
        ValueError: there is no such kind.
    """
    for kind in plugins.KINDS:
        if text == kind[:-1]:
            return kind
    kinds = [kind[:-1] for kind in plugins.KINDS]
    raise ValueError(
        f"the kind must be one of {', '.join(kinds)}, got {text!r}{did_you_mean(text, kinds)}"
    )


def which_kind(text: str) -> tuple[plugins.Kind, str]:
    """The kind of an installed component, and its name and settings without the kind.

    Args:
        text: ``name``, ``kind:name``, and either with settings, see `parse_part`.

    Raises:
        ValueError: nothing has the name, or components of several kinds do.
    """
    first, _, rest = text.partition(":")
    if rest and "=" not in rest.partition(":")[0]:
        return kind_named(first), rest
    name = first.partition("@")[0]
    found = [kind for kind in plugins.KINDS if name in plugins.names(kind)]
    if not found:
        every = sorted({name for kind in plugins.KINDS for name in plugins.names(kind)})
        raise ValueError(
            f"nothing that 'seqfit list' shows is named {name!r}{did_you_mean(name, every)}"
        )
    if len(found) > 1:
        kinds = " and ".join(f"a {kind[:-1]}" for kind in found)
        raise ValueError(f"{name!r} is {kinds}; say which: {found[0][:-1]}:{name}")
    return found[0], text
