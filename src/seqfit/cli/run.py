"""One run from experiment to result: fit, save, score, draw, and say so."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, final

import attrs
from rich.console import Console

from seqfit import configuration, recipes
from seqfit.cli.journal import Journal
from seqfit.cli.progress import ProgressLine, StopOnInterrupt, left_over, warnings_of
from seqfit.cli.run_files import read_search
from seqfit.cli.runs import CHECKPOINT, EXPERIMENT, PICTURE, RESULT, SEARCH, RunFolder
from seqfit.environment import environment
from seqfit.evaluation.missing import missing_in_words, missing_of
from seqfit.evaluation.scores import Scores, finite_or_none
from seqfit.fitting import (
    Callback,
    DivergedError,
    Experiment,
    Fitter,
    Ranks,
    read_experiment,
    to_toml,
)
from seqfit.fitting.ranks import restarts_by_torchrun
from seqfit.fitting.samples import Samples
from seqfit.models.base import Solvable
from seqfit.reporting.picture import PictureUnavailableError, draw_fit
from seqfit.schedules.base import Progress, updates_within
from seqfit.search import Attempt, auto
from seqfit.second_order.outcome import VERDICTS, Status
from seqfit.states import State

FitSamples: TypeAlias = Callable[[Fitter, int], object]
PLAIN: dict[str, Any] = {"markup": False, "highlight": False, "soft_wrap": True}
"""For text that is not ours to interpret: names, numbers, formulas."""


def run_experiment(
    what: Experiment,
    run: Path | None,
    name: str,
    console: Console,
    checkpoint_every: int | None = None,
    retries: int = 0,
    ranks: Ranks | None = None,
    fit: FitSamples | None = None,
    tensorboard: bool = False,
) -> dict[str, Any]:
    """Fit an experiment and leave a run folder.

    Args:
        what: the experiment.
        run: the folder; None makes a new one.
        name: what the run is called.
        console: where people read along.
        checkpoint_every: samples from checkpoint to checkpoint; None takes one now and then.
        retries: how often a fit that diverges goes on from its last checkpoint, each time with
            half the learning rate.
        ranks: the processes that fit together; None for this one alone.
        fit: fits so many samples, which may be none, or fewer; None is `Fitter.fit`.
        tensorboard: whether it is logged for TensorBoard, when it is resumed too.

    Returns:
        The result as plain data.

    Raises:
        DivergedError: the fit diverged; the folder holds the last good weights.
    """
    ranks = Ranks() if ranks is None else ranks
    with ranks.alike():
        require_runnable(what)
        text = as_toml(what, console)
    if restarts_by_torchrun()[0] and run is not None and ranks.on_first(lambda: _holds(run, text)):
        return resume_run(run, console, checkpoint_every, retries, ranks, fit)
    folder = RunFolder.create(run, name, EXPERIMENT, text, ranks)
    with folder.at_work(EXPERIMENT):
        if tensorboard:
            folder.ask_for_tensorboard()
        announce(what, console)
        return _fit(what, folder, name, console, checkpoint_every, retries, fit)


def _holds(run: Path, experiment: str) -> bool:
    """Whether a folder holds a run of this very experiment, which ranks that died have begun."""
    path = run / EXPERIMENT
    return path.exists() and path.read_text(encoding="utf-8") == experiment


def resume_run(
    run: Path,
    console: Console,
    checkpoint_every: int | None = None,
    retries: int = 0,
    ranks: Ranks | None = None,
    fit: FitSamples | None = None,
) -> dict[str, Any]:
    """Go on with a run that was stopped, as if it had not been, and finish it.

    Args:
        run: the folder.
        console: where people read along.
        checkpoint_every: see `run_experiment`.
        retries: see `run_experiment`.
        ranks: see `run_experiment`; there may be more or fewer than when it was stopped.
        fit: see `run_experiment`.

    Returns:
        The result as plain data.

    Raises:
        FileNotFoundError: there is no such folder, or it is none of a run.
        ValueError: the run has come to its end.
        CheckpointError: none of its checkpoints can be read.
        BlockingIOError: another process is at work in it.
        DivergedError: the fit diverged; the folder holds the last good weights.
    """
    ranks = Ranks() if ranks is None else ranks
    folder = RunFolder.open(run, ranks)
    with folder.locked():
        if ranks.on_first((folder.path / SEARCH).exists):
            if ranks.count > 1:
                raise ValueError(f"{run} is a search for a recipe: resume it without torchrun")
            search = read_search(folder)
            console.print("the search starts again: it gives what it would have given", **PLAIN)
            return _search(**search, folder=folder, console=console)
        what = ranks.on_first(lambda: read_experiment(folder.path / EXPERIMENT))
        return _fit(what, folder, run.resolve().name, console, checkpoint_every, retries, fit)


@final
class Halvings(Callback):
    """Remembers how often the learning rate was halved, in the fit's checkpoints too."""

    every_update = False

    def __init__(self) -> None:
        self.made = 0

    def state(self) -> State:
        return self.made

    def restore(self, state: State) -> None:
        self.made = state


