"""The laws of signals."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from seqfit.signals.base import Array, Signal
from seqfit.states import State, same
from seqfit.streams import IndivisibleError, join, leaves, stream_axes, take
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
from seqfit.testing.outputs import require_dtype, require_finite, require_shape, require_within
from seqfit.testing.strategies import chunkings, lengths, seeds, stream_counts
from seqfit.validators import is_int

MOST_STREAMS = 9


def check_signal(
    signal: Signal | st.SearchStrategy[Any],
    *,
    bad_arguments: BadArguments = (),
    examples: int = 25,
    on_verdict: OnVerdict | None = None,
) -> None:
    """Check a signal against the laws of its interface.

    Args:
        signal: a signal, or a Hypothesis strategy of signals.
        bad_arguments: arguments that its class must refuse, as a mapping for each call.
        examples: how many are tried for each law.
        on_verdict: called with the name of each law and its violation, or None; then all laws are
            tried, and none raises.

    Raises:
        LawViolation: a law is broken; it holds the smallest example that was found.
    """
    with looking_elsewhere(signal, _LAWS, _run, _at_once) as laws:
        check_laws(
            signal,
            Signal,
            laws,
            bad_arguments=bad_arguments,
            examples=examples,
            on_verdict=on_verdict,
        )


def _once(signal: Signal) -> st.SearchStrategy[Example]:
    return st.fixed_dictionaries(
        {
            "streams": stream_counts(signal.max_streams),
            "seed": seeds(),
            "length": lengths(signal.length),
        }
    )


def _several(signal: Signal) -> st.SearchStrategy[Example]:
    return _once(signal).filter(lambda example: signal.length in (0, 1) or example["length"] > 1)


def _shortest(signal: Signal) -> st.SearchStrategy[Example]:
    longest = 1 if signal.length is None else min(1, signal.length)
    return st.fixed_dictionaries(
        {
            "streams": stream_counts(signal.max_streams),
            "seed": seeds(),
            "length": st.integers(0, longest),
        }
    )


def _in_chunks(signal: Signal) -> st.SearchStrategy[Example]:
    return st.fixed_dictionaries(
        {
            "streams": stream_counts(signal.max_streams),
            "seed": seeds(),
            "chunks": chunkings(signal.length),
        }
    )


def _at_once(signal: Signal) -> st.SearchStrategy[Example]:
    return st.fixed_dictionaries(
        {
            "streams": stream_counts(signal.max_streams),
            "seed": seeds(),
            "chunks": lengths(signal.length)
            .filter(lambda length: length or signal.length == 0)
            .map(lambda length: (length,)),
        }
    )


def _beside_more(signal: Signal) -> st.SearchStrategy[Example]:
    most = MOST_STREAMS if signal.max_streams is None else min(MOST_STREAMS, signal.max_streams)
    return _once(signal).flatmap(
        lambda example: st.integers(example["streams"], most).map(
            lambda more: example | {"more_streams": more}
        )
    )


def _skips_as_it_generates(
    signal: Signal, streams: int, seed: int, chunks: tuple[int, ...]
) -> None:
    state = signal.start(streams, seed)
    for length in chunks:
        skipped = signal.skip(state, length)
        _, state = signal.generate(state, length)
        if not same(skipped, state):
            raise Broken(
                f"skip() of {describe(signal)} gives another state than generate() after "
                f"{length} samples"
            )


def _run(signal: Signal, streams: int, seed: int, chunks: tuple[int, ...]) -> Run:
    def generate(state: State, length: int) -> tuple[Array, State]:
        return signal.generate(state, length)

    return Run(lambda: signal.start(streams, seed), generate, chunks)


def _generated(signal: Signal, streams: int, seed: int, length: int) -> Array:
    return signal.generate(signal.start(streams, seed), length)[0]


def _declares_itself(signal: Signal) -> None:
    who = describe(signal)
    if not is_int(signal.channels) or signal.channels < 1:
        raise Broken(f"channels of {who} must be a positive int, got {signal.channels!r}")
    if signal.dtype not in ("float32", "float64"):
        raise Broken(f"dtype of {who} must be 'float32' or 'float64', got {signal.dtype!r}")
    for name, least in (("max_streams", 1), ("length", 0)):
        limit = getattr(signal, name)
        if limit is not None and (not is_int(limit) or limit < least):
            raise Broken(f"{name} of {who} must be None or an int from {least}, got {limit!r}")
    low, high = signal.bounds
    if not low <= high:
        raise Broken(f"bounds of {who} must be a lower and an upper one, got {signal.bounds!r}")
    held_out = signal.held_out()
    if not isinstance(held_out, Signal) or held_out.channels != signal.channels:
        raise Broken(
            f"held_out() of {who} must be a Signal with as many channels, got {held_out!r}"
        )


def _has_its_shape(signal: Signal, streams: int, seed: int, length: int) -> None:
    x = _generated(signal, streams, seed, length)
    require_shape(x, (length, streams, signal.channels), f"generate() of {describe(signal)}")


def _has_its_dtype(signal: Signal, streams: int, seed: int, length: int) -> None:
    x = _generated(signal, streams, seed, length)
    require_dtype(x, signal.dtype, f"generate() of {describe(signal)}")


def _is_finite(signal: Signal, streams: int, seed: int, length: int) -> None:
    require_finite(_generated(signal, streams, seed, length), f"x of {describe(signal)}")


def _stays_within_bounds(signal: Signal, streams: int, seed: int, length: int) -> None:
    x = _generated(signal, streams, seed, length)
    require_within(x, signal.bounds, f"x of {describe(signal)}")


def _does_not_see_other_streams(
    signal: Signal, streams: int, seed: int, length: int, more_streams: int
) -> None:
    few = _generated(signal, streams, seed, length)
    among_more = _generated(signal, more_streams, seed, length)[:, :streams]
    if not same(few, among_more):
        at = first_difference(few, among_more)
        raise Broken(
            f"x[{at}] of the first {streams} streams of {describe(signal)} is another when "
            f"{more_streams} streams run"
        )


def _runs_some_streams_alone(
    signal: Signal, streams: int, seed: int, length: int, more_streams: int
) -> None:
    if not signal.divisible or signal.max_streams == 1:
        return
    who = f"{describe(signal)}, which is divisible,"
    try:
        axes = stream_axes(signal.start(1, seed), signal.start(2, seed))
    except IndivisibleError as error:
        raise Broken(f"a state of {who} can't be divided: {error}") from error
    state = signal.start(more_streams, seed)
    x, after = signal.generate(state, length)
    shares = [range(streams), range(streams, more_streams)]
    afters = []
    for share in shares:
        alone, after_alone = signal.generate(take(state, axes, share, more_streams), length)
        if not same(alone, np.ascontiguousarray(x[:, share.start : share.stop])):
            raise Broken(f"x of {who} is another when the streams {share} run without the others")
        afters.append(after_alone)
    if not same(join(afters[0], axes, [leaves(one, axes) for one in afters]), after):
        raise Broken(f"the states of {who} do not make that of all streams when they are joined")


def _does_not_see_chunks(signal: Signal, streams: int, seed: int, chunks: tuple[int, ...]) -> None:
    whole = _generated(signal, streams, seed, sum(chunks))
    state, parts = signal.start(streams, seed), []
    for length in chunks:
        x, state = signal.generate(state, length)
        parts.append(x)
    pieced = np.concatenate(parts)
    if not same(whole, pieced):
        raise Broken(
            f"x[{first_difference(whole, pieced)}] of {describe(signal)} is another when it is "
            "generated in chunks"
        )


_LAWS = (
    CONFIGURATION,
    Law("declarations", _declares_itself),
    Law("shape", _has_its_shape, _several),
    Law("length 0 and 1", _has_its_shape, _shortest),
    Law("dtype", _has_its_dtype, _once),
    Law("finite", _is_finite, _once),
    Law("bounds", _stays_within_bounds, _once),
    *laws_of_every_kind(_run, _in_chunks),
    Law("stream independence", _does_not_see_other_streams, _beside_more),
    Law("division", _runs_some_streams_alone, _beside_more),
    Law("chunk invariance", _does_not_see_chunks, _in_chunks),
    Law("skip", _skips_as_it_generates, _in_chunks),
)
