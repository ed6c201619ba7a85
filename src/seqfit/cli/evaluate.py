"""``seqfit evaluate``: a full account of how good a fit is, from its run folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run folder, as 'seqfit fit' leaves it.")],
    horizons: Annotated[
        str | None,
        typer.Option(
            help="Samples of each stream at which a free run is scored: 1000,50000. [default: 1, "
            "10, 100 and 1000 times as many as were fitted, up to 1000000]"
        ),
    ] = None,
    streams: Annotated[int | None, typer.Option(help="Held-out streams. [default: 8]")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the streams. [default: one that was not fitted]")
    ] = None,
    washout: Annotated[
        int | None,
        typer.Option(
            help="Samples not scored after a start from a wrong state. [default: 1000, but no "
            "more than a tenth of those run from there]"
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the evaluation as JSON, on the last line.")
    ] = False,
) -> None:
    """Examine the fit in a run folder by long free runs on streams that it has not seen.

    Errors up to several horizons, with confidence intervals over the streams; whether they grow;
    where the target reaches its bounds and elsewhere; from wrong states; and one step ahead.

    The run folder gets evaluation.json. A run that is being fitted at this moment is examined as
    its newest checkpoint has it, and gets none.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from seqfit.cli.found import Found
    from seqfit.cli.runs import EVALUATION
    from seqfit.evaluation import examine

    console = Console(stderr=True)
    lengths = None if horizons is None else _numbers(horizons)
    found = Found.at(run)
    found.tell(console)
    with console.status(f"evaluating {run}"):
        evaluation = examine(
            found.fitter, horizons=lengths, streams=streams, seed=seed, washout=washout
        )
    data = evaluation.as_dict()
    place = found.leave(EVALUATION, data)
    for table in evaluation.tables():
        console.print(Text(table.title, style="italic"))
        grid = Table()
        for number, heading in enumerate(table.header):
            grid.add_column(heading, justify="right" if number else "left")
        for row in table.rows:
            grid.add_row(*row)
        console.print(grid)
        for remark in table.remarks:
            console.print(Text(remark))
    console.print(Text(f"the evaluation is {place}"), soft_wrap=True)
    if as_json:
        print(json.dumps(data))


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(
            f"--horizons takes whole numbers with commas between them, got {text!r}"
        ) from None
