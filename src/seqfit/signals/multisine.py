"""Sums of sines on a chosen band of frequencies."""

from __future__ import annotations

import math
from typing import Any, Literal, final

import attrs
import numpy as np

from seqfit.randomness import uniforms
from seqfit.recordings import rows
from seqfit.signals.base import Array
from seqfit.signals.position import ByPosition
from seqfit.states import State
from seqfit.validators import finite, is_int, one_of, positive, positive_int


def _above_nyquist(multisine: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    highest = (multisine.period - 1) // 2
    if not is_int(value) or not multisine.first <= value <= highest:
        raise ValueError(
            f"{attribute.name} must be an int from first={multisine.first} to {highest}, below "
            f"half of period={multisine.period}, got {value!r}"
        )


@final
@attrs.frozen
class Multisine(ByPosition):
    """Equally strong sines on the frequencies ``first/period .. last/period``, and on no other.

    ``offset + deviation sqrt(2/K) sum_k cos(2 pi k t / period + phase_k)`` over the K harmonics k
    from `first` to `last`. The state holds one period.

    References:
        Pintelon and Schoukens (2012), "System identification: a frequency domain approach",
        chapter 5; Schroeder (1970), "Synthesis of low-peak-factor signals and binary sequences
        with low autocorrelation".

    Attributes:
        period: samples in a period.
        first: number of the lowest harmonic.
        last: number of the highest one, below half of `period`.
        deviation: root mean square around `offset`.
        offset: mean value.
        phases: "random", drawn for each stream, or "schroeder", the same for all, which keep peaks
            low: ``-pi j (j - 1) / K`` for the j-th sine.
    """

    period: int = attrs.field(default=1000, validator=positive_int)
    first: int = attrs.field(default=1, validator=positive_int)
    last: int = attrs.field(default=50, validator=_above_nyquist)
    deviation: float = attrs.field(default=1.0, validator=positive)
    offset: float = attrs.field(default=0.0, validator=finite)
    phases: Literal["random", "schroeder"] = attrs.field(
        default="random", validator=one_of("random", "schroeder")
    )

    divisible = True

    def start(self, streams: int, seed: int) -> State:
        count = self._count
        if self.phases == "random":
            turns = uniforms(seed, streams, position=0, length=count)[..., 0].T
        else:
            j = np.arange(1, count + 1)
            turns = np.tile(-j * (j - 1) / (2 * count), (streams, 1))  # (streams, harmonics)
        wave = np.empty((self.period, streams, 1), dtype=np.float32)
        for stream in range(streams):
            spectrum = np.zeros(self.period // 2 + 1, dtype=np.complex128)
            spectrum[self.first : self.last + 1] = np.exp(2j * np.pi * turns[stream])
            cosines = np.fft.irfft(spectrum, self.period) * (self.period / 2)
            wave[:, stream, 0] = self.offset + self.deviation * math.sqrt(2 / count) * cosines
        return {"position": 0, "wave": wave}

    def samples(self, state: State, length: int) -> Array:
        return rows(state["wave"], state["position"], length, repeat=True)

    @property
    def bounds(self) -> tuple[float, float]:
        peak = self.deviation * math.sqrt(2 * self._count)
        return self.offset - peak, self.offset + peak

    @property
    def _count(self) -> int:
        return self.last - self.first + 1
