"""Periodic signals."""

from __future__ import annotations

import math
from typing import Any, Literal, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.randomness import uniforms
from seqfit.signals.base import Array
from seqfit.signals.position import ByPosition
from seqfit.states import State
from seqfit.validators import (
    above,
    finite,
    is_finite,
    is_int,
    must,
    natural,
    one_of,
    positive,
    positive_int,
)

_optional_phase = attrs.validators.optional(finite)
_fraction = must("a number above 0 and below 1", lambda v: is_finite(v) and 0 < v < 1)


def _start(phase: float | None, streams: int, seed: int) -> State:
    if phase is None:
        phases = uniforms(seed, streams, position=0, length=1)[0, :, 0].copy()
    else:
        phases = np.full(streams, float(phase))
    return {"position": 0, "phases": phases}


def _turns(state: State, length: int, period: float) -> npt.NDArray[np.float64]:
    """Fractions of a period that have passed at each sample, of shape (length, streams)."""
    position = state["position"]
    times = np.arange(position, position + length, dtype=np.float64)
    # Whole periods are taken off before a sine, which loses precision on large arguments.
    turns: npt.NDArray[np.float64] = np.mod(times, period)[:, None] / period + state["phases"]
    return np.mod(turns, 1.0)


@final
@attrs.frozen
class Sine(ByPosition):
    """A sine wave, ``offset + amplitude * sin(2 pi (t / period + phase))``.

    Attributes:
        period: samples in a period; it need not be whole.
        amplitude: greatest distance from `offset`.
        offset: mean value.
        phase: fraction of a period at sample 0; None draws one for each stream.
    """

    period: float = attrs.field(default=100.0, validator=positive)
    amplitude: float = attrs.field(default=1.0, validator=finite)
    offset: float = attrs.field(default=0.0, validator=finite)
    phase: float | None = attrs.field(default=None, validator=_optional_phase)

    divisible = True

    def start(self, streams: int, seed: int) -> State:
        return _start(self.phase, streams, seed)

    def samples(self, state: State, length: int) -> Array:
        turns = _turns(state, length, self.period)
        x = self.offset + self.amplitude * np.sin(2.0 * np.pi * turns)  # (length, streams)
        return x.astype(np.float32)[..., None]

    @property
    def bounds(self) -> tuple[float, float]:
        return self.offset - abs(self.amplitude), self.offset + abs(self.amplitude)


@final
@attrs.frozen
class Square(ByPosition):
    """A square wave: `high` for the first part of each period, then `low`.

    Attributes:
        period: samples in a period; it need not be whole.
        duty: the part of a period for which it is high.
        low: lower value.
        high: upper value.
        phase: fraction of a period at sample 0; None draws one for each stream.
    """

    period: float = attrs.field(default=100.0, validator=positive)
    duty: float = attrs.field(default=0.5, validator=_fraction)
    low: float = attrs.field(default=-1.0, validator=finite)
    high: float = attrs.field(default=1.0, validator=above("low"))
    phase: float | None = attrs.field(default=None, validator=_optional_phase)

    divisible = True

    def start(self, streams: int, seed: int) -> State:
        return _start(self.phase, streams, seed)

    def samples(self, state: State, length: int) -> Array:
        on = _turns(state, length, self.period) < self.duty  # (length, streams)
        return np.where(on, np.float32(self.high), np.float32(self.low))[..., None]

    @property
    def bounds(self) -> tuple[float, float]:
        return self.low, self.high


def _width(train: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not is_int(value) or not 0 < value < train.period:
        raise ValueError(
            f"{attribute.name} must be a positive int below period={train.period}, got {value!r}"
        )


@final
@attrs.frozen
class PulseTrain(ByPosition):
    """Pulses of whole samples: ``high`` where ``(t + phase) mod period < width``, else ``low``.

    Counted in integers, so that no pulse ever comes early or late.

    Attributes:
        period: samples from one pulse to the next.
        width: samples of a pulse.
        low: value between pulses.
        high: value in a pulse.
        phase: samples of a period that have passed at sample 0; None draws them for each stream.
    """

    period: int = attrs.field(default=20, validator=positive_int)
    width: int = attrs.field(default=1, validator=_width)
    low: float = attrs.field(default=0.0, validator=finite)
    high: float = attrs.field(default=1.0, validator=above("low"))
    phase: int | None = attrs.field(default=None, validator=attrs.validators.optional(natural))

    divisible = True

    def start(self, streams: int, seed: int) -> State:
        if self.phase is None:
            turns = uniforms(seed, streams, position=0, length=1)[0, :, 0]
            phases = np.array(turns * self.period, dtype=np.int64)
        else:
            phases = np.full(streams, self.phase % self.period)
        return {"position": 0, "phases": phases}

    def samples(self, state: State, length: int) -> Array:
        times = np.arange(length) + state["position"] % self.period
        on = (times[:, None] + state["phases"]) % self.period < self.width  # (length, streams)
        return np.where(on, np.float32(self.high), np.float32(self.low))[..., None]

    @property
    def bounds(self) -> tuple[float, float]:
        return self.low, self.high


@final
@attrs.frozen
class Chirp(ByPosition):
    """A sine whose frequency goes from one to another within each sweep, then begins again.

    ``amplitude * sin(2 pi c(t))`` with the cycles ``c(t) = f0 t + (f1 - f0) t^2 / 2T`` of a linear
    sweep, or ``c(t) = f0 T (k^(t/T) - 1) / log k``, ``k = f1/f0``, of a logarithmic one, t counted
    from the start of the sweep and T its length.

    Attributes:
        first: frequency at the start of a sweep, f0, in cycles per sample.
        last: frequency at its end, f1.
        sweep: samples of a sweep, T.
        method: "linear" or "logarithmic".
        amplitude: greatest value.
        phase: fraction of a sweep at sample 0; None draws one for each stream.
    """

    first: float = attrs.field(default=0.002, validator=positive)
    last: float = attrs.field(default=0.1, validator=positive)
    sweep: float = attrs.field(default=1000.0, validator=positive)
    method: Literal["linear", "logarithmic"] = attrs.field(
        default="linear", validator=one_of("linear", "logarithmic")
    )
    amplitude: float = attrs.field(default=1.0, validator=finite)
    phase: float | None = attrs.field(default=None, validator=_optional_phase)

    divisible = True

    def start(self, streams: int, seed: int) -> State:
        return _start(self.phase, streams, seed)

    def samples(self, state: State, length: int) -> Array:
        turns = _turns(state, length, self.sweep)  # (length, streams)
        ratio = self.last / self.first
        if self.method == "linear" or ratio == 1.0:
            cycles = self.sweep * turns * (self.first + (self.last - self.first) / 2 * turns)
        else:
            rate = math.log(ratio)
            cycles = self.first * self.sweep / rate * np.expm1(rate * turns)
        x = self.amplitude * np.sin(2.0 * np.pi * np.mod(cycles, 1.0))
        return x.astype(np.float32)[..., None]

    @property
    def bounds(self) -> tuple[float, float]:
        return -abs(self.amplitude), abs(self.amplitude)
