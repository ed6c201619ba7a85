"""Whether a fit that was read from a file can go on: nobody has vouched for what it holds.

Compiled code does not look where it reads and writes, so lengths and positions are checked before
any of it runs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import torch

from seqfit.configuration import ConfigurationError
from seqfit.fitting.buffer import SampleBuffer
from seqfit.fitting.checkpoint import CheckpointError
from seqfit.fitting.course import Course
from seqfit.fitting.ranks import Ranks
from seqfit.fitting.source import SampleSource
from seqfit.limits import in_short
from seqfit.plugins import PluginError
from seqfit.schedules.base import Progress, Update, UpdateSchedule
from seqfit.states import State, is_tensor, map_arrays
from seqfit.validators import is_int


def restore(course: Course, state: State, schedule: UpdateSchedule, ranks: Ranks) -> None:
    """Take a course that has just begun to where a state has it, with the streams of this rank.

    Raises:
        Exception: of any kind, where the state is not that of such a course.
    """
    training, source = course.training, course.source
    assert training is not None  # begun
    fresh = training.buffer
    if source is not None:
        begun = attrs.evolve(source)
    course.restore(state, ranks)
    for owner, name in (
        (course, "asked"), (course, "generated"), (course, "given"), (training, "updates"),
        (training, "replayed"), (training, "missing"), (training.buffer, "first"),
        (training.buffer, "position"),
    ):  # fmt: skip
        value = getattr(owner, name)
        if not is_int(value) or not 0 <= value < 2**62:
            raise ValueError(f"{name} must be a number of samples or updates, got {value!r:.40}")
    torch.Generator().set_state(course.chance)
    _require_buffer(training.buffer, fresh, schedule.history)
    progress = Progress(
        position=training.buffer.position, updates=training.updates, loss=float(training.loss)
    )
    update, _ = schedule.next_update(training.schedule_state, progress)
    if not isinstance(update, Update):
        raise TypeError(f"the schedule gave {update!r:.40}")
    if source is not None:
        _require_source(source, begun, course.generated)


@contextlib.contextmanager
def refusing_what_does_not_fit(path: str | Path) -> Iterator[None]:
    """Whatever goes wrong in taking over a file's content is an error that names the file.

    Raises:
        CheckpointError: something went wrong.
    """
    try:
        yield
    except CheckpointError:
        raise
    except PluginError as error:
        raise CheckpointError(
            f"{path} needs a part that is not installed: {in_short(error)}; install its "
            "package, or give the part: Fitter.load(path, target=...)"
        ) from error
    except ConfigurationError as error:
        raise CheckpointError(str(error)) from error
    except Exception as error:  # parts raise what they like at a state that is not theirs
        raise CheckpointError(f"{path} does not fit its experiment: {in_short(error)}") from error


def require_form(found: State, examples: tuple[State, State], where: str) -> None:
    """Raise a ValueError unless a state is built as two examples are.

    What differs between the examples, such as the length of an axis that grows, may be anything.
    """
    one, other = examples
    if type(one) is not type(other):
        return
    if isinstance(one, tuple | list | dict):
        keys = list(one) if isinstance(one, dict) else list(range(len(one)))
        if keys != (list(other) if isinstance(other, dict) else list(range(len(other)))):
            return
        if type(found) is not type(one) or len(found) != len(one):
            raise ValueError(f"{where} is not built as it should be")
        for key in keys:
            require_form(found[key], (one[key], other[key]), f"{where}.{key}")
    elif isinstance(one, range):
        if found != one:
            raise ValueError(f"{where} must be {one}, got {found!r:.40}")
    elif isinstance(one, np.ndarray) or is_tensor(one):
        if type(found) is not type(one) or found.ndim != one.ndim:
            raise ValueError(f"{where} is not an array of {one.ndim} dimensions")
        axes = zip(found.shape, one.shape, other.shape, strict=True)
        if found.dtype != one.dtype or any(a == b != length for length, a, b in axes):
            raise ValueError(
                f"{where} has the shape {tuple(found.shape)} and dtype {found.dtype}, not "
                f"{tuple(one.shape)} and {one.dtype}"
            )


def _require_buffer(buffer: SampleBuffer, fresh: SampleBuffer, history: int) -> None:
    """Raise a ValueError where samples, positions and states do not belong together."""
    streams, dtype = fresh.x.shape[1], fresh.x.dtype
    if buffer.x.dtype != dtype or buffer.x.shape[1] != streams:
        raise TypeError(
            f"it holds {buffer.x.shape[1]} streams of {buffer.x.dtype}, not {streams} of {dtype}"
        )
    for name in ("x", "y"):
        own: Any = getattr(fresh, name)  # (0, streams, channels)
        longer = np.zeros((1, *own.shape[1:]), own.dtype)
        require_form(getattr(buffer, name), (own, longer), name)
    positions = [position for position, _ in buffer.boundaries]
    oldest = max(buffer.position - history, 0)
    if not (
        len(buffer.x) == len(buffer.y)
        and buffer.first <= positions[0] <= oldest
        and all(a < b for a, b in pairwise(positions))
        and positions[-1] == buffer.position <= buffer.first + len(buffer.x)
    ):
        raise ValueError("samples, positions and states of the model do not belong together")
    _require_resets(buffer, streams)
    _, own = fresh.boundaries[0]
    # Streams lie along the first axis; how long the others are is the module's affair.
    other = map_arrays(
        lambda leaf: leaf.new_empty((len(leaf), *(n + 1 for n in leaf.shape[1:]))), own
    )
    for position, state in buffer.boundaries:
        require_form(state, (own, other), f"the model's state at {position}")


def _require_resets(buffer: SampleBuffer, streams: int) -> None:
    """Raise a ValueError where resets are not those of the samples held."""
    positions, rows = buffer.resets.positions, buffer.resets.streams
    ends = [buffer.first - 1, *positions, buffer.first + len(buffer.x)]
    ordered = all(map(is_int, positions)) and all(a < b for a, b in pairwise(ends))
    if len(positions) != len(rows) or not ordered:
        raise ValueError("resets and samples do not belong together")
    for row in rows:
        if row.dtype != np.bool_ or row.shape != (streams,):
            raise ValueError(f"a reset has {row.shape} of {row.dtype}, not {streams} of bool")


def _require_source(source: SampleSource, begun: SampleSource, generated: int) -> None:
    """Raise an error of any kind where a signal and its target can't go on from their states."""
    examples = begun.signal_state, begun.target_state
    limit = source.signal.length
    if limit != 0:
        begun.take(1)
    require_form(source.signal_state, (examples[0], begun.signal_state), "the signal's state")
    require_form(source.target_state, (examples[1], begun.target_state), "the target's state")
    if limit is None or generated < limit:
        attrs.evolve(source).take(1)
