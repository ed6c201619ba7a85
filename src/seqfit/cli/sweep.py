"""``seqfit sweep``: many fits of an experiment, whose settings Optuna chooses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqfit.cli.fit import INTERRUPTED

if TYPE_CHECKING:
    from rich.console import Console

    from seqfit.sweeps.folder import SweepFolder
    from seqfit.sweeps.standing import Standing

SHOWN = 10


def sweep(
    space: Annotated[
        Path | None,
        typer.Argument(
            help="A TOML file: an experiment, and beside it [space] and [sweep].",
            show_default=False,
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            help="Trials in all, over all workers and starts. [default: the file's, or 100]"
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="Where trials are made. [default: sweeps/NAME, by the file's name]"),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            help="URL of an Optuna storage, for workers on many machines. [default: a SQLite file "
            "in the folder]"
        ),
    ] = None,
    checkpoint_every: Annotated[
        int | None,
        typer.Option(help="Samples from checkpoint to checkpoint. [default: one in 30 seconds]"),
    ] = None,
    show: Annotated[
        Path | None,
        typer.Option(help="Make no trials: show how the sweep in this folder stands."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print all trials as JSON, on the last line.")
    ] = False,
) -> None:
    """Fit an experiment many times, with settings that Optuna chooses, and find the best.

    Start the same command again to go on: trials that were stopped or killed are resumed from
    their checkpoints. Start it in several processes for as many workers.

    Each trial is a run folder below trials/. The folder also gets best.toml (seqfit fit
    best.toml), trials.csv and Optuna's plots.
    """
    from rich.console import Console

    from seqfit.cli.trials import Worker
    from seqfit.sweeps import read_sweep
    from seqfit.sweeps.drivers import quiet_log, reachable
    from seqfit.sweeps.folder import SweepFolder
    from seqfit.validators import require_positive_int

    console = Console(stderr=True)
    for name, number in (("--trials", trials), ("--checkpoint-every", checkpoint_every)):
        if number is not None:
            require_positive_int(name, number)
    if (space is None) == (show is None):
        raise ValueError("give a TOML file with a [space], or --show FOLDER")
    quiet_log()
    with reachable():
        if show is not None:
            _show(SweepFolder.open(show, storage), console, as_json)
            return
        assert space is not None  # one of the two is given
        what = read_sweep(space)
        worker = Worker.begin(what, folder, storage, checkpoint_every, console)
        worker.work(what.trials if trials is None else trials)
        standing = _show(worker.where, console, as_json)
    if worker.interrupted:
        raise typer.Exit(INTERRUPTED)
    if standing.best is None and not standing.count("running"):
        reasons = [row.reason for row in standing.rows if row.reason]
        raise ValueError(f"no trial is complete; of the first: {reasons[0]}")


def _show(where: SweepFolder, console: Console, as_json: bool) -> Standing:
    """Write what a sweep has come to into its folder, and print it."""
    from seqfit.fitting import to_toml
    from seqfit.fitting.checkpoint import write_atomically
    from seqfit.sweeps.plots import draw_sweep
    from seqfit.sweeps.standing import Standing

    def write(name: str, text: str) -> Path:
        write_atomically(where.path / name, lambda file: file.write(text.encode()))
        return where.path / name

    plain: dict[str, Any] = {"markup": False, "highlight": False, "soft_wrap": True}
    standing = Standing.of(where.trials())
    _print_table(standing, where.sweep.metric, console)
    files = [write("trials.csv", standing.as_csv())]
    try:
        files += draw_sweep(where.path, where.study(), where.sweep.metric)
    except ImportError as error:
        console.print(f"no pictures: {error}", style="yellow", **plain)
    console.print(f"see {', '.join(str(file) for file in files)}", **plain)
    fit, other, timed = standing.seconds()
    if timed:
        console.print(
            f"{fit / timed:.2f} s a trial in the fit, {other / timed:.2f} s beside it", **plain
        )
    if as_json:
        print(json.dumps(standing.as_dict()))
    if standing.best is not None:
        what = where.sweep.space.experiment(standing.best.parameters)
        best = write("best.toml", to_toml(what))
        console.print(f"to fit the best again: seqfit fit {best}", **plain)
    return standing


def _print_table(standing: Standing, metric: str, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    from seqfit.cli.trials import short

    counts = {
        name: standing.count(name) for name in dict.fromkeys(r.outcome for r in standing.rows)
    }
    title = f"{len(standing.rows)} trials: " + ", ".join(
        f"{n} {what}" for what, n in counts.items()
    )
    table = Table(title=Text(title), title_justify="left", box=None, padding=(0, 2, 0, 0))
    own = ("trial", metric, "seconds", "outcome")
    for heading in (*own[:2], *standing.paths, *own[2:]):
        table.add_column(heading.replace(".", ".\n"), overflow="fold", no_wrap=heading in own)
    for row in standing.rows[:SHOWN]:
        chosen = [short(row.parameters.get(path, "")) for path in standing.paths]
        seconds = "" if row.fit_seconds is None else f"{row.fit_seconds:.1f}"
        score = "" if row.score is None else f"{row.score:.4g}"
        cells = (str(row.number), score, *chosen, seconds, row.outcome)
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)
