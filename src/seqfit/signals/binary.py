"""Pseudo-random binary sequences, and such with random amplitudes."""

from __future__ import annotations

import functools
from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled
from seqfit.philox import UINT
from seqfit.randomness import AMPLITUDES, derived_seed, uniforms
from seqfit.signals.base import Array
from seqfit.signals.position import ByPosition
from seqfit.states import State
from seqfit.validators import above, finite, is_int, must, natural, positive_int

TAPS: dict[int, tuple[int, ...]] = {
    2: (2, 1),
    3: (3, 2),
    4: (4, 3),
    5: (5, 3),
    6: (6, 5),
    7: (7, 6),
    8: (8, 6, 5, 4),
    9: (9, 5),
    10: (10, 7),
    11: (11, 9),
    12: (12, 6, 4, 1),
    13: (13, 4, 3, 1),
    14: (14, 5, 3, 1),
    15: (15, 14),
    16: (16, 15, 13, 4),
    17: (17, 14),
    18: (18, 11),
    19: (19, 6, 2, 1),
    20: (20, 17),
    21: (21, 19),
    22: (22, 21),
    23: (23, 18),
    24: (24, 23, 22, 17),
    25: (25, 22),
    26: (26, 6, 2, 1),
    27: (27, 5, 2, 1),
    28: (28, 25),
    29: (29, 27),
    30: (30, 6, 4, 1),
    31: (31, 28),
    32: (32, 22, 2, 1),
}
"""Taps with which a register of each order runs through all of its states but zero.

Alfke (1996), "Efficient shift registers, LFSR counters, and long pseudo-random sequence
generators", Xilinx application note XAPP 052.
"""


_order = must(f"an int from {min(TAPS)} to {max(TAPS)}", lambda v: is_int(v) and v in TAPS)


@final
@attrs.frozen
class PRBS(ByPosition):
    """A pseudo-random binary sequence of maximum length, ``b[k] = xor b[k - tap]`` over its taps.

    It has a period of ``2^order - 1`` bits, and the spectrum of white noise up to the resolution of
    that period. The recurrence is linear, so that any position is reached by at most `order`
    products of a bit matrix and the register.

    References:
        Golomb (1967), "Shift register sequences"; the taps are those of `TAPS`.

    Attributes:
        order: bits of the shift register, from 2 to 32.
        hold: samples for which each bit is held.
        low: value of a 0.
        high: value of a 1.
        phase: bits of the sequence before sample 0; None draws them for each stream.
    """

    order: int = attrs.field(default=9, validator=_order)
    hold: int = attrs.field(default=1, validator=positive_int)
    low: float = attrs.field(default=-1.0, validator=finite)
    high: float = attrs.field(default=1.0, validator=above("low"))
    phase: int | None = attrs.field(default=None, validator=attrs.validators.optional(natural))

    divisible = True

    def start(self, streams: int, seed: int) -> State:
        return {"position": 0, "phases": _phases(self.order, self.phase, streams, seed)}

    def samples(self, state: State, length: int) -> Array:
        first, places = _places(state["position"], length, self.hold)
        bits = _bits(self.order, state["phases"], first, places)
        values = np.array([self.low, self.high], dtype=np.float32)
        x = np.empty((length, len(state["phases"]), 1), dtype=np.float32)
        _hold_bits(bits, state["position"] % self.hold, self.hold, values, x)
        return x

    @property
    def bounds(self) -> tuple[float, float]:
        return self.low, self.high


@final
@attrs.frozen
class APRBS(ByPosition):
    """A pseudo-random binary sequence whose every run of equal bits has an amplitude of its own.

    It changes when `PRBS` does, each time to U(low, high), so that it tells a nonlinearity apart
    at all levels. Any position is reached as there.

    References:
        Nelles (2001), "Nonlinear system identification".

    Attributes:
        order: bits of the shift register, from 2 to 32.
        hold: samples for which each bit is held, the fewest between two changes.
        low: lower end of the range of amplitudes.
        high: upper end of the range.
        phase: bits of the sequence before sample 0; None draws them for each stream.
    """

    order: int = attrs.field(default=9, validator=_order)
    hold: int = attrs.field(default=5, validator=positive_int)
    low: float = attrs.field(default=-1.0, validator=finite)
    high: float = attrs.field(default=1.0, validator=above("low"))
    phase: int | None = attrs.field(default=None, validator=attrs.validators.optional(natural))

    divisible = True

    def start(self, streams: int, seed: int) -> State:
        phases = _phases(self.order, self.phase, streams, seed)
        own = derived_seed(seed, AMPLITUDES)
        return {"seed": own, "streams": range(streams), "position": 0, "phases": phases}

    def samples(self, state: State, length: int) -> Array:
        first, places = _places(state["position"], length, self.hold)
        before = min(first, self.order)  # no run is longer than the register
        first, places = first - before, places + before
        bits = _bits(self.order, state["phases"], first, places)
        u = uniforms(state["seed"], state["streams"], first, places)[..., 0]
        amplitudes = (self.low + (self.high - self.low) * u).astype(np.float32)
        x = np.empty((length, len(state["phases"]), 1), dtype=np.float32)
        into = before * self.hold + state["position"] % self.hold
        _hold_amplitudes(bits, into, self.hold, amplitudes, x)
        return x

    @property
    def bounds(self) -> tuple[float, float]:
        return self.low, self.high


