"""Oscillators that are driven by the input."""

from __future__ import annotations

import math
from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled, compiled_in_place
from seqfit.states import State
from seqfit.targets.base import Array, Target
from seqfit.targets.memory import Memory
from seqfit.targets.recursion import each_channel
from seqfit.validators import at_least, finite, non_negative, positive, positive_int


def _holds_what_buckles(target: Duffing, attribute: attrs.Attribute[Any], value: Any) -> None:
    non_negative(target, attribute, value)
    if value == 0 and target.stiffness < 0:
        raise ValueError(
            f"{attribute.name} must be positive where stiffness={target.stiffness!r} is negative, "
            f"got {value!r}"
        )


def _enough_at_rest(
    target: Duffing | BoucWenOscillator, attribute: attrs.Attribute[Any], value: Any
) -> None:
    positive_int(target, attribute, value)
    rate = max(target.damping / target.mass, math.sqrt(abs(target.stiffness_at_rest) / target.mass))
    least = target.sampling_time * rate
    if value < least:
        spring = "stiffness" if isinstance(target, Duffing) else "stiffness, rise"
        raise ValueError(
            f"{attribute.name} must be at least {np.ceil(least):.17g} to resolve small "
            f"oscillations with this mass, damping, {spring} and sampling_time, got {value!r}"
        )


def _require_resolved(target: Duffing | BoucWenOscillator, x: Array, state: State) -> None:
    if np.isnan(state).any() and np.isfinite(x).all():
        raise ValueError(
            f"{type(target).__name__} gets too stiff for substeps={target.substeps} on these "
            "inputs; take more substeps"
        )


@final
@attrs.frozen
class Duffing(Target):
    """The position of a mass on a spring that stiffens, driven by a force.

    ``mass y'' + damping y' + stiffness y + cubic y**3 = x``, from rest at 0. The force is held from
    each sample to the next, and y[t] is the position at sample t, before x[t] acts. Each input
    channel by itself. The Silverbox, an electronic circuit that is sampled at 610.35 Hz, obeys
    this equation; the defaults are those of no device.

    It is integrated by the classical Runge-Kutta method of order 4 in steps of
    ``sampling_time / substeps``. Where the spring gets so stiff that a radian of its oscillation
    would be shorter than a step, `transform` raises a ValueError.

    References:
        Duffing (1918), "Erzwungene Schwingungen bei veränderlicher Eigenfrequenz"; Wigren and
        Schoukens (2013), "Three free data sets for development and benchmarking in nonlinear
        system identification", European Control Conference.

    Attributes:
        mass: of the body.
        damping: force in a unit of velocity.
        stiffness: force in a unit of displacement; negative for a beam that buckles, if `cubic`
            is positive.
        cubic: force in a unit of displacement cubed.
        sampling_time: from one sample to the next.
        substeps: steps of the integration from one sample to the next.
    """

    mass: float = attrs.field(default=1.0, validator=positive)
    damping: float = attrs.field(default=0.1, validator=non_negative)
    stiffness: float = attrs.field(default=0.5, validator=finite)
    cubic: float = attrs.field(default=0.1, validator=_holds_what_buckles)
    sampling_time: float = attrs.field(default=0.2, validator=positive)
    substeps: int = attrs.field(default=2, validator=_enough_at_rest)

    @property
    def stiffness_at_rest(self) -> float:
        """Force in a unit of displacement, for small displacements from 0."""
        return self.stiffness

    def start(self, streams: int) -> State:
        return np.zeros((2, streams, 1))  # position and velocity

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        y, after = each_channel(
            self,
            _duffing,
            x,
            state,
            self.damping / self.mass,
            self.stiffness / self.mass,
            self.cubic / self.mass,
            1 / self.mass,
            self.sampling_time / self.substeps,
            self.substeps,
        )
        _require_resolved(self, x, after)
        return y, after

    @property
    def memory(self) -> Memory:
        # With a cubic spring there may be several motions under one force (the curve of resonance
        # folds), and which one it is may depend on all inputs.
        forgets = self.cubic == 0 and self.damping > 0 and self.stiffness > 0
        return Memory.FADING if forgets else Memory.INFINITE

    @property
    def output_determines_state(self) -> bool:
        return False


