"""Changes of an experiment: dotted paths of its TOML, and new values."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from seqfit.configuration import ConfigurationError
from seqfit.fitting.experiment import Experiment, from_partial_data, to_partial_data


def follow(experiment: Experiment, changes: Mapping[str, Any]) -> Experiment:
    """The experiment with some changes, as a suggestion has them.

    Args:
        experiment: what is changed.
        changes: new values by dotted path, ``{"schedule.k2": 100}``; a whole part is a table with
            its name; None takes a setting away, so that it has its default.

    Raises:
        ConfigurationError: a path leads nowhere, or a value is refused.
    """
    data, missing = to_partial_data(experiment)
    given = {name: getattr(experiment, name) for name in missing if name not in changes}
    data = copy.deepcopy(data)
    for path, value in changes.items():
        *parents, last = path.split(".")
        table = data
        for parent in parents:
            table = table.get(parent) if isinstance(table, dict) else None  # type: ignore[assignment]
        if not isinstance(table, dict) or (parents and parents[0] in given):
            raise ConfigurationError(f"the experiment has no table for the change of {path!r}")
        if value is None:
            table.pop(last, None)
        else:
            table[last] = copy.deepcopy(value)
    return from_partial_data(data, given, source="the changed experiment")