def _fit(
    what: Experiment,
    folder: RunFolder,
    name: str,
    console: Console,
    checkpoint_every: int | None,
    retries: int,
    fit: FitSamples | None,
) -> dict[str, Any]:
    """Fit what is left of an experiment, and conclude."""
    wanted = skip = 0  # halvings of the learning rate, and checkpoints that led nowhere
    for attempt in range(retries + 1):
        bar, interrupt = ProgressLine(what.samples, console), StopOnInterrupt()
        halvings, journal = Halvings(), Journal(folder)
        checkpoints = folder.checkpoints(checkpoint_every)
        watch = warnings_of(what.samples, console)
        callbacks = (bar, watch, interrupt, halvings, checkpoints, journal, *folder.tensorboard())
        found, damaged = folder.unfinished(what, callbacks, skip)
        for message in damaged:
            console.print(f"an older checkpoint is taken: {message}", style="yellow", **PLAIN)
        with folder.ranks.alike():
            fitter = found or Fitter.of(what, callbacks, folder.ranks)
        if wanted > halvings.made:  # a checkpoint may have some already
            fitter.slow_down(0.5 ** (wanted - halvings.made))
            halvings.made = wanted
        left = fitter.samples_left
        if not left and folder.ranks.on_first((folder.path / RESULT).exists):
            raise ValueError(
                f"the run in {folder.path} has come to its end; there is nothing left to fit, and "
                f"to mend it there is 'seqfit fix {folder.path}'"
            )
        if found is not None:
            console.print(f"going on after {found.report.samples:,} samples", **PLAIN)
        try:
            shown = bar if left or fit is not None else contextlib.nullcontext()
            with interrupt.listening(), shown:
                if fit is not None:
                    fit(fitter, left)
                elif left:
                    fitter.fit(left)
            break
        except DivergedError as error:
            if attempt == retries:
                fitter.save(folder.path / CHECKPOINT)
                hint = (
                    ""
                    if retries or fit
                    else "; --retries N goes back and halves the rate up to N times"
                )
                raise DivergedError(f"{error}{hint}") from None
            wanted = halvings.made + 1
            skip = 0 if checkpoints.has_taken else skip + (attempt > 0)
            console.print(f"{error}; going back, with half the rate", style="yellow", **PLAIN)
    report = journal.report(fitter)
    folder.finish(fitter)
    if not folder.ranks.is_first:
        return {"interrupted": interrupt.interrupted}
    return conclude(fitter, report, folder, name, interrupt, console)


def run_search(
    samples: int | None,
    seed: int,
    parts: dict[str, Any],
    run: Path | None,
    console: Console,
    tensorboard: bool = False,
) -> dict[str, Any]:
    """Find the simplest recipe that explains a target, and leave a run folder.

    Args:
        samples: samples to fit on; None takes each recipe's own number.
        seed: of streams, weights and searches.
        parts: parts of the experiments other than the recipes' own.
        run: the folder; None makes a new one.
        console: where people read along.
        tensorboard: see `run_experiment`.

    Returns:
        The result as plain data.
    """
    # What is wrong is an error before a folder is made.
    first = recipes.exact(seed=seed, **({} if samples is None else {"samples": samples}), **parts)
    require_runnable(first)
    asked = {"samples": samples, "seed": seed, "parts": {k: _as_data(v) for k, v in parts.items()}}
    folder = RunFolder.create(run, "fit", SEARCH, json.dumps(asked, indent=2) + "\n")
    with folder.at_work(SEARCH):
        if tensorboard:
            folder.ask_for_tensorboard()
        return _search(samples, seed, parts, folder, console)


def _search(
    samples: int | None, seed: int, parts: dict[str, Any], folder: RunFolder, console: Console
) -> dict[str, Any]:
    interrupt, bars = StopOnInterrupt(), contextlib.ExitStack()

    def begin(name: str, what: Experiment) -> tuple[Callback, ...]:
        console.print(f"trying the recipe {name}", **PLAIN)
        announce(what, console)
        bar = bars.enter_context(ProgressLine(what.samples, console))
        return bar, warnings_of(what.samples, console), interrupt, *folder.tensorboard(name)

    def end(attempt: Attempt) -> bool:
        bars.close()
        was = f"{attempt.recipe} was interrupted" if interrupt.interrupted else str(attempt)
        console.print(was, **PLAIN)
        return interrupt.interrupted

    with interrupt.listening(), bars:
        best = auto(samples, seed, parts, begin, end)
    folder.write_text(EXPERIMENT, as_toml(best.fitter.experiment, console))
    folder.write_metrics(best.fitter)
    report = attrs.asdict(best.fitter.report)
    folder.finish(best.fitter)
    result = conclude(best.fitter, report, folder, best.recipe, interrupt, console)
    if not interrupt.interrupted:
        (folder.path / SEARCH).unlink(missing_ok=True)
    return result


