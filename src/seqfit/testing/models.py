"""The laws of models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from seqfit import states
from seqfit.models.base import Model
from seqfit.signals.base import Array
from seqfit.states import State
from seqfit.testing import forcing, gradients
from seqfit.testing.changes import changed_later, changed_stream, split
from seqfit.testing.every_kind import (
    CONFIGURATION,
    Run,
    law_of_what_is_kept_elsewhere,
    laws_of_every_kind,
)
from seqfit.testing.laws import BadArguments, Broken, Example, Law, OnVerdict, check_laws
from seqfit.testing.modules import Builder, as_tensor, isolated_torch, leaves, near, near_trees, run
from seqfit.testing.strategies import chunkings, samples

LONGEST = 24


def check_model(
    model: Model | st.SearchStrategy[Any],
    *,
    inputs: int = 2,
    outputs: int = 2,
    bad_arguments: BadArguments = (),
    examples: int = 25,
    on_verdict: OnVerdict | None = None,
) -> None:
    """Check a model against the laws of its interface; torch's generator is left as it was.

    Args:
        model: a model, or a Hypothesis strategy of models.
        inputs: number of input channels.
        outputs: number of output channels.
        bad_arguments: arguments that its class must refuse, as a mapping for each call.
        examples: how many are tried for each law.
        on_verdict: called with the name of each law and its violation, or None; then all laws are
            tried, and none raises.

    Raises:
        LawViolation: a law is broken; it holds the smallest example that was found.
    """
    with isolated_torch():
        check_laws(
            model,
            Model,
            _laws(inputs, outputs),
            bad_arguments=bad_arguments,
            examples=examples,
            on_verdict=on_verdict,
        )


def _laws(inputs: int, outputs: int) -> list[Law]:
    xs = samples(inputs, min_length=1, max_length=LONGEST)
    dtypes = st.sampled_from(("float64", "float32"))
    windows = st.integers(1, LONGEST)

    def law(name: str, holds: Callable[..., None], cases: st.SearchStrategy[Example]) -> Law:
        def holds_for(model: Model, seed: int, **example: Any) -> None:
            holds(Builder(model, inputs, outputs, seed), **example)

        return Law(name, holds_for, lambda _model: _with_seed(cases))

    def at_work(model: Model, seed: int, x: Array, chunks: tuple[int, ...]) -> Run:
        return _run(Builder(model, inputs, outputs, seed), x, chunks)

    def fed(_model: Model) -> st.SearchStrategy[Example]:
        return _with_seed(in_chunks)

    once = st.fixed_dictionaries({"x": xs})
    in_chunks = st.fixed_dictionaries({"x": xs, "chunks": chunkings(LONGEST)})
    two_windows = samples(inputs, min_length=2, max_length=LONGEST).flatmap(
        lambda x: st.fixed_dictionaries({"x": st.just(x), "at": st.integers(1, len(x) - 1)})
    )
    return [
        CONFIGURATION,
        law_of_what_is_kept_elsewhere(at_work, fed, None),
        law("shape", _has_its_shape, once),
        law("state", _keeps_streams_first_in_its_state, once),
        law("determinism", _builds_the_same_weights, st.just({})),
        law("purity", _leaves_its_module_as_it_was, once),
        *laws_of_every_kind(at_work, fed),
        law("causality", _does_not_look_ahead, changed_later(xs)),
        law("streams do not mix", _keeps_streams_apart, changed_stream(xs)),
        law("streams do not mix", _is_the_same_alone, once),
        law("chunk invariance", _does_not_see_chunks, in_chunks),
        law("gradients", gradients.every_parameter_learns, st.just({})),
        law("detached state", gradients.state_can_be_detached, two_windows),
        law(
            "fast_forward",
            gradients.fast_forward_agrees,
            st.fixed_dictionaries({"x": xs, "dtype": dtypes}),
        ),
        law(
            "window_states",
            gradients.window_states_agree,
            st.fixed_dictionaries({"x": xs, "window": windows, "dtype": dtypes}),
        ),
        law("teacher forcing", forcing.own_outputs_give_the_free_run, once),
        law("teacher forcing", forcing.later_outputs_do_not_matter, two_windows),
        law("teacher forcing", forcing.chunks_do_not_matter, two_windows),
    ]


def _with_seed(cases: st.SearchStrategy[Example]) -> st.SearchStrategy[Example]:
    return st.builds(lambda seed, case: {"seed": seed, **case}, st.integers(0, 2**32 - 1), cases)


def _run(builder: Builder, x: Array, chunks: tuple[int, ...]) -> Run:
    module = builder.build()

    def forward(state: State, chunk: Tensor) -> tuple[Tensor, State]:
        with torch.no_grad():
            out: tuple[Tensor, State] = module(chunk, state)
        return out

    return Run(lambda: module.start(x.shape[1]), forward, _pieces(x, chunks))


def _pieces(x: Array, chunks: tuple[int, ...]) -> tuple[Tensor, ...]:
    return tuple(as_tensor(piece) for piece in split(x, chunks) if len(piece))


def _has_its_shape(builder: Builder, x: Array) -> None:
    module = builder.build()
    y, _ = run(module, as_tensor(x))
    shape = (*x.shape[:2], builder.outputs)
    if tuple(y.shape) != shape:
        raise Broken(f"forward() of {builder} must give shape {shape}, got {tuple(y.shape)}")
    if y.dtype != torch.float64:
        raise Broken(f"forward() of {builder} must keep the dtype of its parameters, got {y.dtype}")


def _keeps_streams_first_in_its_state(builder: Builder, x: Array) -> None:
    module = builder.build()
    _, after = run(module, as_tensor(x))
    for place, state in (("start()", module.start(x.shape[1])), ("forward()", after)):
        for leaf in leaves(state):
            if not isinstance(leaf, Tensor):
                raise Broken(
                    f"the state from {place} of {builder} must hold tensors, got "
                    f"{type(leaf).__name__}"
                )
            if leaf.ndim == 0 or leaf.shape[0] != x.shape[1]:
                raise Broken(
                    f"the state from {place} of {builder} must have the {x.shape[1]} streams along "
                    f"the first axis, got shape {tuple(leaf.shape)}"
                )
            if leaf.dtype != torch.float64:
                raise Broken(
                    f"the state from {place} of {builder} must have the dtype of its parameters, "
                    f"{torch.float64}, got {leaf.dtype}"
                )


def _builds_the_same_weights(builder: Builder) -> None:
    first, second = builder.build(torch.float32), builder.build(torch.float32)
    if not states.same(dict(first.state_dict()), dict(second.state_dict())):
        raise Broken(f"{builder} built other weights from the same torch seed")


def _leaves_its_module_as_it_was(builder: Builder, x: Array) -> None:
    module = builder.build()
    kept = dict([*module.named_parameters(), *module.named_buffers()])
    before = states.copy(kept)
    run(module, as_tensor(x))
    after = dict([*module.named_parameters(), *module.named_buffers()])
    for name, tensor in before.items():
        if not states.same(after[name], tensor):
            raise Broken(f"forward() of {builder} changed {name!r} of its module")


def _does_not_look_ahead(builder: Builder, x: Array, at: int, changed: Array) -> None:
    module = builder.build()
    if not near(run(module, as_tensor(changed))[0][:at], run(module, as_tensor(x))[0][:at]):
        raise Broken(f"y[:{at}] of {builder} changed when x[{at}:] did")


def _keeps_streams_apart(builder: Builder, x: Array, stream: int, changed: Array) -> None:
    module = builder.build()
    y, y_changed = run(module, as_tensor(x))[0], run(module, as_tensor(changed))[0]
    for other in range(x.shape[1]):
        if other != stream and not near(y_changed[:, other], y[:, other]):
            raise Broken(
                f"stream {other} of {builder} changed when the inputs of stream {stream} did"
            )


def _is_the_same_alone(builder: Builder, x: Array) -> None:
    module = builder.build()
    y, _ = run(module, as_tensor(x))
    for stream in range(x.shape[1]):
        alone, _ = run(module, as_tensor(x[:, stream : stream + 1]))
        if not near(alone, y[:, stream : stream + 1]):
            raise Broken(
                f"stream {stream} of {builder} is another when it runs alone than among "
                f"{x.shape[1]}"
            )


def _does_not_see_chunks(builder: Builder, x: Array, chunks: tuple[int, ...]) -> None:
    module = builder.build()
    whole, state_after = run(module, as_tensor(x))
    state, parts = module.start(x.shape[1]), []
    with torch.no_grad():
        for piece in _pieces(x, chunks):
            y, state = module(piece, state)
            parts.append(y)
    if not near(torch.cat(parts), whole):
        raise Broken(f"y of {builder} is another when x comes in chunks")
    if not near_trees(state, state_after):
        raise Broken(f"the state of {builder} is another when x has come in chunks")
