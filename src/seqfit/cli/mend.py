"""A fit in a run folder is diagnosed and mended, step by step."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
from rich.console import Console
from rich.table import Table
from rich.text import Text

from seqfit.cli.found import Found
from seqfit.cli.progress import ProgressLine, StopOnInterrupt, warnings_of
from seqfit.cli.run import PLAIN, conclude
from seqfit.cli.run_files import read_mending, read_result
from seqfit.cli.runs import LIVE, MENDING, RunFolder
from seqfit.diagnosis import Suggestion
from seqfit.diagnosis.mending import Mending, Step
from seqfit.fitting import Callback, Experiment, Fitter

DEFAULT_SECONDS = 120.0


def fix_run(run: Path, seconds: float, console: Console) -> dict[str, Any]:
    """Mend the fit in a run folder, and leave the best one there with the path that led to it.

    Killed on its way, the folder holds the first fit as it was, or the best one. What was mended
    before is mended further: the path goes on.

    Args:
        run: the folder, of a fit that has come to its end.
        seconds: how long it may take, about.
        console: where people read along.

    Returns:
        The result of the best fit as plain data, and the path to it.

    Raises:
        FileNotFoundError: there is no such folder, it is none of a run, or the fit did not come
            to its end.
        ValueError: the fit was interrupted, its samples are not kept, or the folder has another
            experiment or result.
        BlockingIOError: another process is at work in it.
    """
    folder = RunFolder.open(run)
    with folder.locked():
        first, before = _finished(folder), _steps_before(folder)
        mending, interrupt = Mending.of(first), StopOnInterrupt()
        with contextlib.ExitStack() as bars:

            def begin(suggestion: Suggestion, what: Experiment) -> tuple[Callback, ...]:
                number = len(before) + len(mending.steps) + 1
                console.print(f"fix {number}: {suggestion.words}", **PLAIN)
                bars.enter_context(interrupt.listening())  # at other times Ctrl-C ends all at once
                bar = bars.enter_context(ProgressLine(what.samples, console))
                watch = warnings_of(what.samples, console)
                return bar, watch, interrupt, *folder.tensorboard(f"fix-{number}")

            def end(step: Step) -> bool:
                bars.close()
                console.print(f"MAE {_outcome(step)}: {_verdict(step)}", **PLAIN)
                return interrupt.interrupted

            try:
                with _raising_on_ctrl_c():
                    console.print(f"diagnosing and mending, for about {seconds:.3g} s", **PLAIN)
                    mending.run(seconds, begin, end, folder.seconds_of_fit())
            except KeyboardInterrupt:
                mending.ending = "it was interrupted"
                interrupt.interrupted = True
        path = mending.as_dict()
        path["steps"] = before + path["steps"]
        if mending.best is not first:
            folder.adopt(mending.best, path)
            report = attrs.asdict(mending.best.report)
            result = conclude(mending.best, report, folder, run.name, StopOnInterrupt(), console)
        else:
            folder.write_json(MENDING, path)
            result = read_result(folder)
        _show(mending, len(before), console)
        if interrupt.interrupted:
            console.print(f"to go on: seqfit fix {folder.path}", **PLAIN)
        return result | {"mending": path, "interrupted": interrupt.interrupted}


@contextlib.contextmanager
def _raising_on_ctrl_c() -> Iterator[None]:
    """Take Ctrl-C for an exception, also in a process whose starter has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _finished(folder: RunFolder) -> Fitter:
    """The fit in a folder, which has come to its end and can be fitted anew."""
    path = folder.path
    if (path / LIVE).exists():
        raise ValueError(
            f"{path} was fitted to samples as they came, which are not kept to be fitted again; "
            "fit them from a file: seqfit fit --fix --data FILE"
        )
    found = Found.of(folder)
    if found.fitter.signal is None:
        raise ValueError(
            f"the fit in {path} has no signal: the samples that it was given are not kept, and "
            "nothing can be fitted anew"
        )
    if found.mismatch is not None:
        raise ValueError(
            f"{found.mismatch}; the experiment that was fitted, to put it back, is at the end of "
            f"what 'seqfit report {path}' writes"
        )
    fitted, left = found.fitter.report.samples, found.fitter.samples_left
    if left or found.result()["interrupted"]:
        raise ValueError(
            f"the fit in {path} was stopped after {fitted:,} of {found.fitter.samples:,} samples: "
            f"finish it first, by 'seqfit resume {path}'"
        )
    return found.fitter


def _steps_before(folder: RunFolder) -> list[dict[str, Any]]:
    """The steps that have led to the fit in a folder."""
    told = read_mending(folder)
    return [] if told is None else list(told["steps"])


def _show(mending: Mending, before: int, console: Console) -> None:
    grid = Table(
        title="what was found, what was changed, and what it came to", title_justify="left"
    )
    for heading in ("", "found", "changed", "MAE of free runs", "verdict"):
        grid.add_column(heading)
    for number, step in enumerate(mending.steps, start=before + 1):
        grid.add_row(
            str(number),
            ", ".join(kind.replace("_", " ") for kind in step.found),
            Text(step.suggestion.words),
            _outcome(step),
            Text(_verdict(step)),
        )
    if mending.steps:
        console.print(grid)
    console.print(
        f"no more was changed: {mending.ending}. The MAE of free runs is {mending.error:.3g}, "
        f"{mending.left:.2g} of the outputs' spread is left.",
        **PLAIN,
    )


def _outcome(step: Step) -> str:
    after = "-" if step.after is None else f"{step.after:.3g}"
    return f"{step.before:.3g} -> {after}"


def _verdict(step: Step) -> str:
    return "kept" if step.is_kept else step.remark or "no better"