def _phases(order: int, phase: int | None, streams: int, seed: int) -> npt.NDArray[np.int64]:
    """Bits of the sequence before sample 0 of each stream, below its period."""
    period = 2**order - 1
    if phase is not None:
        return np.full(streams, phase % period)
    turns = uniforms(seed, streams, position=0, length=1)[0, :, 0]
    return np.array(turns * period, dtype=np.int64)


def _places(position: int, length: int, hold: int) -> tuple[int, int]:
    """The first bit that some samples show, and how many they show."""
    first = position // hold
    return first, -(-(position + length) // hold) - first


def _bits(
    order: int, phases: npt.NDArray[np.int64], first: int, count: int
) -> npt.NDArray[np.uint8]:
    """Bits of the sequence from `first` on after each phase, of shape (count, streams)."""
    taps = functools.reduce(lambda mask, tap: mask | 1 << (tap - 1), TAPS[order], 0)
    bits = np.empty((count, len(phases)), dtype=np.uint8)
    jumps = (phases + first % (2**order - 1)) % (2**order - 1)
    _shift(_powers(order), UINT(taps), UINT(2**order - 1), jumps, bits)
    return bits


@functools.cache
def _powers(order: int) -> npt.NDArray[np.uint64]:
    """The register after 1, 2, 4.. steps, for each bit that alone is set before them."""
    mask = sum(1 << (tap - 1) for tap in TAPS[order])
    power = [(1 << bit << 1) % 2**order | (mask >> bit & 1) for bit in range(order)]
    powers = [power]
    for _ in range(order - 1):
        power = [_apply(power, column) for column in power]
        powers.append(power)
    table = np.array(powers, dtype=np.uint64)
    table.flags.writeable = False
    return table


def _apply(power: list[int], register: int) -> int:
    columns = (column for bit, column in enumerate(power) if register >> bit & 1)
    return functools.reduce(lambda a, b: a ^ b, columns, 0)


@compiled
def _shift(
    powers: npt.NDArray[np.uint64],
    taps: Any,
    full: Any,
    jumps: npt.NDArray[np.int64],
    bits: npt.NDArray[np.uint8],
) -> None:
    one = UINT(1)
    for stream in range(bits.shape[1]):
        register = full
        for power in range(powers.shape[0]):
            if (jumps[stream] >> power) & 1:
                jumped = UINT(0)
                for bit in range(powers.shape[1]):
                    if (register >> UINT(bit)) & one:
                        jumped ^= powers[power, bit]
                register = jumped
        for k in range(bits.shape[0]):
            parity = register & taps
            parity ^= parity >> UINT(16)
            parity ^= parity >> UINT(8)
            parity ^= parity >> UINT(4)
            parity ^= parity >> UINT(2)
            parity = (parity ^ (parity >> one)) & one
            register = ((register << one) | parity) & full
            bits[k, stream] = parity


@compiled
def _hold_bits(
    bits: npt.NDArray[np.uint8],
    into: int,
    hold: int,
    values: npt.NDArray[np.float32],
    x: npt.NDArray[np.float32],
) -> None:
    place, held = 0, into
    for t in range(x.shape[0]):
        for stream in range(x.shape[1]):
            x[t, stream, 0] = values[bits[place, stream]]
        held += 1
        if held == hold:
            place, held = place + 1, 0


@compiled
def _hold_amplitudes(
    bits: npt.NDArray[np.uint8],
    into: int,
    hold: int,
    amplitudes: npt.NDArray[np.float32],
    x: npt.NDArray[np.float32],
) -> None:
    places, streams = bits.shape
    for stream in range(streams):
        amplitude = amplitudes[0, stream] if places > 0 else np.float32(0)
        for place in range(places):
            if place > 0 and bits[place, stream] != bits[place - 1, stream]:
                amplitude = amplitudes[place, stream]
            begin = place * hold - into
            for t in range(max(begin, 0), min(begin + hold, x.shape[0])):
                x[t, stream, 0] = amplitude
