"""The interface of targets: what should come out."""

from __future__ import annotations

import abc
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.states import State
from seqfit.targets.memory import Memory

if TYPE_CHECKING:
    from seqfit.targets.chain import Chain
    from seqfit.targets.combinators import Product, Sum

Array: TypeAlias = npt.NDArray[np.floating[Any]]


@final
class ChannelError(ValueError):
    """Inputs with a number of channels that a target does not take.

    Attributes:
        channels: how many it takes.
        or_more: whether it takes more of them too.
        takes: both, in words.
        got: how many there were.
    """

    def __init__(self, owner: Target, channels: int, got: int, or_more: bool = False) -> None:
        self.channels = channels
        self.or_more = or_more
        few = channels == 1 and not or_more
        self.takes = (
            f"takes {channels}{' or more' if or_more else ''} input channel{'' if few else 's'}"
        )
        self.got = got
        super().__init__(f"{type(owner).__name__} {self.takes}, got {got}")


class Target(abc.ABC):
    """A causal system: each output depends on the inputs up to its own sample.

    Concrete targets are final, frozen `attrs` classes: their fields are their configuration.
    They obey the laws of `seqfit.testing.check_target`: what comes out does not depend on the
    chunks in which it is asked for, nor on later inputs, nor a stream on another.
    """

    __slots__ = ()

    @abc.abstractmethod
    def start(self, streams: int) -> State:
        """The state before the first sample: a state tree, see `seqfit.states`."""

    @abc.abstractmethod
    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        """The outputs for the next inputs, and the state after them.

        Args:
            x: array of shape (time, streams, inputs); time may be 0. It is left as it was.
            state: from `start` or an earlier call; it is left as it was.

        Returns:
            y: array of shape (time, streams, outputs) and the dtype of `x`.
            state: the state after them.

        Raises:
            ChannelError: `x` has a number of channels that the target cannot take.
            TypeError: `x` is not an array of float32 or float64; see `require_samples`.
        """

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest value that an output can have; infinite where unbounded."""
        return -math.inf, math.inf

    @property
    def memory(self) -> Memory:
        """How far back the inputs lie that bear on an output, at most; infinite if not declared."""
        return Memory.INFINITE

    @property
    def output_determines_state(self) -> bool | None:
        """Whether the output of a sample tells the state after it, in exact arithmetic.

        Then the next output is a function of this one and the next input, as the `exact` recipe
        needs it. None: not declared.
        """
        return None

    @property
    def has_missing(self) -> bool:
        """Whether outputs may be missing: not a number."""
        return False

    def outputs(self, inputs: int) -> int:
        """Number of output channels for a number of input channels."""
        nothing = np.zeros((0, 1, inputs), dtype=np.float32)  # (time, streams, inputs)
        y, _ = self.transform(nothing, self.start(1))
        return int(y.shape[2])

    def held_out(self) -> Target:
        """The target that belongs to the signal's `held_out`: itself, unless it was recorded."""
        return self

    def __rshift__(self, other: Target) -> Chain:
        """``a >> b``: the outputs of `a` go into `b`."""
        from seqfit.targets.chain import Chain

        if not isinstance(other, Target):
            return NotImplemented
        return Chain((*_parts(self, Chain), *_parts(other, Chain)))

    def __add__(self, other: Target) -> Sum:
        """``a + b``: the sum of their outputs for the same inputs."""
        from seqfit.targets.combinators import Sum

        if not isinstance(other, Target):
            return NotImplemented
        return Sum((*_parts(self, Sum), other))

    def __mul__(self, other: Target) -> Product:
        """``a * b``: the product of their outputs for the same inputs."""
        from seqfit.targets.combinators import Product

        if not isinstance(other, Target):
            return NotImplemented
        return Product((*_parts(self, Product), other))


def _parts(target: Any, combination: type[Any]) -> tuple[Target, ...]:
    """The parts of such a combination, or the target itself."""
    return target.parts if isinstance(target, combination) else (target,)


def require_targets(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """A validator: a tuple of one or more targets."""
    if not isinstance(value, tuple) or not value or not all(isinstance(v, Target) for v in value):
        raise ValueError(f"{attribute.name} must be one or more targets, got {value!r}")


def stateless(parts: Iterable[Target]) -> bool:
    """Whether each of some targets says that it has no state."""
    return all(part.memory == Memory.finite(0) and part.output_determines_state for part in parts)


def require_samples(
    x: Array, owner: Target, inputs: int | None = None, or_more: bool = False
) -> None:
    """Raise an error unless `x` is an array of floats, of shape (time, streams, channels).

    Args:
        x: the inputs of a target.
        owner: the target, named in the error.
        inputs: number of channels that it takes; None where it takes any.
        or_more: whether it takes more of them too.

    Raises:
        ChannelError: there is another number of channels.
        ValueError: it has not three axes.
        TypeError: it is no array of float32 or float64, the dtypes that outputs can have.
    """
    name = type(owner).__name__
    if not isinstance(x, np.ndarray) or x.dtype not in (np.float32, np.float64):
        what = x.dtype if isinstance(x, np.ndarray) else type(x).__name__
        raise TypeError(f"{name} takes an array of float32 or float64, got {what}")
    if x.ndim != 3:
        raise ValueError(f"{name} takes x of shape (time, streams, channels), got {x.shape}")
    if inputs is None or x.shape[2] == inputs or (or_more and x.shape[2] > inputs):
        return
    raise ChannelError(owner, inputs, x.shape[2], or_more)