@final
@attrs.frozen
class BoucWenOscillator(Target):
    """The position of a mass on a spring with hysteresis, driven by a force.

    ``mass y'' + damping y' + stiffness y + z = x``, where the force z of the hysteresis moves by
    ``z' = rise y' - beta |y'| |z|**(n-1) z - gamma y' |z|**n`` and n is the `exponent`; from rest
    at 0. The force is held from each sample to the next, and y[t] is the position at sample t,
    before x[t] acts. Each input channel by itself. The defaults are the benchmark's, in SI units;
    its tests are a random multisine from 5 to 150 Hz, of 50 N RMS, and a swept sine of 40 N. The
    spring alone is `BoucWen`.

    It is integrated by the classical Runge-Kutta method of order 4 in steps of
    ``sampling_time / substeps``, which is of order 2 in steps in which y' or z changes its sign.
    The benchmark's own data are made by Newmark's method at 15,000 Hz, 20 steps a sample, with
    inputs of that rate, and then filtered; here, under a multisine of 50 N, 2 steps differ from
    400 by 0.2% of the motion's deviation, and 20 by 0.002%. Where it gets so stiff that a radian
    of its oscillation would be shorter than a step, `transform` raises a ValueError.

    References:
        Noël and Schoukens (2016), "Hysteretic benchmark with a dynamic nonlinearity", Workshop on
        nonlinear system identification benchmarks, Brussels, equations 1 to 3 and table 1: its
        alpha = 5e4 is `rise` here, beta gamma = 1e3 x 0.8 is `beta`, beta delta = 1e3 x -1.1 is
        `gamma`, and nu = 1 is `exponent`.

    Attributes:
        mass: of the body.
        damping: force in a unit of velocity.
        stiffness: of the elastic spring beside the hysteresis.
        rise: slope of z where z is 0.
        beta: weight of the part that takes energy.
        gamma: weight of the part that depends on the direction alone.
        exponent: how sharply it yields, at least 1.
        sampling_time: from one sample to the next.
        substeps: steps of the integration from one sample to the next.
    """

    mass: float = attrs.field(default=2.0, validator=positive)
    damping: float = attrs.field(default=10.0, validator=non_negative)
    stiffness: float = attrs.field(default=5e4, validator=non_negative)
    rise: float = attrs.field(default=5e4, validator=positive)
    beta: float = attrs.field(default=800.0, validator=non_negative)
    gamma: float = attrs.field(default=-1100.0, validator=finite)
    exponent: float = attrs.field(default=1.0, validator=at_least(1))
    sampling_time: float = attrs.field(default=1 / 750, validator=positive)
    substeps: int = attrs.field(default=2, validator=_enough_at_rest)

    @property
    def stiffness_at_rest(self) -> float:
        """Force in a unit of displacement, for small displacements from 0."""
        return self.stiffness + self.rise

    def start(self, streams: int) -> State:
        return np.zeros((3, streams, 1))  # position, velocity and force of the hysteresis

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        y, after = each_channel(
            self,
            _bouc_wen_oscillator,
            x,
            state,
            self.damping / self.mass,
            self.stiffness / self.mass,
            1 / self.mass,
            self.rise,
            self.beta,
            self.gamma,
            self.exponent,
            self.sampling_time / self.substeps,
            self.substeps,
        )
        _require_resolved(self, x, after)
        return y, after

    @property
    def memory(self) -> Memory:
        return Memory.INFINITE

    @property
    def output_determines_state(self) -> bool:
        return False


