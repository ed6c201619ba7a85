"""The space of a sweep: which settings are chosen, and from what."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, final

import attrs

from seqfit import configuration
from seqfit.configuration import ConfigurationError
from seqfit.fitting.experiment import Experiment
from seqfit.plugins import PluginError
from seqfit.sweeps.dimensions import KINDS, Dimension, dimension, is_dimension
from seqfit.sweeps.paths import UnknownPathError, find, is_component, put

Suggest = Callable[[str, Dimension], Any]
"""Chooses Optuna's value of a path."""


@final
@attrs.frozen
class Space:
    """Settings of an experiment, by dotted path, and what each is chosen from.

    Components are chosen before their settings; a setting that a chosen component does not have
    is then left out.

    Attributes:
        base: the experiment; what is not chosen stays as it is.
        dimensions: by path.

    Raises:
        ConfigurationError: a path is unknown, or a value at the end of a range, or a choice, is
            refused by the component whatever else is chosen.
    """

    base: Experiment
    dimensions: dict[str, Dimension]
    _data: dict[str, Any] = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_data", configuration.to_data(self.base))
        if not self.dimensions:
            raise ConfigurationError("[space] is empty: it says which settings are chosen")
        for path, chosen_from in self.dimensions.items():
            for value in chosen_from.examples():
                self._require_possible(path, value)

    def draw(self, suggest: Suggest) -> Experiment:
        """The experiment with settings that are chosen one after the other.

        Args:
            suggest: chooses each; it is asked for those alone that the experiment then has.

        Raises:
            ConfigurationError: the settings don't go together.
            PluginError: a chosen component can't be loaded.
        """
        return self._chosen(self._in_order(), suggest, skip_unknown=True)

    def experiment(self, parameters: Mapping[str, Any]) -> Experiment:
        """The experiment with Optuna's values; raises as `draw` does."""
        return self.draw(lambda path, _: parameters[path])

    def settings(self) -> dict[str, Any]:
        """The dimensions as plain data."""
        return {path: chosen_from.settings() for path, chosen_from in self.dimensions.items()}

    def _in_order(self) -> list[str]:
        """Paths, those of components and of their names before the settings of them."""

        def rank(path: str) -> tuple[int, bool]:
            return path.count("."), not path.endswith(".name")

        return sorted(self.dimensions, key=rank)

    def _decides_others(self, path: str) -> bool:
        inside = path.removesuffix("name") if path.endswith(".name") else f"{path}."
        return any(other.startswith(inside) and other != path for other in self.dimensions)

    def _require_possible(self, path: str, value: Any) -> None:
        first: Exception | None = None
        for others in self._contexts(path):
            try:
                self._with(others | {path: value})
                return
            except (ConfigurationError, PluginError) as error:
                if first is None or isinstance(first, UnknownPathError):
                    first = error
        what = path if isinstance(first, UnknownPathError) else f"{path} = {value!r}"
        raise ConfigurationError(f"[space] {what}: {first}") from first

    def _contexts(self, path: str) -> Iterator[dict[str, Any]]:
        """Values of other settings with which a value may be possible: none, and one of each."""
        yield {}
        for other, chosen_from in self.dimensions.items():
            if other != path:
                yield from ({other: value} for value in chosen_from.examples())

    def _with(self, parameters: Mapping[str, Any]) -> Experiment:
        """The experiment with some of the settings chosen, all of which it must have."""
        some = [path for path in self._in_order() if path in parameters]
        return self._chosen(some, lambda path, _: parameters[path], skip_unknown=False)

    def _chosen(self, paths: list[str], suggest: Suggest, skip_unknown: bool) -> Experiment:
        what, data = self.base, copy.deepcopy(self._data)
        for path in paths:
            try:
                present = find(what, path)
            except UnknownPathError:
                if skip_unknown:
                    continue
                raise
            chosen_from = self.dimensions[path]
            value = chosen_from.value(suggest(path, chosen_from))
            named = isinstance(value, str) and is_component(present)
            put(data, path, {"name": value} if named else value)
            if self._decides_others(path):
                what = _build(data)
        return _build(data)


def space(base: Experiment, data: Any) -> Space:
    """The space that some plain data describes.

    Args:
        base: the experiment.
        data: what `Space.settings` gives; paths may also be written as nested tables.

    Raises:
        ConfigurationError: as `Space` does, and where the data has another form.
    """
    return Space(base, dict(_flat(data, "")))


def _flat(data: Any, before: str) -> Iterator[tuple[str, Dimension]]:
    if not isinstance(data, Mapping) or (before and not data):
        raise ConfigurationError(
            f"[space] {before.rstrip('.') or 'as a whole'}: say what to choose from, as one of "
            f"{', '.join(f'{{{kind} = [...]}}' for kind in KINDS)}; got {data!r}"
        )
    for key, value in data.items():
        path = f"{before}{key}"
        if is_dimension(value):
            yield path, dimension(value, f"[space] {path}")
        else:
            yield from _flat(value, f"{path}.")


def _build(data: dict[str, Any]) -> Experiment:
    return configuration.build(Experiment, data, where="the experiment")
