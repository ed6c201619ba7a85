"""Targets made from step functions: what happens to one sample of one stream."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, final

import attrs
import numpy as np

from seqfit.states import State
from seqfit.targets.base import Array, Target, require_samples
from seqfit.targets.memory import Memory
from seqfit.targets.step_function import StepFunction
from seqfit.validators import (
    Validator,
    boolean,
    did_you_mean,
    finite,
    is_finite,
    is_int,
    must,
    require_positive_int,
    text,
)

_UNBOUNDED = (-math.inf, math.inf)
_SETTINGS: dict[type, Validator] = {
    float: finite,
    int: must("an int", is_int),
    bool: boolean,
    str: text,
}


def target(
    function: Callable[..., Any] | None = None,
    *,
    inputs: int | None = None,
    outputs: int = 1,
    bounds: tuple[float, float] = _UNBOUNDED,
    memory: Memory = Memory.INFINITE,
    output_determines_state: bool | None = None,
    validators: Mapping[str, Validator] | None = None,
    compiled: bool | None = None,
) -> Any:
    """Make a class of targets from a step function ``y, state = f(x, state, **parameters)``.

    The function is given one sample of one stream, and its state before it::

        @seqfit.target
        def stairs(x, state=0.0, step=0.25):
            if abs(x - state) >= step:
                state = x
            return state, state

    The default of its second argument is the state before the first sample: a number, or a tuple
    of numbers; 0.0 if there is none. Its other arguments are the settings of the target,
    ``stairs(step=0.5)``: numbers, bools or strings, each with a default or an annotation that
    says what it is. Numbers are float64 throughout; the outputs are then rounded to the dtype of
    the inputs. Global names that it reads are constants, what it changes outside of itself breaks
    the laws, and `seqfit.testing.check_target` shows it.

    Where Numba can compile it, it is; so it may call what Numba knows, functions of `math` and
    those decorated with ``numba.njit`` among them. The compiled function gives the numbers of the
    plain one to the last bit as far as it adds, subtracts, multiplies, divides, compares and takes
    square roots (of ints, within 64 bits); powers and functions such as `exp` may be rounded
    otherwise. A function that Numba cannot compile runs as plain Python, some 100 times slower.

    Args:
        function: the step function.
        inputs: input channels; then x is a tuple of their values. None: x is a number, and each
            input channel is by itself.
        outputs: output channels where `inputs` is given; then y is a tuple if there are several.
        bounds: smallest and largest output.
        memory: how far back it remembers.
        output_determines_state: whether the output of a sample tells the state after it.
        validators: of settings, by name, beside those for their types; see `seqfit.validators`.
        compiled: whether Numba compiles it; None where it can, True raises an error where it
            cannot.

    Returns:
        A subclass of `Target` with the name of the function, to be registered like any other.

    Raises:
        TypeError: the function's arguments are none of the above.
        ValueError: an argument of the decorator is wrong.
    """
    if function is None:
        return functools.partial(
            target,
            inputs=inputs,
            outputs=outputs,
            bounds=bounds,
            memory=memory,
            output_determines_state=output_determines_state,
            validators=validators,
            compiled=compiled,
        )
    if inputs is not None:
        require_positive_int("inputs", inputs)
    require_positive_int("outputs", outputs)
    if outputs > 1 and inputs is None:
        raise ValueError(f"outputs={outputs} needs inputs, the number of input channels")
    initial, fields = _initial_and_fields(function, validators or {})
    body = {
        "__doc__": function.__doc__,
        "_step": StepFunction(function, initial, inputs, outputs, compiled),
        "_bounds": bounds,
        "_memory": memory,
        "_determines": output_determines_state,
    }
    made = attrs.make_class(
        function.__name__, fields, bases=(_Stepwise,), class_body=body, frozen=True, slots=True
    )
    made.__module__, made.__qualname__ = function.__module__, function.__qualname__
    return final(made)


class _Stepwise(Target):
    """What all targets made from step functions have in common."""

    __slots__ = ()

    _step: ClassVar[StepFunction]
    _bounds: ClassVar[tuple[float, float]]
    _memory: ClassVar[Memory]
    _determines: ClassVar[bool | None]

    def start(self, streams: int) -> State:
        numbers = np.array(self._step.initial, dtype=np.float64)
        return np.broadcast_to(numbers[:, None, None], (len(numbers), streams, 1)).copy()

    def transform(self, x: Array, state: State) -> tuple[Array, State]:
        step = self._step
        require_samples(x, self, inputs=step.inputs)
        parameters = attrs.astuple(self, recurse=False)  # type: ignore[arg-type]
        length, streams, channels = x.shape
        # A line is what runs by itself: a channel of a stream, or all channels of it.
        own, width = (channels, 1) if step.inputs is None else (1, channels)
        xs = np.empty((streams * own, length, width))
        xs[:] = x.reshape(length, streams * own, width).swapaxes(0, 1)
        ys = np.empty((streams * own, length, step.outputs))
        after = np.empty((len(state), streams, own))
        after[:] = state
        lines = after.reshape(len(state), streams * own)
        for line in range(streams * own):
            lines[:, line] = step.run(xs[line], ys[line], lines[:, line].tolist(), parameters)
        y = ys.swapaxes(0, 1).reshape(length, streams, own * step.outputs)
        return y.astype(x.dtype), after

    @property
    def bounds(self) -> tuple[float, float]:
        return self._bounds

    @property
    def memory(self) -> Memory:
        return self._memory

    @property
    def output_determines_state(self) -> bool | None:
        return self._determines


def _initial_and_fields(
    function: Callable[..., Any], validators: Mapping[str, Validator]
) -> tuple[float | tuple[float, ...], dict[str, Any]]:
    """The first state of a step function, and the fields of its target."""
    if not inspect.isfunction(function):
        raise TypeError(f"seqfit.target takes a function, got {function!r}")
    name = function.__name__
    arguments = list(inspect.signature(function).parameters.values())
    if len(arguments) < 2 or any(
        a.kind in (a.VAR_POSITIONAL, a.VAR_KEYWORD, a.KEYWORD_ONLY) for a in arguments
    ):
        raise TypeError(
            f"{name} must take x, a state and then settings, none of them by keyword alone, "
            f"got {name}{inspect.signature(function)}"
        )
    _, state, *settings = arguments
    for setting in settings:
        if setting.name in ("name", "settings") or hasattr(Target, setting.name):
            raise TypeError(
                f"{name}: every target has {setting.name!r}; call the setting otherwise"
            )
        if setting.name.startswith("_"):
            raise TypeError(f"{name}: the setting {setting.name!r} must not begin with _")
    fields = {setting.name: _field(name, setting, validators) for setting in settings}
    for other in validators:
        if other not in fields:
            raise ValueError(
                f"{name} has no setting {other!r} to validate{did_you_mean(other, fields)}"
            )
    initial = 0.0 if state.default is state.empty else state.default
    numbers = initial if isinstance(initial, tuple) else (initial,)
    if not all(is_finite(number) for number in numbers):
        raise TypeError(
            f"the state of {name} must begin as a number or a tuple of numbers, got {initial!r}"
        )
    return initial, fields


def _field(name: str, setting: inspect.Parameter, validators: Mapping[str, Validator]) -> Any:
    required = setting.default is setting.empty
    kind = setting.annotation if required else type(setting.default)
    kind = next((known for known in _SETTINGS if kind in (known, known.__name__)), None)
    if kind is None:
        raise TypeError(
            f"{name}: the setting {setting.name} needs a default that is a number, a bool or a "
            f"string, or to be annotated as float, int, bool or str, got {setting}"
        )
    rules = [_SETTINGS[kind], *([validators[setting.name]] if setting.name in validators else [])]
    return attrs.field(
        default=attrs.NOTHING if required else setting.default,
        type=kind,
        # Of one type, so that one machine code serves all.
        converter=(lambda v: float(v) if is_int(v) else v) if kind is float else None,
        validator=rules,
    )
