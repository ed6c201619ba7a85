"""Oscillators that are driven by the input."""

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
from seqfit.validators import finite, non_negative, positive, positive_int


def _holds_what_buckles(target: Duffing, attribute: attrs.Attribute[Any], value: Any) -> None:
    non_negative(target, attribute, value)
    if value == 0 and target.stiffness < 0:
        raise ValueError(
            f"{attribute.name} must be positive where stiffness={target.stiffness!r} is negative, "
            f"got {value!r}"
        )


def _enough_at_rest(target: Duffing, attribute: attrs.Attribute[Any], value: Any) -> None:
    positive_int(target, attribute, value)
    rate = max(target.damping / target.mass, math.sqrt(abs(target.stiffness) / target.mass))
    least = math.ceil(target.sampling_time * rate)
    if value < least:
        raise ValueError(
            f"{attribute.name} must be at least {least} for these sampling_time, mass, damping and "
            f"stiffness, got {value!r}"
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
        if np.isnan(after).any() and np.isfinite(x).all():
            raise ValueError(
                f"the spring of Duffing gets too stiff for substeps={self.substeps} on these "
                "inputs; take more substeps"
            )
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
