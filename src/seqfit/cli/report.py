"""``seqfit report``: one HTML file on one or more runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from seqfit.reporting.account import RunAccount


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Run folders, as 'seqfit fit' leaves them.", metavar="RUN..."),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file. [default: report.html in the first run]"),
    ] = None,
    length: Annotated[
        int | None,
        typer.Option(help="Samples of each held-out stream that are run through. [default: 20000]"),
    ] = None,
    streams: Annotated[int | None, typer.Option(help="Held-out streams. [default: 8]")] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Seed of the streams. [default: of each run, one that was not fitted]"),
    ] = None,
) -> None:
    """Write one HTML file on one or more runs, side by side; it opens from disk, in any browser.

    Each fit runs on held-out streams as 'seqfit fit' scores it. What 'seqfit evaluate' and
    'seqfit diagnose' have left in a run is shown too.
    """
    from rich.console import Console
    from rich.text import Text

    from seqfit.reporting.page import write_report

    console = Console(stderr=True)
    names = _names(runs)
    accounts = []
    for run, name in zip(runs, names, strict=True):
        with console.status(f"running {run}"):
            accounts.append(_account(run, name, length, streams, seed))
    path = output or runs[0] / "report.html"
    write_report(path, accounts)
    console.print(Text(f"the report is in {path}"), soft_wrap=True)


def _names(runs: list[Path]) -> list[str]:
    """What the runs are called: by their folders' names, or by their paths where those agree."""
    resolved = [run.resolve() for run in runs]
    for index, path in enumerate(resolved):
        if path in resolved[:index]:
            raise ValueError(f"the run {runs[index]} is given twice")
    names = [path.name for path in resolved]
    return names if len(set(names)) == len(names) else [str(path) for path in runs]


def _account(
    run: Path, name: str, length: int | None, streams: int | None, seed: int | None
) -> RunAccount:
    from seqfit.cli.run_files import read_diagnosis, read_evaluation, read_result
    from seqfit.cli.runs import EXPERIMENT, RunFolder
    from seqfit.limits import read_text
    from seqfit.reporting.account import RunAccount
    from seqfit.reporting.held_out import HeldOutRun

    folder = RunFolder.open(run)
    fitter = folder.fitter()
    result = read_result(folder)
    evaluation, diagnosis = read_evaluation(folder), read_diagnosis(folder)
    held_out = None
    if fitter.signal is not None:
        held_out = HeldOutRun.of(fitter, length, streams, seed)
    return RunAccount(
        name=name,
        folder=str(run),
        fitter=fitter,
        result=result,
        experiment=read_text(run / EXPERIMENT),
        held_out=held_out,
        evaluation=evaluation,
        diagnosis=diagnosis,
    )
