"""``seqfit report``: one HTML file on one or more runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

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
    'seqfit diagnose' have left in a run is shown too. A run that is being fitted at this moment is
    shown as its newest checkpoint has it.
    """
    from rich.console import Console
    from rich.text import Text

    from seqfit.reporting.page import write_report

    console = Console(stderr=True)
    names = _names(runs)
    accounts = []
    for run, name in zip(runs, names, strict=True):
        with console.status(f"running {run}"):
            accounts.append(_account(run, name, length, streams, seed, console))
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
    run: Path,
    name: str,
    length: int | None,
    streams: int | None,
    seed: int | None,
    console: Console,
) -> RunAccount:
    from seqfit.cli.found import Found
    from seqfit.cli.run_files import read_diagnosis, read_evaluation
    from seqfit.reporting.account import RunAccount, experiment_of, require_fitted
    from seqfit.reporting.held_out import HeldOutRun

    found = Found.at(run)
    found.tell(console)
    require_fitted(found.fitter)
    result = found.result()
    evaluation = diagnosis = held_out = None
    if not found.is_on_its_way:
        evaluation, diagnosis = read_evaluation(found.folder), read_diagnosis(found.folder)
    if found.fitter.signal is not None:
        held_out = HeldOutRun.of(found.fitter, length, streams, seed)
    return RunAccount(
        name=name,
        folder=str(run),
        fitter=found.fitter,
        result=result,
        experiment=experiment_of(found.fitter),
        held_out=held_out,
        evaluation=evaluation,
        diagnosis=diagnosis,
        is_repeatable=found.mismatch is None,
        remarks=found.remarks,
    )
