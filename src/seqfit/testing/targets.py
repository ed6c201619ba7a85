"""The laws of targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st

from seqfit import states
from seqfit.states import State, same
from seqfit.streams import IndivisibleError, join, leaves, stream_axes, take
from seqfit.targets.base import Array, Target
from seqfit.targets.memory import Memory
from seqfit.testing.changes import changed_earlier, changed_later, changed_stream, split
from seqfit.testing.every_kind import (
    CONFIGURATION,
    Run,
    laws_of_every_kind,
    looking_elsewhere,
)
from seqfit.testing.laws import (
    BadArguments,
    Broken,
    Example,
    Law,
    OnVerdict,
    check_laws,
    describe,
    first_difference,
)
from seqfit.testing.outputs import require_array, require_dtype, require_finite, require_within
from seqfit.testing.strategies import LONGEST, chunkings, samples

_DTYPES = st.sampled_from(("float32", "float64"))
_Cases: TypeAlias = Callable[[Any], st.SearchStrategy[Example]]


def check_target(
    target: Target | st.SearchStrategy[Any],
    *,
    inputs: int | st.SearchStrategy[Array] = 1,
    max_length: int = LONGEST,
    bad_arguments: BadArguments = (),
    examples: int = 25,
    on_verdict: OnVerdict | None = None,
) -> None:
    """Check a target against the laws of its interface.

    Args:
        target: a target, or a Hypothesis strategy of targets.
        inputs: number of input channels; or, for a target that takes special inputs, a strategy
            of arrays of shape (time, streams, inputs).
        max_length: the most samples in an input, where `inputs` is a number.
        bad_arguments: arguments that its class must refuse, as a mapping for each call.
        examples: how many are tried for each law.
        on_verdict: called with the name of each law and its violation, or None; then all laws are
            tried, and none raises.

    Raises:
        LawViolation: a law is broken; it holds the smallest example that was found.
    """
    xs = samples(inputs, max_length=max_length) if isinstance(inputs, int) else inputs
    with looking_elsewhere(target, _laws(xs), _run, _at_once(xs)) as laws:
        check_laws(
            target,
            Target,
            laws,
            bad_arguments=bad_arguments,
            examples=examples,
            on_verdict=on_verdict,
        )


def _fixed(**values: st.SearchStrategy[Any]) -> _Cases:
    return lambda _target: st.fixed_dictionaries(values)


def _at_once(xs: st.SearchStrategy[Array]) -> _Cases:
    return _fixed(x=xs.filter(len), chunks=st.just(()), dtype=_DTYPES)


def _laws(xs: st.SearchStrategy[Array]) -> list[Law]:
    once = _fixed(x=xs)
    in_chunks = _fixed(x=xs, chunks=chunkings(), dtype=_DTYPES)
    return [
        CONFIGURATION,
        Law("declarations", _declares_itself),
        Law("shape", _has_its_shape, once),
        Law("length 0 and 1", _takes_short_inputs, _fixed(x=xs, length=st.integers(0, 1))),
        Law("shape", _has_as_many_outputs_as_it_says, once),
        Law("dtype", _keeps_the_dtype, _fixed(x=xs, dtype=_DTYPES)),
        Law("finite", _is_finite, once),
        Law("bounds", _stays_within_bounds, _fixed(x=xs, dtype=_DTYPES)),
        *laws_of_every_kind(_run, in_chunks),
        Law("causality", _does_not_look_ahead, lambda _target: changed_later(xs)),
        Law("memory", _remembers_no_more_than_it_says, lambda _target: changed_earlier(xs)),
        Law("streams do not mix", _keeps_streams_apart, lambda _target: changed_stream(xs)),
        Law("streams do not mix", _same_when_alone, once),
        Law("chunk invariance", _does_not_see_chunks, in_chunks),
    ]


def _run(target: Target, x: Array, chunks: tuple[int, ...], dtype: str) -> Run:
    def transform(state: State, chunk: Array) -> tuple[Array, State]:
        return target.transform(chunk, state)

    return Run(lambda: target.start(x.shape[1]), transform, split(x.astype(dtype), chunks))


def _transformed(target: Target, x: Array) -> Array:
    return target.transform(x, target.start(x.shape[1]))[0]


def _declares_itself(target: Target) -> None:
    low, high = target.bounds
    if not low <= high:
        raise Broken(
            f"bounds of {describe(target)} must be a lower and an upper one, got {target.bounds!r}"
        )
    if not isinstance(target.memory, Memory):
        raise Broken(f"memory of {describe(target)} must be a Memory, got {target.memory!r}")
    if target.output_determines_state not in (True, False, None):
        raise Broken(
            f"output_determines_state of {describe(target)} must be True, False or None, "
            f"got {target.output_determines_state!r}"
        )
    if not isinstance(target.held_out(), Target):
        raise Broken(
            f"held_out() of {describe(target)} must be a Target, got {target.held_out()!r}"
        )


def _require_outputs(y: Any, x: Array, target: Target) -> None:
    require_array(y, f"transform() of {describe(target)}")
    if y.ndim != 3 or y.shape[:2] != x.shape[:2]:
        raise Broken(
            f"transform() of {describe(target)} must give an array of shape "
            f"({x.shape[0]}, {x.shape[1]}, outputs), got {y.shape}"
        )


def _has_its_shape(target: Target, x: Array) -> None:
    if len(x) > 1:  # shorter ones have a law of their own
        _require_outputs(_transformed(target, x), x, target)


def _takes_short_inputs(target: Target, x: Array, length: int) -> None:
    short = x[:length]
    _require_outputs(_transformed(target, short), short, target)


def _has_as_many_outputs_as_it_says(target: Target, x: Array) -> None:
    found, said = _transformed(target, x).shape[2], target.outputs(x.shape[2])
    if found != said:
        raise Broken(f"{describe(target)} gave {found} outputs, but outputs() says {said}")


def _keeps_the_dtype(target: Target, x: Array, dtype: str) -> None:
    y = _transformed(target, x.astype(dtype))
    require_dtype(y, dtype, f"transform() of {describe(target)}, given {dtype},")


def _is_finite(target: Target, x: Array) -> None:
    require_finite(_transformed(target, x), f"y of {describe(target)}", target.has_missing)


def _stays_within_bounds(target: Target, x: Array, dtype: str) -> None:
    y = _transformed(target, x.astype(dtype))
    require_within(y, target.bounds, f"y of {describe(target)}")


def _does_not_look_ahead(target: Target, x: Array, at: int, changed: Array) -> None:
    if not same(_transformed(target, x)[:at], _transformed(target, changed)[:at]):
        raise Broken(f"y[:{at}] of {describe(target)} changed when x[{at}:] did")


def _remembers_no_more_than_it_says(target: Target, x: Array, at: int, changed: Array) -> None:
    if target.memory.samples is None:
        return
    clear = at + target.memory.samples
    if not same(_transformed(target, x)[clear:], _transformed(target, changed)[clear:]):
        raise Broken(
            f"y[{clear}:] of {describe(target)} changed when x[:{at}] did, but its memory is of "
            f"{target.memory.samples} samples"
        )


def _keeps_streams_apart(target: Target, x: Array, stream: int, changed: Array) -> None:
    y, y_changed = _transformed(target, x), _transformed(target, changed)
    for other in range(x.shape[1]):
        if other != stream and not same(y[:, other], y_changed[:, other]):
            raise Broken(
                f"stream {other} of {describe(target)} changed when the inputs of stream "
                f"{stream} did"
            )


def _same_when_alone(target: Target, x: Array) -> None:
    """Each stream runs alone; where streams are numbered, from its part of the state of all."""
    streams = x.shape[1]
    start = target.start(streams)
    y, after = target.transform(x, start)
    are_numbered = any(isinstance(leaf, range) for leaf in states.leaves(start))
    try:
        before, then = stream_axes(_states(target, x[:, :1]), _states(target, x[:, [0, 0]]))
        axes = before if before == then else None
    except IndivisibleError:
        axes = None
    afters = []
    for stream in range(streams):
        alone = np.ascontiguousarray(x[:, stream : stream + 1])
        state = target.start(1)
        if are_numbered:
            state = take(start, axes, range(stream, stream + 1), streams)
        y_alone, after_alone = target.transform(alone, state)
        if not same(y_alone, y[:, stream : stream + 1]):
            raise Broken(
                f"stream {stream} of {describe(target)} is another when it runs alone than "
                f"among {streams}; where it has a number, a range in the state has to say so"
            )
        afters.append(leaves(after_alone, axes))
    if axes is not None and not same(join(after_alone, axes, afters), after):
        raise Broken(f"states of streams of {describe(target)} do not make that of all of them")


def _states(target: Target, x: Array) -> tuple[State, State]:
    before = target.start(x.shape[1])
    return before, target.transform(x, before)[1]


def _does_not_see_chunks(target: Target, x: Array, chunks: tuple[int, ...], dtype: str) -> None:
    x = x.astype(dtype)
    whole = _transformed(target, x)
    state, parts = target.start(x.shape[1]), []
    for chunk in split(x, chunks):
        y, state = target.transform(chunk, state)
        parts.append(y)
    pieced = np.concatenate(parts)
    if not same(whole, pieced):
        raise Broken(
            f"y[{first_difference(whole, pieced)}] of {describe(target)} is another when x comes "
            "in chunks"
        )
