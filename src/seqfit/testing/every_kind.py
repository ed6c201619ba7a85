"""The laws of all kinds of components: configuration, purity, determinism, saved states."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, final

import attrs
from hypothesis import strategies as st

from seqfit import states
from seqfit.configuration import NotSerialisable, fields_from_toml, fields_to_toml
from seqfit.states import State
from seqfit.testing.laws import Broken, Example, Law, describe
from seqfit.testing.untouched import Untouched, untouched_process

_PROCESSES = 4
"""Processes that are started for a check: each may have to compile the component."""


@final
@attrs.frozen
class Run:
    """A component at work: where it starts, what one call does, and what it is fed.

    Attributes:
        start: gives the state before the first call.
        advance: takes a state and an input; gives the output and the state after it.
        feed: an input for each call.
    """

    start: Callable[[], State]
    advance: Callable[[State, Any], tuple[Any, State]]
    feed: tuple[Any, ...]


def round_trip(state: State) -> State:
    """The state after it was saved and loaded.

    Raises:
        Broken: it can't be saved.
    """
    try:
        structure, arrays = states.pack(state)
    except TypeError as error:
        raise Broken(f"a state can't be saved: {error}") from error
    return states.unpack(json.loads(json.dumps(structure)), arrays)


def law_of_what_is_kept_elsewhere(
    run: Callable[..., Run],
    cases: Callable[[Any], st.SearchStrategy[Example]],
    untouched: Untouched | None,
) -> Law:
    """The law that runs before, of whatever, change nothing.

    It is tried before all laws that run the component, as only its first run may be another; and
    after them in a process in which it has not run: what it sets aside once and for all, in its
    module say, is there from then on, and nothing in this process tells it from a constant.

    Args:
        run: takes a component and the values of an example, and gives a run of it.
        cases: the examples for a component.
        untouched: a process in which it has not run; None compares two runs in this one.
    """

    def holds(subject: Any, **example: Any) -> None:
        try:
            first, again = (_outputs(subject, run, example) for _ in range(2))
            is_same = states.same(first, again)
        except Exception:  # what else is wrong with it, other laws say better
            return
        if not is_same:
            raise Broken(f"{describe(subject)} gave something else when a run was repeated")
        elsewhere = untouched and untouched.outputs(_outputs, subject, run, example)
        if elsewhere is not None and not states.same(elsewhere, first):
            raise Broken(
                f"{describe(subject)} gave something else than in a process in which it had not "
                "run before"
            )

    return Law("determinism", holds, cases, most=_PROCESSES)


@contextlib.contextmanager
def looking_elsewhere(
    component: Any,
    laws: Iterable[Law],
    run: Callable[..., Run],
    cases: Callable[[Any], st.SearchStrategy[Example]],
) -> Iterator[tuple[Law, ...]]:
    """Laws of a kind, and before and after them that of what a component keeps elsewhere.

    Args:
        component: what is checked, which has not run yet.
        laws: the others.
        run: takes a component and the values of an example, and gives a run of it.
        cases: the examples for a component.
    """
    at_first = law_of_what_is_kept_elsewhere(run, cases, None)
    with untouched_process(component) as untouched:
        yield at_first, *laws, law_of_what_is_kept_elsewhere(run, cases, untouched)


def laws_of_every_kind(
    run: Callable[..., Run], cases: Callable[[Any], st.SearchStrategy[Example]]
) -> tuple[Law, ...]:
    """The laws about calls and states, for a kind of component.

    Args:
        run: takes a component and the values of an example, and gives a run of it.
        cases: the examples for a component.
    """

    def saves(subject: Any, **example: Any) -> None:
        running = run(subject, **example)
        reached = [running.start()]
        for given in running.feed:
            reached.append(running.advance(reached[-1], given)[1])
        for state in reached:
            if not states.same(round_trip(state), state):
                raise Broken(f"a state of {describe(subject)} is another when saved and loaded")

    def keeps_what_it_is_given(subject: Any, **example: Any) -> None:
        running = run(subject, **example)
        state = running.start()
        kept: list[tuple[str, Any, Any]] = []
        for call, given in enumerate(running.feed):
            kept.append((f"the state given to call {call}", state, states.copy(state)))
            kept.append((f"the input of call {call}", given, states.copy(given)))
            out, state = running.advance(state, given)
            kept.append((f"what call {call} returned", out, states.copy(out)))
        for what, tree, before in kept:
            if not states.same(tree, before):
                raise Broken(f"{what} was changed in place by {describe(subject)}")

    def gives_the_same_again(subject: Any, **example: Any) -> None:
        running, twin = run(subject, **example), run(_twin(subject), **example)
        calls = []
        state = running.start()
        if not states.same(running.start(), state):
            raise Broken(f"{describe(subject)} started twice with different states")
        for given in running.feed:
            out, after = running.advance(state, given)
            calls.append((given, state, out, after))
            state = after
        # Backwards, so that nothing but the given state can tell a call where it is.
        for call in reversed(range(len(calls))):
            given, state, out, after = calls[call]
            if not states.same(running.advance(state, given), (out, after)):
                raise Broken(
                    f"{describe(subject)} gave something else when call {call} was repeated from "
                    "the same state"
                )
            if not states.same(twin.advance(state, given), (out, after)):
                raise Broken(f"an equal copy of {describe(subject)} gave something else")

    def goes_on_from_a_saved_state(subject: Any, **example: Any) -> None:
        running = run(subject, **example)
        state = running.start()
        for call, given in enumerate(running.feed):
            out, after = running.advance(state, given)
            if not states.same(running.advance(round_trip(state), given), (out, after)):
                raise Broken(
                    f"{describe(subject)} gave something else at call {call} when its state was "
                    "saved and loaded before"
                )
            state = after

    return (
        Law("state round trip", saves, cases),
        Law("purity", keeps_what_it_is_given, cases),
        Law("determinism", gives_the_same_again, cases),
        Law("state round trip", goes_on_from_a_saved_state, cases),
    )


def _outputs(subject: Any, run: Callable[..., Run], example: Example) -> list[Any]:
    running = run(subject, **states.copy(example))
    state, outputs = running.start(), []
    for given in running.feed:
        out, state = running.advance(state, given)
        outputs.append(states.copy(out))
    return outputs


def _survives_toml(subject: Any) -> None:
    cls = type(subject)
    try:
        text = fields_to_toml(subject)
    except NotSerialisable:
        return
    back = fields_from_toml(cls, text)
    if type(back) is not cls or (attrs.has(cls) and back != subject):
        raise Broken(f"{describe(subject)} came back from TOML as {describe(back)}")


CONFIGURATION = Law("configuration", _survives_toml)


def _twin(subject: Any) -> Any:
    """An equal component that is another object."""
    if attrs.has(type(subject)):
        other = attrs.evolve(subject)
        if other == subject:
            return other
    return copy.copy(subject)
