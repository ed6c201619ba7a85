"""The laws of update schedules."""

from __future__ import annotations

import math
from typing import Any

import attrs
from hypothesis import strategies as st

from seqfit.schedules.base import Progress, Update, UpdateSchedule
from seqfit.states import State
from seqfit.testing.every_kind import (
    CONFIGURATION,
    Run,
    laws_of_every_kind,
    looking_elsewhere,
)
from seqfit.testing.laws import BadArguments, Broken, Example, Law, OnVerdict, check_laws, describe
from seqfit.testing.strategies import losses
from seqfit.validators import is_int


def check_schedule(
    schedule: UpdateSchedule | st.SearchStrategy[Any],
    *,
    bad_arguments: BadArguments = (),
    examples: int = 25,
    on_verdict: OnVerdict | None = None,
) -> None:
    """Check an update schedule against the laws of its interface.

    Args:
        schedule: a schedule, or a Hypothesis strategy of schedules.
        bad_arguments: arguments that its class must refuse, as a mapping for each call.
        examples: how many are tried for each law.
        on_verdict: called with the name of each law and its violation, or None; then all laws are
            tried, and none raises.

    Raises:
        LawViolation: a law is broken; it holds the smallest example that was found.
    """
    with looking_elsewhere(schedule, _LAWS, _run, _courses) as laws:
        check_laws(
            schedule,
            UpdateSchedule,
            laws,
            bad_arguments=bad_arguments,
            examples=examples,
            on_verdict=on_verdict,
        )


def _courses(_schedule: UpdateSchedule) -> st.SearchStrategy[Example]:
    return st.fixed_dictionaries({"losses": losses()})


def _run(schedule: UpdateSchedule, losses: tuple[float, ...]) -> Run:
    """A fit as the schedule sees it: the state is its own, and the progress made."""

    def start() -> State:
        return schedule.start(), {"position": 0, "updates": 0, "loss": math.nan}

    def make_update(state: State, loss: float) -> tuple[Update, State]:
        own, made = state
        update, own = schedule.next_update(own, Progress(**made))
        position = made["position"] + update.length
        return update, (own, {"position": position, "updates": made["updates"] + 1, "loss": loss})

    return Run(start, make_update, losses)


def _declares_itself(schedule: UpdateSchedule) -> None:
    who = describe(schedule)
    if not is_int(schedule.streams) or schedule.streams < 1:
        raise Broken(f"streams of {who} must be a positive int, got {schedule.streams!r}")
    if not is_int(schedule.history) or schedule.history < 0:
        raise Broken(f"history of {who} must be a non-negative int, got {schedule.history!r}")


def _takes_every_sample_once(schedule: UpdateSchedule, losses: tuple[float, ...]) -> None:
    run = _run(schedule, losses)
    state = run.start()
    for number, loss in enumerate(losses):
        _, made = state
        update, _ = schedule.next_update(state[0], Progress(**made))
        if type(update) is not Update:
            raise Broken(f"update {number} of {describe(schedule)} must be an Update: {update!r}")
        try:
            attrs.validate(update)
        except ValueError as error:
            raise Broken(f"update {number} of {describe(schedule)} is {update}: {error}") from error
        _, state = run.advance(state, loss)


def _looks_back_on_what_was_there(schedule: UpdateSchedule, losses: tuple[float, ...]) -> None:
    run = _run(schedule, losses)
    state = run.start()
    for number, loss in enumerate(losses):
        position = state[1]["position"]
        update, state = run.advance(state, loss)
        for limit, what in (
            (position, f"only {position} samples were taken"),
            (schedule.history, f"its history is {schedule.history}"),
        ):
            if update.lookback > limit:
                raise Broken(
                    f"update {number} of {describe(schedule)} looks back {update.lookback} "
                    f"samples, but {what}"
                )
        oldest = max(position - schedule.history, 0)
        for begin in update.replays:
            if not oldest <= begin <= position - update.span:
                raise Broken(
                    f"update {number} of {describe(schedule)} replays {update.span} samples from "
                    f"position {begin} on, but those taken and kept lie from {oldest} to {position}"
                )


_LAWS = (
    CONFIGURATION,
    Law("declarations", _declares_itself),
    Law("coverage", _takes_every_sample_once, _courses),
    Law("lookback", _looks_back_on_what_was_there, _courses),
    *laws_of_every_kind(_run, _courses),
)
