"""The Philox 4x64 generator in compiled code: random numbers from a counter and a key.

References:
    Salmon et al. (2011), "Parallel random numbers: as easy as 1, 2, 3".
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seqfit.compiling import Intrinsic, compiled

UINT = np.uint64
_MULTIPLIERS = UINT(0xD2E7470EE14C6C93), UINT(0xCA5A826395121157)
_WEYL = UINT(0x9E3779B97F4A7C15), UINT(0xBB67AE8584CAA73B)
_ONE, _ELEVEN = UINT(1), UINT(11)
_UNIT = 2.0**-53


def high_product(a: int, b: int) -> int:
    """The upper 64 bits of the product of two unsigned 64-bit numbers."""
    return (a * b) >> 64


def _emit_high_product() -> Any:
    from llvmlite import ir
    from numba.core import types
    from numba.extending import intrinsic

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        wide = ir.IntType(128)
        a, b = (builder.zext(argument, wide) for argument in arguments)
        return builder.trunc(builder.lshr(builder.mul(a, b), wide(64)), ir.IntType(64))

    @intrinsic
    def high_product(_context: Any, _a: Any, _b: Any) -> Any:
        return types.uint64(types.uint64, types.uint64), emit

    return high_product


_high_product = Intrinsic(_emit_high_product, high_product)


@compiled
def philox(low: Any, high: Any, seed: Any, stream: Any) -> tuple[Any, Any, Any, Any]:
    """Four random 64-bit numbers.

    Args:
        low: lower 64 bits of the counter; this and the others are unsigned 64-bit numbers.
        high: the next 64 bits of the counter.
        seed: first half of the key.
        stream: second half of the key.
    """
    a, b, c, d = low, high, UINT(0), UINT(0)
    for i in range(10):
        if i > 0:
            seed += _WEYL[0]
            stream += _WEYL[1]
        upper_a, upper_c = _high_product(_MULTIPLIERS[0], a), _high_product(_MULTIPLIERS[1], c)
        lower_a, lower_c = _MULTIPLIERS[0] * a, _MULTIPLIERS[1] * c
        a, b, c, d = upper_c ^ b ^ seed, lower_c, upper_a ^ d ^ stream, lower_a
    return a, b, c, d


@compiled
def fill(
    low: Any, high: Any, seed: Any, first_stream: int, skip: int, u: npt.NDArray[np.float64]
) -> None:
    """Numbers from U[0, 1), those of `numpy.random.Philox` with the key (seed, stream).

    Args:
        low: lower 64 bits of the first block's counter.
        high: the next 64 bits of it.
        seed: first half of the key.
        first_stream: second half of the key for the first stream.
        skip: numbers of the first block to leave out, from 0 to 3.
        u: array of shape (length, streams, draws), to be filled.
    """
    length, streams, draws = u.shape
    total = length * draws
    blocks = (skip + total + 3) // 4
    for block in range(blocks):
        counter = low + UINT(block)
        carry = _ONE if counter < low else UINT(0)
        first = 4 * block - skip
        for stream in range(streams):
            words = philox(counter, high + carry, seed, UINT(first_stream + stream))
            for i in range(4):
                at = first + i
                if 0 <= at < total:
                    u[at // draws, stream, at % draws] = (words[i] >> _ELEVEN) * _UNIT
