"""``seqfit diagnose``: why a fit is bad, and what to do, from its run folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from seqfit.diagnosis import Finding


def diagnose(
    run: Annotated[Path, typer.Argument(help="A run folder, as 'seqfit fit' leaves it.")],
    seconds: Annotated[
        float | None,
        typer.Option(
            help="How long it may take, about. [default: as long as the fit, a minute at least]"
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the diagnosis as JSON, on the last line.")
    ] = False,
) -> None:
    """Say why the fit in a run folder is as it is, and what to change.

    What is bad beyond a calibrated threshold comes first, with a suggestion that was tried: fitted
    anew with the change, as far as there is time. After a fit of a second that takes many times as
    long as the fit, some 5 to 20 seconds, and after a long one as long as the fit at most.

    The run folder gets diagnosis.json. A run that is being fitted at this moment is diagnosed as
    its newest checkpoint has it, and gets none.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from seqfit.cli.found import Found
    from seqfit.cli.runs import DIAGNOSIS

    console = Console(stderr=True)
    found = Found.at(run)
    found.tell(console)
    with console.status(f"diagnosing {run}"):
        diagnosis = found.fitter.diagnose(seconds, fit_seconds=found.folder.seconds_of_fit())
    data = diagnosis.as_dict()
    place = found.leave(DIAGNOSIS, data)
    grid = Table()
    for heading in ("finding", "measured", "95%", "threshold", "verdict", "gain"):
        is_text = heading in ("finding", "verdict")
        grid.add_column(heading, justify="left" if is_text else "right", no_wrap=is_text)
    for finding in diagnosis.findings:
        grid.add_row(
            finding.kind.replace("_", " "),
            f"{finding.measured:.3g}",
            "-" if finding.interval is None else str(finding.interval),
            f"{finding.threshold:g}",
            finding.verdict,
            _gain(finding),
        )
    console.print(grid)
    console.print(Text(str(diagnosis)), soft_wrap=True)
    console.print(
        Text(f"the diagnosis is {place}; {diagnosis.cost}"),
        soft_wrap=True,
    )
    if as_json:
        print(json.dumps(data))


def _gain(finding: Finding) -> str:
    if finding.gain is not None:
        return f"{finding.gain:.3g}"
    return "not tried" if finding.is_untried else "-"
