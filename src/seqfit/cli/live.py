"""A run on samples as they come: from standard input, or from a file that grows."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, final

import attrs
import numpy as np
from rich.console import Console

from seqfit.cli.journal import Journal
from seqfit.cli.progress import ProgressLine, StopOnInterrupt, warnings_of
from seqfit.cli.run import PLAIN, announce, as_toml, conclude
from seqfit.cli.runs import EXPERIMENT, LIVE, RunFolder
from seqfit.configuration import ConfigurationError, build
from seqfit.fitting import Experiment, Fitter, read_experiment
from seqfit.limits import in_short, read_text, require_shallow
from seqfit.live import Chunk, GrowingFile, Pipe
from seqfit.validators import as_tuple, one_of

STANDARD_INPUT = "-"
SCALED_BY = 1000
"""Samples that come first, by which inputs and outputs are scaled."""


@final
@attrs.frozen
class LiveData:
    """Where samples come from, and how many are wanted.

    Attributes:
        data: path of a file that grows, or ``"-"``.
        inputs: names of the input columns.
        outputs: names of the output columns.
        samples: how many are fitted; None: all that come.
        missing: what an output cell without a number means: ``"error"`` or ``"mask"``.
        header: the header line of standard input; None before it has come, and for files.
    """

    data: str
    inputs: tuple[str, ...] = attrs.field(converter=as_tuple)
    outputs: tuple[str, ...] = attrs.field(converter=as_tuple)
    samples: int | None = None
    missing: str = attrs.field(default="error", validator=one_of("error", "mask"))
    header: str | None = None

    def open(self, given: int) -> Pipe | GrowingFile:
        """The source of the samples behind those that a fit was given already."""
        if self.data == STANDARD_INPUT:
            return Pipe(
                sys.stdin, self.inputs, self.outputs, header=self.header, missing=self.missing
            )
        return GrowingFile(self.data, self.inputs, self.outputs, first=given, missing=self.missing)


def run_live(
    live: LiveData,
    experiment_of: Callable[[Chunk], Experiment],
    run: Path | None,
    console: Console,
    checkpoint_every: int | None = None,
    tensorboard: bool = False,
) -> dict[str, Any]:
    """Fit samples as they come, until they end or Ctrl-C is pressed, and leave a run folder.

    Args:
        live: where they come from.
        experiment_of: gives the experiment, once it has seen the first samples.
        run: the folder; None makes a new one.
        console: where people read along.
        checkpoint_every: samples from checkpoint to checkpoint; None takes one now and then.
        tensorboard: whether it is logged for TensorBoard, when it is resumed too.

    Returns:
        The result as plain data.

    Raises:
        ValueError: a sample is wrong, or too few have come; what was fitted is kept.
        OSError: the file was cut or replaced; likewise.
        DivergedError: the fit diverged; the folder holds the last good weights.
    """
    interrupt = StopOnInterrupt()
    source = live.open(given=0)
    with interrupt.listening():
        console.print(f"waiting for samples from {_name(live)}; Ctrl-C ends the fit", **PLAIN)
        first, wrong = _first_samples(source, live.samples, interrupt)
        try:
            what = experiment_of(first)
        except ValueError as error:
            raise error if wrong is None else wrong from error
        if isinstance(source, Pipe):
            live = attrs.evolve(live, header=source.header)
        folder = RunFolder.create(run, "live", EXPERIMENT, as_toml(what, console))
        with folder.at_work(EXPERIMENT):
            folder.write_json(LIVE, attrs.asdict(live))
            if tensorboard:
                folder.ask_for_tensorboard()
            announce(what, console)
            callbacks = _callbacks(live, folder, interrupt, console, checkpoint_every)
            fitter = Fitter.of(what, callbacks)
            return _fit(fitter, live, first, wrong, source, folder, interrupt, console)


def is_live(run: Path) -> bool:
    """Whether a run folder is one of samples as they come."""
    return (run / LIVE).is_file()


def resume_live(run: Path, console: Console, checkpoint_every: int | None = None) -> dict[str, Any]:
    """Go on with a run that was stopped: in a file behind the rows that it was given.

    Standard input can't be wound back: the fit goes on with what comes next.

    Args:
        run: the folder.
        console: where people read along.
        checkpoint_every: see `run_live`.

    Returns:
        The result as plain data.

    Raises:
        CheckpointError: none of its checkpoints can be read.
        BlockingIOError: another process is at work in the folder.
        ValueError: a sample is wrong, or the run has all the samples that were wanted.
        OSError: as in `run_live`.
        DivergedError: likewise.
    """
    folder, interrupt = RunFolder.open(run), StopOnInterrupt()
    with folder.locked(), interrupt.listening():
        live = _written(folder.path / LIVE)
        experiment = read_experiment(folder.path / EXPERIMENT)
        callbacks = _callbacks(live, folder, interrupt, console, checkpoint_every)
        found, damaged = folder.unfinished(experiment, callbacks)
        for message in damaged:
            console.print(f"an older checkpoint is taken: {message}", style="yellow", **PLAIN)
        fitter = found or Fitter.of(experiment, callbacks)
        if live.samples is not None and fitter.samples_given >= live.samples:
            raise ValueError(f"the run in {folder.path} has come to its end; there is nothing left")
        given = f"{fitter.samples_given:,} samples"
        if live.data == STANDARD_INPUT:
            console.print(
                f"going on after {given} with what comes next from standard input, which can't "
                "be wound back: what it gave in between is not fitted",
                style="yellow",
                **PLAIN,
            )
        else:
            console.print(f"going on after {given}, behind them in {live.data}", **PLAIN)
        source = live.open(fitter.samples_given)
        return _fit(fitter, live, None, None, source, folder, interrupt, console)


def _written(path: Path) -> LiveData:
    """What a run of samples as they come was asked for."""
    try:
        data = json.loads(read_text(path))
    except ValueError as error:
        raise ConfigurationError(f"{path} is damaged: {in_short(error)}") from error
    require_shallow(data, str(path))
    return build(LiveData, data, where=str(path))


def _fit(
    fitter: Fitter,
    live: LiveData,
    first: Chunk | None,
    wrong: Exception | None,
    source: Pipe | GrowingFile,
    folder: RunFolder,
    interrupt: StopOnInterrupt,
    console: Console,
) -> dict[str, Any]:
    (bar,) = (callback for callback in fitter.callbacks if isinstance(callback, ProgressLine))
    (journal,) = (callback for callback in fitter.callbacks if isinstance(callback, Journal))
    try:
        with bar:
            if first is not None:
                fitter.partial_fit(*first)
            if wrong is not None:
                raise wrong
            left = None if live.samples is None else live.samples - fitter.samples_given
            if left != 0 and not interrupt.interrupted:
                fitter.fit_live(source, left)
        if not fitter.report.updates:
            raise ValueError(f"{fitter.samples_given} samples have come, too few for an update")
    except Exception:
        if fitter.samples_given:
            folder.finish(fitter)
            console.print(f"what has come is kept in {folder.path}", style="yellow", **PLAIN)
        raise
    report = journal.report(fitter)
    folder.finish(fitter)
    return conclude(fitter, report, folder, folder.path.name, interrupt, console)


def _callbacks(
    live: LiveData,
    folder: RunFolder,
    interrupt: StopOnInterrupt,
    console: Console,
    checkpoint_every: int | None,
) -> tuple[Any, ...]:
    bar, checkpoints = ProgressLine(live.samples, console), folder.checkpoints(checkpoint_every)
    watch = warnings_of(live.samples, console)
    return bar, watch, interrupt, checkpoints, Journal(folder), *folder.tensorboard()


def _first_samples(
    source: Pipe | GrowingFile, samples: int | None, interrupt: StopOnInterrupt
) -> tuple[Chunk, Exception | None]:
    """The samples that come first, fewer where there are no more or Ctrl-C was pressed.

    Returns:
        They, and what was wrong with the one behind them.

    Raises:
        ValueError: there are none, or the first is wrong.
        OSError: the file was cut or replaced, and none had come.
    """
    wanted = SCALED_BY if samples is None else min(samples, SCALED_BY)
    chunks: list[Chunk] = []
    wrong: Exception | None = None
    while wanted and not interrupt.interrupted:
        try:
            chunk = source.read(wanted)
        except (ValueError, OSError) as error:
            if not chunks:
                raise
            wrong = error
            break
        if chunk is None:
            break
        if len(chunk[0]):
            chunks.append(chunk)
            wanted -= len(chunk[0])
    if not chunks:
        raise ValueError("no sample has come, there is nothing to fit")
    x, y = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
    return (x, y), wrong


def _name(live: LiveData) -> str:
    return "standard input" if live.data == STANDARD_INPUT else live.data