@compiled
def _duffing(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    state: npt.NDArray[np.float64],
    damping: float,
    stiffness: float,
    cubic: float,
    gain: float,
    h: float,
    substeps: float,
) -> None:
    for t in range(x.shape[0]):
        for line in range(x.shape[1]):
            y[t, line] = state[0, line]
        for _ in range(int(substeps)):
            for line in range(x.shape[1]):
                force, p, v = gain * x[t, line], state[0, line], state[1, line]
                a1 = force - damping * v - (stiffness + cubic * p * p) * p
                v2, p2 = v + 0.5 * h * a1, p + 0.5 * h * v
                a2 = force - damping * v2 - (stiffness + cubic * p2 * p2) * p2
                v3, p3 = v + 0.5 * h * a2, p + 0.5 * h * v2
                a3 = force - damping * v3 - (stiffness + cubic * p3 * p3) * p3
                v4, p4 = v + h * a3, p + h * v3
                a4 = force - damping * v4 - (stiffness + cubic * p4 * p4) * p4
                resolved = h * h * abs(stiffness + 3.0 * cubic * p * p) <= 1.0
                p += h / 6.0 * (v + 2.0 * (v2 + v3) + v4)
                state[0, line] = p if resolved else np.nan
                state[1, line] = v + h / 6.0 * (a1 + 2.0 * (a2 + a3) + a4)


@compiled_in_place
def _slope_of_z(v: float, z: float, rise: float, beta: float, gamma: float, n: float) -> float:
    power = abs(z) if n == 1.0 else abs(z) ** n
    return rise - (gamma + (beta if v * z > 0.0 else -beta)) * power


@compiled_in_place
def _after(
    force: float,
    p: float,
    v: float,
    z: float,
    body: tuple[float, float, float],
    spring: tuple[float, float, float],
    n: float,
    h: float,
) -> tuple[float, float, float]:
    """Position, velocity and force of the hysteresis after a step; NaN if that is too long."""
    (damping, stiffness, gain), (rise, beta, gamma) = body, spring
    slope = _slope_of_z(v, z, rise, beta, gamma, n)
    a1, r1 = gain * (force - z) - damping * v - stiffness * p, v * slope
    p2, v2, z2 = p + 0.5 * h * v, v + 0.5 * h * a1, z + 0.5 * h * r1
    a2 = gain * (force - z2) - damping * v2 - stiffness * p2
    r2 = v2 * _slope_of_z(v2, z2, rise, beta, gamma, n)
    p3, v3, z3 = p + 0.5 * h * v2, v + 0.5 * h * a2, z + 0.5 * h * r2
    a3 = gain * (force - z3) - damping * v3 - stiffness * p3
    r3 = v3 * _slope_of_z(v3, z3, rise, beta, gamma, n)
    p4, v4, z4 = p + h * v3, v + h * a3, z + h * r3
    a4 = gain * (force - z4) - damping * v4 - stiffness * p4
    r4 = v4 * _slope_of_z(v4, z4, rise, beta, gamma, n)
    resolved = h * h * abs(stiffness + gain * slope) <= 1.0
    p += h / 6.0 * (v + 2.0 * (v2 + v3) + v4)
    v += h / 6.0 * (a1 + 2.0 * (a2 + a3) + a4)
    z += h / 6.0 * (r1 + 2.0 * (r2 + r3) + r4)
    return p, v, z if resolved else np.nan


@compiled
def _bouc_wen_oscillator(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    state: npt.NDArray[np.float64],
    damping: float,
    stiffness: float,
    gain: float,
    rise: float,
    beta: float,
    gamma: float,
    exponent: float,
    h: float,
    substeps: float,
) -> None:
    body, spring = (damping, stiffness, gain), (rise, beta, gamma)
    for t in range(x.shape[0]):
        for line in range(x.shape[1]):
            y[t, line] = state[0, line]
        for _ in range(int(substeps)):
            # Without a power, lines are the lanes of vectors.
            if exponent == 1.0:
                for line in range(x.shape[1]):
                    p, v, z = state[0, line], state[1, line], state[2, line]
                    p, v, z = _after(x[t, line], p, v, z, body, spring, 1.0, h)
                    state[0, line], state[1, line], state[2, line] = p, v, z
            else:
                for line in range(x.shape[1]):
                    p, v, z = state[0, line], state[1, line], state[2, line]
                    p, v, z = _after(x[t, line], p, v, z, body, spring, exponent, h)
                    state[0, line], state[1, line], state[2, line] = p, v, z
