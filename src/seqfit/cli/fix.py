"""``seqfit fit --fix``: a fit in a run folder is diagnosed and mended, step by step."""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
from rich.console import Console
from rich.table import Table
from rich.text import Text

from seqfit.cli.progress import ProgressLine, StopOnInterrupt, warnings_of
from seqfit.cli.run import PLAIN, conclude
from seqfit.cli.runs import MENDING, RESULT, RunFolder
from seqfit.diagnosis import Suggestion
from seqfit.diagnosis.mending import Mending, Step
from seqfit.fitting import Callback, Experiment
from seqfit.limits import read_text

DEFAULT_SECONDS = 120.0


def fix_run(run: Path, seconds: float, console: Console) -> dict[str, Any]:
    """Mend the fit in a run folder, and leave the best one there with the path that led to it.

    Killed on its way, the folder holds the first fit as it was, or the best one.

    Args:
        run: the folder, of a fit that has come to its end.
        seconds: how long it may take, about.
        console: where people read along.

    Returns:
        The result of the best fit as plain data, and the path to it.
    """
    folder = RunFolder.open(run)
    with folder.locked():
        first = folder.fitter()
        mending, interrupt = Mending.of(first), StopOnInterrupt()
        with contextlib.ExitStack() as bars:

            def begin(suggestion: Suggestion, what: Experiment) -> tuple[Callback, ...]:
                number = len(mending.steps) + 1
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
        folder.write_json(MENDING, path)
        if mending.best is not first:
            folder.adopt(mending.best)
            report = attrs.asdict(mending.best.report)
            result = conclude(mending.best, report, folder, run.name, StopOnInterrupt(), console)
        else:
            result = json.loads(read_text(folder.path / RESULT))
        _show(mending, console)
        return result | {"mending": path, "interrupted": interrupt.interrupted}


@contextlib.contextmanager
def _raising_on_ctrl_c() -> Iterator[None]:
    """Take Ctrl-C for an exception, also in a process whose starter has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _show(mending: Mending, console: Console) -> None:
    grid = Table(
        title="what was found, what was changed, and what it came to", title_justify="left"
    )
    for heading in ("", "found", "changed", "MAE of free runs", "verdict"):
        grid.add_column(heading)
    for number, step in enumerate(mending.steps, start=1):
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
