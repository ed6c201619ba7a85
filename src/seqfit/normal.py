"""Normal random numbers in compiled code, one for each position."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from seqfit.compiling import compiled
from seqfit.philox import UINT, philox

# Numerators and denominators of Wichura's three rational functions, highest powers first.
_CENTRE_UP = (
    2509.0809287301227,
    33430.57558358813,
    67265.7709270087,
    45921.95393154987,
    13731.69376550946,
    1971.5909503065513,
    133.14166789178438,
    3.3871328727963665,
)
_CENTRE_DOWN = (
    5226.495278852854,
    28729.085735721943,
    39307.89580009271,
    21213.794301586597,
    5394.196021424751,
    687.1870074920579,
    42.31333070160091,
    1.0,
)
_NEAR_UP = (
    0.0007745450142783414,
    0.022723844989269184,
    0.2417807251774506,
    1.2704582524523684,
    3.6478483247632045,
    5.769497221460691,
    4.630337846156546,
    1.4234371107496835,
)
_NEAR_DOWN = (
    1.0507500716444169e-09,
    0.0005475938084995345,
    0.015198666563616457,
    0.14810397642748008,
    0.6897673349851,
    1.6763848301838038,
    2.053191626637759,
    1.0,
)
_FAR_UP = (
    2.0103343992922881e-07,
    2.7115555687434876e-05,
    0.0012426609473880784,
    0.026532189526576124,
    0.29656057182850487,
    1.7848265399172913,
    5.463784911164114,
    6.657904643501103,
)
_FAR_DOWN = (
    2.0442631033899397e-15,
    1.421511758316446e-07,
    1.8463183175100548e-05,
    0.0007868691311456133,
    0.014875361290850615,
    0.1369298809227358,
    0.599832206555888,
    1.0,
)

_ONE, _THREE, _ELEVEN = UINT(1), UINT(3), UINT(11)


@compiled
def normal(position: int, seed: Any, stream: Any) -> float:
    """A number from N(0, 1) for a position of a stream, from one of `seqfit.philox`.

    Args:
        position: at least 0.
        seed: an unsigned 64-bit number, as `stream` is.
        stream: number of the stream.
    """
    place = UINT(position)
    words = philox((place >> UINT(2)) + _ONE, UINT(0), seed, stream)
    word = words[np.int64(place & _THREE)]
    return normal_quantile(((word >> _ELEVEN) + 0.5) * 2.0**-53)


@compiled
def normal_quantile(p: float) -> float:
    """Where the distribution function of N(0, 1) is p, for p above 0 and below 1.

    References:
        Wichura (1988), "Algorithm AS 241: the percentage points of the normal distribution".
    """
    centred = p - 0.5
    if abs(centred) <= 0.425:
        r = 0.180625 - centred * centred
        return centred * _polynomial(_CENTRE_UP, r) / _polynomial(_CENTRE_DOWN, r)
    r = math.sqrt(-math.log(p if centred < 0.0 else 1.0 - p))
    if r <= 5.0:
        x = _polynomial(_NEAR_UP, r - 1.6) / _polynomial(_NEAR_DOWN, r - 1.6)
    else:
        x = _polynomial(_FAR_UP, r - 5.0) / _polynomial(_FAR_DOWN, r - 5.0)
    return -x if centred < 0.0 else x


@compiled
def _polynomial(coefficients: tuple[float, ...], r: float) -> float:
    value = 0.0
    for coefficient in coefficients:
        value = value * r + coefficient
    return value
