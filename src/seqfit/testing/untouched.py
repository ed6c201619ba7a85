"""A process in which a component has not run yet: what it keeps elsewhere is not there."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any, final

_PATIENCE = 20.0
"""Seconds in which an answer comes, unless a lock was held when the process was split off."""


@final
class Untouched:
    """Runs a component in a process that is as this one was before any component ran in it.

    Each run has a process of its own, so that none sees the ones before.
    """

    def __init__(self, connection: Connection, component: Any) -> None:
        self._connection: Connection | None = connection
        self._component = component

    def outputs(self, outputs_of: Callable[..., Any], subject: Any, *more: Any) -> list[Any] | None:
        """What a function gives there, called with a component and more; None if it can't tell."""
        if self._connection is None:
            return None
        known = subject is self._component
        try:
            self._connection.send((outputs_of, None if known else subject, more))
            if self._connection.poll(_PATIENCE):
                found: list[Any] | None = self._connection.recv()
                return found
        except (EOFError, OSError):
            pass
        except Exception:  # it can't be sent, such as what is of a local class
            return None
        self._connection = None
        return None


@contextlib.contextmanager
def untouched_process(component: Any) -> Iterator[Untouched | None]:
    """Split off a process from this one, as long as one is in the context.

    Args:
        component: which it then knows, though it may have no name; or a strategy, of those that
            do have one.

    Yields:
        It; None where the system does not make such copies safely.
    """
    if sys.platform != "linux":
        yield None
        return
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(here, there, component))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # there may be threads: see _PATIENCE
        process.start()
    there.close()
    try:
        yield Untouched(here, component)
    finally:
        here.close()
        process.join(1.0)
        if process.is_alive():
            process.kill()
            process.join()


def _serve(here: Connection, there: Connection, component: Any) -> None:
    here.close()
    while there.poll(None):  # a request, or nobody is left to ask
        child = os.fork()
        if child == 0:
            _answer(there, component)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != 0:
            return


def _answer(there: Connection, component: Any) -> None:
    """Answer a request, and end the process: with 0 unless there was none."""
    try:
        outputs_of, subject, more = there.recv()
        try:
            answer = outputs_of(component if subject is None else subject, *more)
        except BaseException:
            answer = None
        there.send(answer)
    except BaseException:
        os._exit(1)
    os._exit(0)
