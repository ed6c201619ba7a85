"""Targets in series."""

from __future__ import annotations

from typing import Any, final

import attrs

from seqfit.states import State
from seqfit.targets.base import Array, ChannelError, Target, require_targets, stateless
from seqfit.targets.memory import Memory
from seqfit.validators import as_tuple


def _nothing_missing_before_the_last(
    _instance: Any, attribute: attrs.Attribute[Any], value: Any
) -> None:
    if any(part.has_missing for part in value[:-1]):
        raise ValueError(
            f"{attribute.name} must not miss outputs before the last part, got {value!r}"
        )


@final
@attrs.frozen
class Chain(Target):
    """The outputs of each target go into the next; also written ``a >> b``.

    Its memory is the sum of its parts' memories, or the longest kind of them. Its output tells its
    state where that of its last part does, and no other part has a state.

    Attributes:
        parts: the targets, the first one first.
    """

    parts: tuple[Target, ...] = attrs.field(
        converter=as_tuple, validator=[require_targets, _nothing_missing_before_the_last]
    )

    def start(self, streams: int) -> State:
        return tuple(part.start(streams) for part in self.parts)

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        after = []
        for number, (part, part_state) in enumerate(zip(self.parts, state, strict=True), 1):
            try:
                x, part_state = part.transform(x, part_state)
            except ChannelError as error:
                if number == 1:
                    raise
                raise ValueError(self._mismatch(number, error)) from error
            after.append(part_state)
        return x, tuple(after)

    @property
    def bounds(self) -> tuple[float, float]:
        return self.parts[-1].bounds

    @property
    def memory(self) -> Memory:
        return sum((part.memory for part in self.parts), Memory.finite(0))

    @property
    def output_determines_state(self) -> bool | None:
        *before, last = self.parts
        return last.output_determines_state if stateless(before) else None

    @property
    def has_missing(self) -> bool:
        return self.parts[-1].has_missing

    def held_out(self) -> Target:
        return Chain([part.held_out() for part in self.parts])

    def _mismatch(self, number: int, error: ChannelError) -> str:
        before, part = (type(part).__name__ for part in self.parts[number - 2 : number])
        return (
            f"Chain: part {number} ({part}) {error.takes}, "
            f"part {number - 1} ({before}) gives {error.got}"
        )
