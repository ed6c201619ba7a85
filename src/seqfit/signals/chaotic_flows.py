"""Chaotic flows, integrated by the classical Runge-Kutta method of order 4 with a fixed step."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled
from seqfit.signals.base import Array
from seqfit.signals.orbit import Orbit, Points, coordinates, points_around
from seqfit.validators import as_tuple, natural, positive, positive_int

_LORENZ, _ROESSLER = 0, 1


@final
@attrs.frozen
class Lorenz(Orbit):
    """The system of Lorenz; channels x, y and z.

    ``x' = sigma (y - x)``, ``y' = x (rho - z) - y``, ``z' = x y - beta z``, by the Runge-Kutta
    method of order 4. With too large a step `start` or `generate` raise a ValueError.

    References:
        Lorenz (1963), "Deterministic nonperiodic flow".

    Attributes:
        sigma: Prandtl number.
        rho: Rayleigh number over its critical value.
        beta: shape of the convection cells.
        step: time of an integration step.
        steps: integration steps from sample to sample.
        initial: x, y and z before samples are discarded; None draws them for each stream.
        discarded: samples that are left out before the first.
    """

    sigma: float = attrs.field(default=10.0, validator=positive)
    rho: float = attrs.field(default=28.0, validator=positive)
    beta: float = attrs.field(default=8 / 3, validator=positive)
    step: float = attrs.field(default=0.01, validator=positive)
    steps: int = attrs.field(default=2, validator=positive_int)
    initial: tuple[float, ...] | None = attrs.field(
        default=None, converter=as_tuple, validator=coordinates(3)
    )
    discarded: int = attrs.field(default=1000, validator=natural)
    channels: int = attrs.field(default=3, init=False, eq=False, repr=False)

    def first_points(self, streams: int, seed: int) -> Points:
        return points_around(self.initial, ((-10, 10), (-10, 10), (15, 35)), streams, seed)

    def follow(self, points: Points, x: Array) -> None:
        parameters = np.array([self.sigma, self.rho, self.beta], np.float64)
        _integrate(_LORENZ, parameters, float(self.step), self.steps, points, x)


@final
@attrs.frozen
class Roessler(Orbit):
    """The system of Roessler; channels x, y and z.

    ``x' = -y - z``, ``y' = x + a y``, ``z' = b + z (x - c)``, by the Runge-Kutta method of order 4.
    Where an orbit is not bounded, `start` or `generate` raise a ValueError.

    References:
        Roessler (1976), "An equation for continuous chaos".

    Attributes:
        a: growth of the spiral.
        b: inflow of z.
        c: value of x at which z begins to grow.
        step: time of an integration step.
        steps: integration steps from sample to sample.
        initial: x, y and z before samples are discarded; None draws them for each stream.
        discarded: samples that are left out before the first.
    """

    a: float = attrs.field(default=0.2, validator=positive)
    b: float = attrs.field(default=0.2, validator=positive)
    c: float = attrs.field(default=5.7, validator=positive)
    step: float = attrs.field(default=0.05, validator=positive)
    steps: int = attrs.field(default=2, validator=positive_int)
    initial: tuple[float, ...] | None = attrs.field(
        default=None, converter=as_tuple, validator=coordinates(3)
    )
    discarded: int = attrs.field(default=1000, validator=natural)
    channels: int = attrs.field(default=3, init=False, eq=False, repr=False)

    def first_points(self, streams: int, seed: int) -> Points:
        return points_around(self.initial, ((-3, 3), (-3, 3), (0, 0.1)), streams, seed)

    def follow(self, points: Points, x: Array) -> None:
        parameters = np.array([self.a, self.b, self.c], np.float64)
        _integrate(_ROESSLER, parameters, float(self.step), self.steps, points, x)


@compiled
def _slope(
    system: int, p: float, q: float, r: float, x: float, y: float, z: float
) -> tuple[float, float, float]:
    if system == _LORENZ:
        return p * (y - x), x * (q - z) - y, x * y - r * z
    return -y - z, x + p * y, q + z * (x - r)


@compiled
def _integrate(
    system: int,
    parameters: npt.NDArray[np.float64],
    step: float,
    steps: int,
    points: npt.NDArray[np.float64],
    samples: npt.NDArray[np.float32],
) -> None:
    p, q, r = parameters[0], parameters[1], parameters[2]
    half, sixth = step / 2.0, step / 6.0
    for stream in range(samples.shape[1]):
        x, y, z = points[0, stream], points[1, stream], points[2, stream]
        for t in range(samples.shape[0]):
            samples[t, stream, 0] = x
            samples[t, stream, 1] = y
            samples[t, stream, 2] = z
            for _ in range(steps):
                x1, y1, z1 = _slope(system, p, q, r, x, y, z)
                x2, y2, z2 = _slope(system, p, q, r, x + half * x1, y + half * y1, z + half * z1)
                x3, y3, z3 = _slope(system, p, q, r, x + half * x2, y + half * y2, z + half * z2)
                x4, y4, z4 = _slope(system, p, q, r, x + step * x3, y + step * y3, z + step * z3)
                x += sixth * (x1 + 2.0 * (x2 + x3) + x4)
                y += sixth * (y1 + 2.0 * (y2 + y3) + y4)
                z += sixth * (z1 + 2.0 * (z2 + z3) + z4)
        points[0, stream], points[1, stream], points[2, stream] = x, y, z