def require_runnable(what: Experiment) -> None:
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


def as_toml(what: Experiment, console: Console) -> str:
    """The experiment as TOML, or a remark that says why there is none."""
    try:
        return to_toml(what)
    except configuration.NotSerialisable as error:
        console.print(f"this run can't be repeated from its folder: {error}", **PLAIN)
        return f"# {error}\n"


def _as_data(part: Any) -> Any:
    try:
        return configuration.to_data(part)
    except configuration.NotSerialisable:
        return repr(part)


def announce(what: Experiment, console: Console) -> None:
    """Say what is fitted."""
    for part in ("signal", "target", "model", "schedule"):
        if getattr(what, part) is not None:
            console.print(f"{part:>9}  {getattr(what, part)}", **PLAIN)


def conclude(
    fitter: Fitter,
    report: dict[str, Any],
    folder: RunFolder,
    name: str,
    interrupt: StopOnInterrupt,
    console: Console,
) -> dict[str, Any]:
    """Score a fit that was saved where there is something held out, and say how it went."""
    if interrupt.interrupted:
        kept = "what was learned so far is kept" if report["updates"] else "nothing was learned yet"
        console.print(f"interrupted; {kept}", style="yellow", **PLAIN)
        console.print(f"to go on: seqfit resume {folder.path}", **PLAIN)
    is_scored = fitter.signal is not None and report["updates"] > 0
    held_out = fitter.held_out_samples() if is_scored else None
    scores = None if held_out is None else fitter.score(*held_out)
    doubt = None if scores is None else _doubt(fitter, scores)
    result = report | {
        "model": _as_data(fitter.model),
        "schedule": _as_data(fitter.schedule),
        "interrupted": interrupt.interrupted,
        "loss": finite_or_none(report["loss"]),
        "scores": None if scores is None else scores.as_dict(),
        "doubt": doubt,
        "run": str(folder.path),
        "environment": environment(),
    }
    if isinstance(fitter.module, Solvable) and report["updates"]:
        result["law"] = fitter.describe()
    folder.write_json(RESULT, result)
    if report["updates"]:
        _show_fit(fitter, result, console)
    if held_out is not None and scores is not None:
        _show_scores(fitter, folder, name, scores, held_out, doubt, console)
    console.print(f"the run is in {folder.path}", **PLAIN)
    return result


def _show_fit(fitter: Fitter, result: dict[str, Any], console: Console) -> None:
    over = left_over(fitter)
    if "law" in result:
        console.print(result["law"], style="bold", **PLAIN)
    console.print(
        f"{result['samples']:,} samples in {result['updates']:,} updates and "
        f"{result['seconds']:.1f} s: {result['us_per_sample']:.1f} us a sample with the "
        f"{result['engine']} engine"
        + (f"; {over:,} more {'was' if over == 1 else 'were'} too few for an update" * (over > 0)),
        soft_wrap=True,
    )
    missing = missing_in_words(fitter)
    if missing is not None:
        console.print(f"missing, and left out: {missing}", **PLAIN)
    if result["scores"] is None:
        console.print(f"mean loss before each of the last updates: {result['loss']:.3g}", **PLAIN)


def _show_scores(
    fitter: Fitter,
    folder: RunFolder,
    name: str,
    scores: Scores,
    held_out: tuple[Samples, Samples],
    doubt: str | None,
    console: Console,
) -> None:
    missing = missing_of(held_out[1])
    console.print(
        f"free run on {scores.streams} held-out stream{'s' if scores.streams > 1 else ''} of "
        f"{len(held_out[0]):,} samples{f', missing {missing}' if missing else ''}: "
        f"[bold]{scores}[/]",
        soft_wrap=True,
    )
    if doubt is not None:
        console.print(doubt, style="yellow", **PLAIN)
    try:
        draw_fit(folder.path / PICTURE, fitter, *held_out, title=f"{name}: {scores}")
    except PictureUnavailableError as error:
        console.print(f"no picture: {error}", style="yellow", **PLAIN)


def _doubt(fitter: Fitter, scores: Scores) -> str | None:
    """Why the fit says little of the target, if that is so."""
    report = fitter.report
    fitted = f"{report.samples:,} sample{'s were' if report.samples > 1 else ' was'} fitted"
    if fitter.verdict == VERDICTS[Status.TOO_FEW.value]:
        return f"{fitted}, which is too few to tell: hardly more than the model has numbers"
    if scores.nrmse is not None and scores.nrmse >= 1.0:
        times = f"{report.updates:,} update{'s' if report.updates > 1 else ''}"
        return (
            f"the free run is no nearer the target than a constant is: {fitted}, in {times}, which "
            "may be too few to tell"
        )
    return None
