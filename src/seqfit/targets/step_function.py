"""Run a step function over samples, compiled or plain."""

from __future__ import annotations

import dis
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, final

import numpy as np
import numpy.typing as npt

Numbers: TypeAlias = npt.NDArray[np.float64]


@final
class StepFunction:
    """A function ``y, state = f(x, state, *parameters)`` of one sample of one stream.

    Args:
        function: the function.
        initial: its state before the first sample, a number or a tuple of numbers.
        inputs: how many numbers x is a tuple of; None where it is one number.
        outputs: how many numbers y is a tuple of; 1 where it is one number.
        compiled: whether Numba compiles it; None where it can, True raises an error where it
            cannot.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        initial: float | tuple[float, ...],
        inputs: int | None,
        outputs: int,
        compiled: bool | None,
    ) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.initial = initial if isinstance(initial, tuple) else (initial,)
        self._one_number = not isinstance(initial, tuple)
        self._function = function
        self._compiled = compiled
        self._loop: Callable[..., Any] | None = None

    def run(
        self, x: Numbers, y: Numbers, state: Sequence[float], parameters: tuple[Any, ...]
    ) -> Sequence[float]:
        """Run through samples that follow one another.

        Args:
            x: array of shape (time, inputs).
            y: array of shape (time, outputs), which is filled.
            state: the numbers of the state before them.
            parameters: further arguments of the function; their types are the same in each call.

        Returns:
            The numbers of the state after them.
        """
        given = state[0] if self._one_number else tuple(state)
        if self._loop is None:
            self._loop = self._chosen_loop(x, y, given, parameters)
        after = self._loop(x, y, given, parameters)
        return (after,) if self._one_number else after

    def _chosen_loop(self, x: Numbers, y: Numbers, *rest: Any) -> Any:
        if self._compiled is False:
            return self._plain_loop
        try:
            loop = self._compiled_loop()
            loop(x[:0], y[:0], *rest)  # it compiles, and calls the function not once
            signature = loop.nopython_signatures[0]
            if signature.return_type != signature.args[2]:  # such as a number or None
                raise TypeError(f"its state becomes {signature.return_type}")
        except Exception as error:  # what Numba raises has no common base
            if self._compiled is None:
                return self._plain_loop
            raise TypeError(f"Numba can't compile {self._function.__name__}: {error}") from error
        return loop

    def _compiled_loop(self) -> Any:
        import numba
        from numba.np.unsafe import ndarray

        outside = _changed_outside(self._function)
        if outside:
            # Numba would take what a closure changes for a constant.
            raise TypeError(f"it changes {', '.join(outside)}, which is outside of it")

        to_fixed_tuple: Any = ndarray.to_fixed_tuple
        step = numba.njit(self._function)
        inputs, outputs = self.inputs, self.outputs

        def of_one_input(x: Numbers, y: Numbers, state: Any, parameters: Any) -> Any:
            for t in range(x.shape[0]):
                out, state = step(x[t, 0], state, *parameters)
                y[t, 0] = out
            return state

        def of_several_inputs(x: Numbers, y: Numbers, state: Any, parameters: Any) -> Any:
            for t in range(x.shape[0]):
                out, state = step(to_fixed_tuple(x[t], inputs), state, *parameters)
                y[t, 0] = out
            return state

        def of_several_outputs(x: Numbers, y: Numbers, state: Any, parameters: Any) -> Any:
            for t in range(x.shape[0]):
                out, state = step(to_fixed_tuple(x[t], inputs), state, *parameters)
                for i in range(len(out)):
                    y[t, i] = out[i]
            return state

        several = of_several_inputs if outputs == 1 else of_several_outputs
        return numba.njit(of_one_input if inputs is None else several)

    def _plain_loop(self, x: Numbers, y: Numbers, state: Any, parameters: tuple[Any, ...]) -> Any:
        name = self._function.__name__
        for t, sample in enumerate(x.tolist()):
            given = sample[0] if self.inputs is None else tuple(sample)
            made = self._function(given, state, *parameters)
            if not isinstance(made, tuple) or len(made) != 2:
                raise TypeError(f"{name} must return y and the state after it, got {made!r}")
            y[t] = _numbers(made[0], self.outputs == 1, self.outputs, f"y of {name}")
            after = _numbers(made[1], self._one_number, len(self.initial), f"the state of {name}")
            state = after[0] if self._one_number else after
        return state


def _changed_outside(function: Callable[..., Any]) -> list[str]:
    """The global names, and those of functions around it, that a function binds anew."""
    changes = {"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_DEREF", "DELETE_DEREF"}
    code = function.__code__
    return [
        str(instruction.argval)
        for instruction in dis.get_instructions(code)
        if instruction.opname in changes and instruction.argval not in code.co_cellvars
    ]


def _numbers(value: Any, one: bool, count: int, what: str) -> tuple[float, ...]:
    """What a step function returned, as a tuple of floats."""
    try:
        if one:
            return (float(value),)
        if isinstance(value, tuple) and len(value) == count:
            return tuple(float(number) for number in value)
    except (TypeError, ValueError):
        pass
    said = "a number" if one else f"a tuple of {count} numbers"
    raise TypeError(f"{what} must be {said}, got {value!r}")
