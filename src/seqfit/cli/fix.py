"""``seqfit fix``: a run that has come to its end is diagnosed and mended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from seqfit.cli.fit import INTERRUPTED


def fix(
    run: Annotated[Path, typer.Argument(help="A run folder, as 'seqfit fit' leaves it.")],
    seconds: Annotated[
        float | None, typer.Option(help="How long it may take, about. [default: 120]")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON, on the last line.")
    ] = False,
) -> None:
    """Mend the fit in a run folder, as 'seqfit fit --fix' does after its fit.

    It is diagnosed as by seqfit diagnose, its first suggestion is followed, and so on while free
    runs get better, --seconds allow and something is found. It also goes on with what was killed
    or interrupted while it was mended.

    The folder has the best fit with its experiment.toml, mending.json (the path to it, from the
    first fit on), and what was asked for as asked.toml. Killed on its way, it has the fit as it
    was.
    """
    from rich.console import Console

    from seqfit.cli.mend import DEFAULT_SECONDS, fix_run
    from seqfit.validators import require_positive

    if seconds is not None:
        require_positive("--seconds", seconds)
    result = fix_run(run, DEFAULT_SECONDS if seconds is None else seconds, Console(stderr=True))
    if as_json:
        print(json.dumps(result))
    if result["interrupted"]:
        raise typer.Exit(INTERRUPTED)
