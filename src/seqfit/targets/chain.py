"""Targets in series."""

from __future__ import annotations

from typing import Any, final

import attrs

from seqfit.states import State
from seqfit.targets.base import Array, Target
from seqfit.validators import as_tuple


def _targets(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not value or not all(isinstance(part, Target) for part in value):
        raise ValueError(f"{attribute.name} must be one or more targets, got {value!r}")


@final
@attrs.frozen
class Chain(Target):
    """The outputs of each target go into the next; also written ``a >> b``.

    Attributes:
        parts: the targets, the first one first.
    """

    parts: tuple[Target, ...] = attrs.field(converter=as_tuple, validator=_targets)

    def start(self, streams: int) -> State:
        return tuple(part.start(streams) for part in self.parts)

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        after = []
        for part, part_state in zip(self.parts, state, strict=True):
            x, part_state = part.transform(x, part_state)
            after.append(part_state)
        return x, tuple(after)

    @property
    def bounds(self) -> tuple[float, float]:
        return self.parts[-1].bounds

    def held_out(self) -> Target:
        return Chain([part.held_out() for part in self.parts])
