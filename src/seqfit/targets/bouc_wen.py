"""The hysteresis of Bouc and Wen."""

from __future__ import annotations

import math
from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled
from seqfit.states import State
from seqfit.targets.base import Array, Target
from seqfit.targets.memory import Memory
from seqfit.targets.recursion import each_channel
from seqfit.validators import at_least, finite, fraction, non_negative, positive


def _above_minus_beta(target: BoucWen, attribute: attrs.Attribute[Any], value: Any) -> None:
    finite(target, attribute, value)
    if value + target.beta <= 0:
        raise ValueError(
            f"{attribute.name} must be above -beta={-target.beta!r}, so that the output stays "
            f"bounded, got {value!r}"
        )


def _short_enough(target: BoucWen, attribute: attrs.Attribute[Any], value: Any) -> None:
    positive(target, attribute, value)
    if value * target.steepness > 0.25:
        raise ValueError(
            f"{attribute.name} must be at most {0.25 / target.steepness:.3g} for these rise, beta, "
            f"gamma and exponent, got {value!r}"
        )


@final
@attrs.frozen
class BoucWen(Target):
    """The restoring force of a spring that yields, ``y = stiffness (ratio x + (1 - ratio) z)``.

    The input x is a displacement that moves evenly from each sample to the next, from 0 before
    the first one. With it moves ``dz = rise dx - beta |dx| |z|**(n-1) z - gamma dx |z|**n``, where
    n is the `exponent`; z starts at 0 and stays within ``(rise / (beta + gamma))**(1/n)``. Time
    plays no part. Each input channel by itself.

    With exponent 1 or 2 each way is solved in closed form. Otherwise it is integrated by the
    classical Runge-Kutta method of order 4 in steps of `step` and a shorter last one; a step that
    would lead z past 0, where the equation has a kink, ends there.

    References:
        Bouc (1967), "Forced vibration of mechanical systems with hysteresis"; Wen (1976), "Method
        for random vibration of hysteretic systems", Journal of Engineering Mechanics 102;
        Ismail, Ikhouane and Rodellar (2009), "The hysteresis Bouc-Wen model, a survey"; for the
        step that ends at 0, Hénon (1982), "On the numerical computation of Poincaré maps".

    Attributes:
        rise: slope of z where z is 0; A in the survey.
        beta: how much z yields while the force grows, and more so than it is regained.
        gamma: difference of loading and unloading, above -beta.
        exponent: how sharply it yields, at least 1.
        ratio: share of the elastic part, from 0 to 1.
        stiffness: force in a unit of displacement.
        step: the longest step of the integration, in the unit of the input; it makes no difference
            with exponent 1 or 2.
    """

    rise: float = attrs.field(default=1.0, validator=positive)
    beta: float = attrs.field(default=1.0, validator=non_negative)
    gamma: float = attrs.field(default=1.0, validator=_above_minus_beta)
    exponent: float = attrs.field(default=2.0, validator=at_least(1))
    ratio: float = attrs.field(default=0.1, validator=fraction)
    stiffness: float = attrs.field(default=1.0, validator=finite)
    step: float = attrs.field(default=0.02, validator=_short_enough)

    @property
    def limit(self) -> float:
        """The greatest absolute value of z."""
        return float((self.rise / (self.beta + self.gamma)) ** (1 / self.exponent))

    @property
    def steepness(self) -> float:
        """The greatest rate, in x, at which neighbouring z approach or leave one another."""
        fastest = self.beta + abs(self.gamma)
        return float(self.exponent * fastest * self.limit ** (self.exponent - 1))

    def start(self, streams: int) -> State:
        return np.zeros((2, streams, 1))  # z and x of the last sample

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        elastic, yielding = self.stiffness * self.ratio, self.stiffness * (1 - self.ratio)
        loading, unloading = self.beta + self.gamma, self.gamma - self.beta
        return each_channel(
            self,
            _bouc_wen,
            x,
            state,
            self.rise,
            loading,
            unloading,
            self.exponent,
            self.limit,
            self.step,
            elastic,
            yielding,
        )

    @property
    def bounds(self) -> tuple[float, float]:
        if self.ratio and self.stiffness:
            return -np.inf, np.inf
        reach = abs(self.stiffness) * self.limit
        return -reach, reach

    @property
    def memory(self) -> Memory:
        return Memory.INFINITE

    @property
    def output_determines_state(self) -> bool:
        return False


