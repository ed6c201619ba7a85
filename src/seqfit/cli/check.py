"""``seqfit check``: the laws of an interface, tried on what is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from seqfit import plugins
    from seqfit.testing import LawViolation

_MOST_INPUTS = 16


def check(
    component: Annotated[
        str,
        typer.Argument(
            help="NAME, or KIND:NAME where a signal and a target share it; with settings "
            "NAME:key=value,key=value."
        ),
    ],
    inputs: Annotated[
        int | None,
        typer.Option(help="Input channels of a target or model. [default: the fewest it takes]"),
    ] = None,
    outputs: Annotated[
        int | None, typer.Option(help="Output channels of a model. [default: 2]")
    ] = None,
    examples: Annotated[int, typer.Option(help="Examples that are tried for each law.")] = 25,
) -> None:
    """Check an installed signal, target, model or schedule against the laws of its interface.

    Prints whether each law holds, with the smallest example that breaks it. Ends with exit code 1
    if one is broken. Needs the extra seqfit[testing].
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from seqfit import testing
    from seqfit.cli.parts import parse_part, which_kind
    from seqfit.validators import require_positive_int

    require_positive_int("--examples", examples)
    kind, text = which_kind(component)
    part = parse_part(kind, text)
    options = _options(kind, part, inputs, outputs)
    verdicts: dict[str, LawViolation | None] = {}

    def note(law: str, violation: LawViolation | None) -> None:
        verdicts[law] = verdicts.get(law) or violation

    checks: dict[plugins.Kind, Any] = {
        "signals": testing.check_signal,
        "targets": testing.check_target,
        "models": testing.check_model,
        "schedules": testing.check_schedule,
    }
    with Console(stderr=True).status(f"checking {component}"):
        checks[kind](part, examples=examples, on_verdict=note, **options)
    table = Table("law", "", "smallest example that breaks it")
    for law, violation in verdicts.items():
        if violation is None:
            table.add_row(law, Text("holds", style="green"), "")
        else:
            said = str(violation).removeprefix(f"{violation.law}: ")
            table.add_row(law, Text("broken", style="red"), Text(said))
    console = Console()
    console.print(Text(f"{kind[:-1]} {part!r}"), soft_wrap=True)
    console.print(table)
    broken = sum(violation is not None for violation in verdicts.values())
    console.print(f"{broken} of {len(verdicts)} laws broken" if broken else "all laws hold")
    if broken:
        raise typer.Exit(1)


def _options(
    kind: plugins.Kind, part: Any, inputs: int | None, outputs: int | None
) -> dict[str, Any]:
    from seqfit.validators import require_positive_int

    given: dict[str, Any] = {"inputs": inputs, "outputs": outputs}
    takes = {"targets": {"inputs"}, "models": {"inputs", "outputs"}}
    given = {name: value for name, value in given.items() if value is not None}
    for name, value in given.items():
        option = f"--{name}"
        if name not in takes.get(kind, set()):
            raise ValueError(f"{option} does not go with a {kind[:-1]}")
        require_positive_int(option, value)
    return {"inputs": _fewest_inputs(part)} | given if kind == "targets" else given


def _fewest_inputs(target: Any) -> int:
    """How many input channels a target takes at the least; 1 if it takes none of the first few."""
    for inputs in range(1, _MOST_INPUTS + 1):
        try:
            target.outputs(inputs)
        except ValueError:  # it takes another number of them
            continue
        except Exception:  # it is broken, as the laws will tell
            break
        return inputs
    return 1
