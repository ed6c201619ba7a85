"""Controllers: from a setpoint and a measurement to a control signal."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled
from seqfit.states import State
from seqfit.targets.base import Array, Target
from seqfit.targets.memory import Memory
from seqfit.targets.recursion import one_output
from seqfit.validators import above, finite, non_negative, positive


def _not_below_sampling_time(controller: PID, attribute: attrs.Attribute[Any], value: Any) -> None:
    positive(controller, attribute, value)
    if value < controller.sampling_time:
        raise ValueError(
            f"{attribute.name} must be at least sampling_time={controller.sampling_time!r}, "
            f"got {value!r}"
        )


@final
@attrs.frozen
class PID(Target):
    """A PID controller of parallel form with setpoint weight, filtered derivative and anti-windup.

    Of two input channels, setpoint r and measurement m, it makes one, the control signal
    ``u = clip(v, low, high)`` of ``v = P + I + D``. With h the sampling time, Tf the filter time
    and Tt the tracking time,

    - ``P[t] = proportional (setpoint_weight r[t] - m[t])``,
    - ``D[t] = (Tf D[t-1] - derivative (m[t] - m[t-1])) / (Tf + h)``,
    - ``I[t+1] = I[t] + integral h (r[t] - m[t]) + h / Tt (u[t] - v[t])``, from ``I[0] = 0``.

    The derivative is that of the measurement alone; m before the first sample is 0. For an error
    signal e as the only input, let r be 0 and m be -e.

    References:
        Åström and Murray (2008), "Feedback systems", section 10.5, the pseudocode at its end.

    Attributes:
        proportional: gain of the error.
        integral: gain of its integral.
        derivative: gain of its derivative.
        filter_time: time constant of the derivative's low-pass, Tf.
        tracking_time: time constant with which the integral returns from beyond a bound, Tt.
        setpoint_weight: share of the setpoint in the proportional part.
        low: lower bound of the control signal.
        high: upper bound of the control signal.
        sampling_time: from one sample to the next, h, in the unit of the other times.
    """

    proportional: float = attrs.field(default=1.0, validator=finite)
    integral: float = attrs.field(default=0.1, validator=finite)
    derivative: float = attrs.field(default=1.0, validator=finite)
    sampling_time: float = attrs.field(default=1.0, validator=positive)
    filter_time: float = attrs.field(default=2.0, validator=non_negative)
    tracking_time: float = attrs.field(default=10.0, validator=_not_below_sampling_time)
    setpoint_weight: float = attrs.field(default=1.0, validator=finite)
    low: float = attrs.field(default=-1.0, validator=finite)
    high: float = attrs.field(default=1.0, validator=above("low"))

    def start(self, streams: int) -> State:
        return np.zeros((3, streams))  # I of the next sample; D and m of the last one

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        return one_output(
            self,
            _pid,
            2,
            x,
            state,
            self.proportional,
            self.integral,
            self.derivative,
            self.sampling_time,
            self.filter_time,
            self.tracking_time,
            self.setpoint_weight,
            self.low,
            self.high,
        )

    @property
    def bounds(self) -> tuple[float, float]:
        return self.low, self.high

    @property
    def memory(self) -> Memory:
        return Memory.INFINITE

    @property
    def output_determines_state(self) -> bool:
        return False


@compiled
def _pid(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    state: npt.NDArray[np.float64],
    proportional: float,
    integral: float,
    derivative: float,
    sampling_time: float,
    filter_time: float,
    tracking_time: float,
    setpoint_weight: float,
    low: float,
    high: float,
) -> None:
    for t in range(x.shape[0]):
        for stream in range(x.shape[1]):
            setpoint, measured = np.float64(x[t, stream, 0]), np.float64(x[t, stream, 1])
            rise = derivative * (measured - state[2, stream])
            state[1, stream] = (filter_time * state[1, stream] - rise) / (
                filter_time + sampling_time
            )
            wanted = proportional * (setpoint_weight * setpoint - measured)
            wanted += state[0, stream] + state[1, stream]
            given = min(max(wanted, low), high)
            state[0, stream] += integral * sampling_time * (setpoint - measured)
            state[0, stream] += sampling_time / tracking_time * (given - wanted)
            state[2, stream] = measured
            y[t, stream, 0] = given