@compiled
def _bouc_wen(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    last: npt.NDArray[np.float64],
    rise: float,
    loading: float,
    unloading: float,
    exponent: float,
    limit: float,
    step: float,
    elastic: float,
    yielding: float,
) -> None:
    for t in range(x.shape[0]):
        for line in range(x.shape[1]):
            way = x[t, line] - last[1, line]
            # Seen in the direction of the motion z rises, at a slope that depends on z alone.
            direction = 1.0 if way > 0.0 else -1.0
            z, left = direction * last[0, line], abs(way)
            if exponent == 1.0:
                z = _exponentially(z, left, rise, loading, unloading)
            elif exponent == 2.0:
                z = _hyperbolically(z, left, rise, loading, unloading)
            else:
                z = _stepwise(z, left, (rise, loading, unloading, exponent), limit, step)
            last[0, line] = direction * min(max(z, -limit), limit)
            last[1, line] = x[t, line]
            y[t, line] = elastic * x[t, line] + yielding * last[0, line]


@compiled
def _exponentially(z: float, left: float, rise: float, loading: float, unloading: float) -> float:
    """Z after a way, where ``z' = rise - c |z|``."""
    if z < 0.0:
        share = z / rise
        to_zero = -share if unloading == 0.0 else -math.log1p(unloading * share) / unloading
        if left <= to_zero:
            grown = left if unloading == 0.0 else math.expm1(unloading * left) / unloading
            return z + (rise + unloading * z) * grown
        z, left = 0.0, left - to_zero
    return z - (rise - loading * z) * math.expm1(-loading * left) / loading


@compiled
def _hyperbolically(z: float, left: float, rise: float, loading: float, unloading: float) -> float:
    """Z after a way, where ``z' = rise - c z**2``; by the addition theorems of tanh and tan."""
    if z < 0.0:
        share = -z / rise
        rate = math.sqrt(rise * abs(unloading))
        if unloading > 0.0:
            to_zero = math.atanh(rate * share) / rate
        elif unloading < 0.0:
            to_zero = math.atan(rate * share) / rate
        else:
            to_zero = share
        if left <= to_zero:
            grown = left
            if unloading > 0.0:
                grown = math.tanh(rate * left) / rate
            elif unloading < 0.0:
                grown = math.tan(rate * left) / rate
            return (z + rise * grown) / (1.0 + unloading * z * grown)
        z, left = 0.0, left - to_zero
    rate = math.sqrt(rise * loading)
    grown = math.tanh(rate * left) / rate
    return (z + rise * grown) / (1.0 + loading * z * grown)


@compiled
def _stepwise(
    z: float, left: float, parameters: tuple[float, float, float, float], limit: float, step: float
) -> float:
    """Z after a way, by Runge-Kutta steps."""
    while left > 0.0:
        h = min(step, left)
        k1 = _slope(z, *parameters)
        k2 = _slope(z + 0.5 * h * k1, *parameters)
        k3 = _slope(z + 0.5 * h * k2, *parameters)
        k4 = _slope(z + h * k3, *parameters)
        after = z + h / 6.0 * (k1 + 2.0 * (k2 + k3) + k4)
        if z < 0.0 < after:
            # With z as the variable the same method is Simpson's rule for the way to 0.
            middle = _slope(0.5 * z, *parameters)
            h = min(h, -z / 6.0 * (1.0 / k1 + 4.0 / middle + 1.0 / _slope(0.0, *parameters)))
            after = 0.0
        after = min(max(after, -limit), limit)
        if after == z:
            break  # at its limit, where it stays
        z = after
        left -= h
    return z


@compiled
def _slope(z: float, rise: float, loading: float, unloading: float, exponent: float) -> float:
    power: float = abs(z) ** exponent
    return rise - (loading if z > 0.0 else unloading) * power
