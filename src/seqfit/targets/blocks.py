"""Block-oriented systems: linear filters and a static nonlinearity in series."""

from __future__ import annotations

import abc
from typing import final

import attrs

from seqfit.states import State
from seqfit.targets.base import Array, Target
from seqfit.targets.chain import Chain
from seqfit.targets.filters import IIR
from seqfit.targets.memory import Memory
from seqfit.targets.static import Polynomial
from seqfit.validators import must

_target = must("a target", lambda v: isinstance(v, Target))
_static = must(
    "a target without memory", lambda v: isinstance(v, Target) and v.memory == Memory.finite(0)
)


class BlockOriented(Target):
    """Blocks in series: what it is, is the `Chain` of them."""

    __slots__ = ()

    @property
    @abc.abstractmethod
    def chain(self) -> Chain:
        """The blocks in their order."""

    def start(self, streams: int) -> State:
        return self.chain.start(streams)

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        return self.chain.transform(x, state)

    @property
    def bounds(self) -> tuple[float, float]:
        return self.chain.bounds

    @property
    def memory(self) -> Memory:
        return self.chain.memory

    @property
    def has_missing(self) -> bool:
        return self.chain.has_missing

    @property
    def output_determines_state(self) -> bool | None:
        return self.chain.output_determines_state


@final
@attrs.frozen
class Wiener(BlockOriented):
    """A linear filter, then a static nonlinearity.

    References:
        Wiener (1958), "Nonlinear problems in random theory"; Billings and Fakhouri (1982),
        "Identification of systems containing linear dynamic and static nonlinear elements",
        Automatica 18.

    Attributes:
        linear: the filter; any target may take its place.
        nonlinearity: a target without memory.
    """

    linear: Target = attrs.field(factory=IIR, validator=_target)
    nonlinearity: Target = attrs.field(factory=Polynomial, validator=_static)

    @property
    def chain(self) -> Chain:
        return self.linear >> self.nonlinearity

    def held_out(self) -> Target:
        return Wiener(self.linear.held_out(), self.nonlinearity.held_out())


@final
@attrs.frozen
class Hammerstein(BlockOriented):
    """A static nonlinearity, then a linear filter.

    References:
        Hammerstein (1930), "Nichtlineare Integralgleichungen nebst Anwendungen", Acta Mathematica
        54; Narendra and Gallman (1966), "An iterative method for the identification of nonlinear
        systems using a Hammerstein model", IEEE Transactions on Automatic Control 11.

    Attributes:
        nonlinearity: a target without memory.
        linear: the filter; any target may take its place.
    """

    nonlinearity: Target = attrs.field(factory=Polynomial, validator=_static)
    linear: Target = attrs.field(factory=IIR, validator=_target)

    @property
    def chain(self) -> Chain:
        return self.nonlinearity >> self.linear

    def held_out(self) -> Target:
        return Hammerstein(self.nonlinearity.held_out(), self.linear.held_out())


@final
@attrs.frozen
class WienerHammerstein(BlockOriented):
    """A linear filter, a static nonlinearity, and another linear filter.

    References:
        Billings and Fakhouri (1982), "Identification of systems containing linear dynamic and
        static nonlinear elements", Automatica 18; Schoukens, Suykens and Ljung (2009),
        "Wiener-Hammerstein benchmark", 15th IFAC Symposium on System Identification.

    Attributes:
        front: the first filter; any target may take its place.
        nonlinearity: a target without memory.
        back: the second filter; any target may take its place.
    """

    front: Target = attrs.field(factory=IIR, validator=_target)
    nonlinearity: Target = attrs.field(factory=Polynomial, validator=_static)
    back: Target = attrs.field(factory=IIR, validator=_target)

    @property
    def chain(self) -> Chain:
        return self.front >> self.nonlinearity >> self.back

    def held_out(self) -> Target:
        blocks = (self.front, self.nonlinearity, self.back)
        return WienerHammerstein(*(block.held_out() for block in blocks))
