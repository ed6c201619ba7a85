"""One run from experiment to result: fit, save, score, draw, and say so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
from rich.console import Console

from seqfit import configuration
from seqfit.cli.progress import ProgressLine, StopOnInterrupt
from seqfit.cli.runs import CHECKPOINT, EXPERIMENT, PICTURE, RunFolder
from seqfit.fitting import DivergedError, Experiment, Fitter, to_toml
from seqfit.reporting.picture import PictureUnavailableError, draw_fit


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
    text = to_toml(what)
    interrupt, bar = StopOnInterrupt(), ProgressLine(what.samples, console)
    fitter = Fitter.of(what, callbacks=(bar, interrupt))
    folder = RunFolder.create(run, name)
    folder.write_text(EXPERIMENT, text)
    for part in ("signal", "target", "model", "schedule"):
        console.print(f"{part:>9}  {getattr(what, part)}", highlight=False, soft_wrap=True)
    try:
        with interrupt.listening(), bar:
            fitter.fit()
    except DivergedError:
        fitter.save(folder.path / CHECKPOINT)
        raise
    finally:
        folder.write_metrics(fitter)
    fitter.save(folder.path / CHECKPOINT)
    if interrupt.interrupted:
        console.print("[yellow]interrupted; what was learned so far is kept[/]")
    return _conclude(fitter, folder, name, console)


def _conclude(fitter: Fitter, folder: RunFolder, name: str, console: Console) -> dict[str, Any]:
    x, y = fitter.held_out_samples()
    scores = fitter.score(x, y)
    report = fitter.report
    result = attrs.asdict(report) | {
        "model": configuration.to_data(fitter.model),
        "schedule": configuration.to_data(fitter.schedule),
        "scores": attrs.asdict(scores),
        "run": str(folder.path),
    }
    folder.write_result(result)
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
        console.print(f"[yellow]no picture: {error}[/]", highlight=False)
    console.print(f"the run is in {folder.path}", highlight=False, soft_wrap=True)
    return result
