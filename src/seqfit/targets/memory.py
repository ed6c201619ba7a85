"""How far back a target remembers its inputs."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, final

import attrs

from seqfit.validators import natural, one_of


def _samples(memory: Memory, attribute: attrs.Attribute[Any], value: Any) -> None:
    if memory.kind == "finite":
        natural(memory, attribute, value)
    elif value is not None:
        raise ValueError(f"samples must be None where memory is {memory.kind}, got {value!r}")


@final
@attrs.frozen
class Memory:
    """How far back the inputs lie that bear on an output, at most.

    Written ``Memory.finite(n)``, ``Memory.FADING`` or ``Memory.INFINITE``. A sum ``a + b`` is the
    memory of two targets in series, ``a | b`` that of two side by side.

    Attributes:
        kind: "finite": ``y[t]`` depends on ``x[t - samples] .. x[t]`` and on t alone.
            "fading": what an input has left in the state dies away, whatever the later inputs
            (Boyd and Chua 1985, "Fading memory and the problem of approximating nonlinear
            operators with Volterra series"). "infinite": it may stay for ever.
        samples: how many past samples, besides the present one; None unless finite.
    """

    FADING: ClassVar[Memory]
    INFINITE: ClassVar[Memory]

    kind: Literal["finite", "fading", "infinite"] = attrs.field(
        validator=one_of("finite", "fading", "infinite")
    )
    samples: int | None = attrs.field(default=None, validator=_samples)

    @classmethod
    def finite(cls, samples: int) -> Memory:
        """That of a number of past samples; 0 is no memory at all."""
        return cls("finite", samples)

    def __add__(self, other: Memory) -> Memory:
        if self.samples is not None and other.samples is not None:
            return Memory.finite(self.samples + other.samples)
        return self._longer_kind(other)

    def __or__(self, other: Memory) -> Memory:
        if self.samples is not None and other.samples is not None:
            return Memory.finite(max(self.samples, other.samples))
        return self._longer_kind(other)

    def _longer_kind(self, other: Memory) -> Memory:
        return Memory.INFINITE if "infinite" in (self.kind, other.kind) else Memory.FADING


Memory.FADING = Memory("fading")
Memory.INFINITE = Memory("infinite")
