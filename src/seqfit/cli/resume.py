"""``seqfit resume``: finish a run that was stopped or killed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from seqfit.cli.fit import INTERRUPTED


def resume(
    run: Annotated[Path, typer.Argument(help="A run folder, as 'seqfit fit' leaves it.")],
    checkpoint_every: Annotated[
        int | None,
        typer.Option(help="Samples from checkpoint to checkpoint. [default: one in 30 seconds]"),
    ] = None,
    retries: Annotated[
        int, typer.Option(help="How often to go back and halve the learning rate on divergence.")
    ] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON, on the last line.")
    ] = False,
) -> None:
    """Go on with a run that was stopped, from its last checkpoint, and finish it.

    It ends with the numbers that it would have without the stop, bit for bit. A run that was
    killed before its first checkpoint, and a search for a recipe, start again. Started by torchrun,
    it goes on in as many processes, whatever number began it.
    """
    from rich.console import Console

    from seqfit.cli.run import resume_run
    from seqfit.fitting import joined

    with joined() as ranks:
        result = resume_run(run, Console(stderr=True), checkpoint_every, retries, ranks)
    if as_json:
        print(json.dumps(result))
    if result["interrupted"]:
        raise typer.Exit(INTERRUPTED)
