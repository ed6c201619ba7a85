"""Targets without memory that prepare channels for others: choose them, or round them."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np

from seqfit.states import State
from seqfit.targets.base import Array, Target, require_samples
from seqfit.targets.memory import Memory
from seqfit.validators import is_int, positive


def _as_numbers(value: Any) -> Any:
    return (value,) if is_int(value) else tuple(value) if isinstance(value, list) else value


def _channel_numbers(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if (
        not isinstance(value, tuple)
        or not value
        or not all(is_int(number) and number >= 0 for number in value)
    ):
        raise ValueError(
            f"{attribute.name} must be one or more channel numbers from 0 on, got {value!r}"
        )


@final
@attrs.frozen
class Channels(Target):
    """Some of the input channels, in any order, ``y[t] = x[t, numbers]``.

    ``(Channels(0) >> a) + (Channels(1) >> b)`` gives each target a channel of its own.

    Attributes:
        numbers: the channels, counted from 0; one may come up twice. A single number is enough.
    """

    numbers: tuple[int, ...] = attrs.field(
        default=(0,), converter=_as_numbers, validator=_channel_numbers
    )

    def start(self, streams: int) -> State:
        return None

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        require_samples(x, self, inputs=max(self.numbers) + 1, or_more=True)
        return np.ascontiguousarray(x[..., list(self.numbers)]), state

    @property
    def memory(self) -> Memory:
        return Memory.finite(0)

    @property
    def output_determines_state(self) -> bool:
        return True


@final
@attrs.frozen
class Quantiser(Target):
    """The nearest multiple of a step, ``y[t] = step round(x[t] / step)``.

    Halves go to the even multiple. Each input channel by itself.

    References:
        Widrow and Kollár (2008), "Quantization noise", chapter 1.

    Attributes:
        step: from one level to the next.
    """

    step: float = attrs.field(default=0.1, validator=positive)

    def start(self, streams: int) -> State:
        return None

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        require_samples(x, self)
        levels = np.rint(x.astype(np.float64) / self.step)  # (time, streams, channels)
        return (levels * self.step).astype(x.dtype), state

    @property
    def memory(self) -> Memory:
        return Memory.finite(0)

    @property
    def output_determines_state(self) -> bool:
        return True
