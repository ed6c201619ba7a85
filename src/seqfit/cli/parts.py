"""Components named on the command line."""

from __future__ import annotations

from typing import Any

from seqfit import configuration, plugins


def parse_part(kind: plugins.Kind, text: str) -> Any:
    """The component that ``name`` or ``name:key=value,key=value`` describes.

    Values are written as in TOML: ``gru:hidden=32,head=[32]``.

    Raises:
        ConfigurationError: the settings can't be read, or the component refuses them.
        PluginError: the name can't be loaded.
    """
    name, _, settings = text.partition(":")
    source = f"the settings of {kind[:-1]} {text!r}"
    table = configuration.read_toml(f"settings = {{{settings}}}", source)
    if len(table) > 1 or "name" in table["settings"]:
        raise configuration.ConfigurationError(f"{source} hold more than settings")
    return configuration.from_data(kind, {"name": name, **table["settings"]})
