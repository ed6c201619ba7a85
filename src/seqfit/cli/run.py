"""One run from experiment to result: fit, save, score, draw, and say so."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Any

import attrs
from rich.console import Console

from seqfit import configuration, recipes
from seqfit.cli.progress import ProgressLine, StopOnInterrupt
from seqfit.cli.runs import CHECKPOINT, EXPERIMENT, PICTURE, RESULT, RunFolder
from seqfit.fitting import Callback, DivergedError, Experiment, Fitter, to_toml
from seqfit.models.base import Solvable
from seqfit.reporting.picture import PictureUnavailableError, draw_fit
from seqfit.schedules.base import Progress, updates_within
from seqfit.search import Attempt, auto

_PLAIN: dict[str, Any] = {"markup": False, "highlight": False, "soft_wrap": True}
"""For text that is not ours to interpret: names, numbers, formulas."""


def run_experiment(
    what: Experiment, run: Path | None, name: str, console: Console
) -> dict[str, Any]:
    """Fit an experiment and leave a run folder.

    Args:
        what: the experiment.
        run: the folder; None makes a new one.
        name: what the run is called.
        console: where people read along.

    Returns:
        The result as plain data.

    Raises:
        DivergedError: the fit diverged; the folder holds the last good weights.
    """
    _require_runnable(what)
    text = _as_toml(what, console)
    interrupt, bar = StopOnInterrupt(), ProgressLine(what.samples, console)
    fitter = Fitter.of(what, callbacks=(bar, interrupt))
    folder = RunFolder.create(run, name)
    folder.write_text(EXPERIMENT, text)
    _announce(what, console)
    try:
        with interrupt.listening(), bar:
            fitter.fit()
    except DivergedError:
        fitter.save(folder.path / CHECKPOINT)
        raise
    finally:
        folder.write_metrics(fitter)
    return _conclude(fitter, folder, name, interrupt, console)


def run_search(
    samples: int | None, seed: int, parts: dict[str, Any], run: Path | None, console: Console
) -> dict[str, Any]:
    """Find the simplest recipe that explains a target, and leave a run folder.

    Args:
        samples: samples to fit on; None takes each recipe's own number.
        seed: of streams, weights and searches.
        parts: parts of the experiments other than the recipes' own.
        run: the folder; None makes a new one.
        console: where people read along.

    Returns:
        The result as plain data.
    """
    interrupt = StopOnInterrupt()
    bars = contextlib.ExitStack()
    # What is wrong is an error before a folder is made.
    first = recipes.exact(seed=seed, **({} if samples is None else {"samples": samples}), **parts)
    _require_runnable(first)
    folder = RunFolder.create(run, "fit")

    def begin(name: str, what: Experiment) -> tuple[Callback, ...]:
        console.print(f"trying the recipe {name}", **_PLAIN)
        _announce(what, console)
        return bars.enter_context(ProgressLine(what.samples, console)), interrupt

    def end(attempt: Attempt) -> bool:
        bars.close()
        console.print(str(attempt), **_PLAIN)
        return interrupt.interrupted

    with interrupt.listening(), bars:
        best = auto(samples, seed, parts, begin, end)
    folder.write_text(EXPERIMENT, _as_toml(best.fitter.experiment, console))
    folder.write_metrics(best.fitter)
    return _conclude(best.fitter, folder, best.recipe, interrupt, console)


def _require_runnable(what: Experiment) -> None:
    """Raise a ValueError where a run would end in nothing to score."""
    if updates_within(what.schedule, what.samples) == 0:
        first, _ = what.schedule.next_update(
            what.schedule.start(), Progress(position=0, updates=0, loss=math.nan)
        )
        raise ValueError(
            f"{what.samples} samples make no update: the first takes {first.length} of each of "
            f"{what.schedule.streams} streams"
        )
    if what.signal is not None and what.target is not None:
        what.signal.held_out()
        what.target.held_out()


def _as_toml(what: Experiment, console: Console) -> str:
    try:
        return to_toml(what)
    except configuration.NotSerialisable as error:
        console.print(f"this run can't be repeated from its folder: {error}", **_PLAIN)
        return f"# {error}\n"


def _as_data(part: Any) -> Any:
    try:
        return configuration.to_data(part)
    except configuration.NotSerialisable:
        return repr(part)


def _announce(what: Experiment, console: Console) -> None:
    for part in ("signal", "target", "model", "schedule"):
        console.print(f"{part:>9}  {getattr(what, part)}", **_PLAIN)


def _conclude(
    fitter: Fitter, folder: RunFolder, name: str, interrupt: StopOnInterrupt, console: Console
) -> dict[str, Any]:
    fitter.save(folder.path / CHECKPOINT)
    if interrupt.interrupted:
        console.print("[yellow]interrupted; what was learned so far is kept[/]")
    x, y = fitter.held_out_samples()
    scores = fitter.score(x, y)
    report = fitter.report
    result = attrs.asdict(report) | {
        "model": _as_data(fitter.model),
        "schedule": _as_data(fitter.schedule),
        "interrupted": interrupt.interrupted,
        "scores": scores.as_dict(),
        "run": str(folder.path),
    }
    if isinstance(fitter.module, Solvable):
        result["law"] = fitter.describe()
        console.print(fitter.describe(), style="bold", **_PLAIN)
    folder.write_json(RESULT, result)
    console.print(
        f"{report.samples:,} samples in {report.updates:,} updates and {report.seconds:.1f} s: "
        f"{report.us_per_sample:.1f} us a sample with the {report.engine} engine",
        soft_wrap=True,
    )
    console.print(
        f"free run on {scores.streams} held-out stream{'s' if scores.streams > 1 else ''} of "
        f"{scores.samples // scores.streams:,} samples: [bold]{scores}[/]",
        soft_wrap=True,
    )
    try:
        draw_fit(folder.path / PICTURE, fitter, x, y, title=f"{name}: {scores}")
    except PictureUnavailableError as error:
        console.print(f"no picture: {error}", style="yellow", **_PLAIN)
    console.print(f"the run is in {folder.path}", **_PLAIN)
    return result
