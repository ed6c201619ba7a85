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
    killed before its first checkpoint, and a search for a recipe, start again. A fit of standard
    input goes on with what comes next. Started by torchrun, it goes on in as many processes,
    whatever number began it.
    """
    from rich.console import Console

    from seqfit.cli.live import is_live, resume_live
    from seqfit.cli.run import resume_run
    from seqfit.fitting import joined

    console = Console(stderr=True)
    with joined() as ranks:
        if ranks.on_first(lambda: is_live(run)):
            if ranks.count > 1:
                raise ValueError(f"{run} fits samples as they come: resume it without torchrun")
            result = resume_live(run, console, checkpoint_every)
        else:
            result = resume_run(run, console, checkpoint_every, retries, ranks)
    if as_json:
        print(json.dumps(result))
    if result["interrupted"]:
        raise typer.Exit(INTERRUPTED)
