"""``seqfit list``: what is installed, and from which package."""

from __future__ import annotations

from typing import Annotated

import typer


def list_components(
    names_only: Annotated[
        bool, typer.Option("--names", help="Print kind and name alone, for scripts.")
    ] = False,
) -> None:
    """List the signals, targets, models, schedules and recipes that are installed."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from seqfit import plugins
    from seqfit.recipes import RECIPES

    console = Console()
    for kind in plugins.KINDS:
        table = Table("name", "package", "what it is", title=kind, title_justify="left")
        found = plugins.registrations(kind)
        for registration in found:
            if names_only:
                print(kind, registration.name)
                continue
            clash = sum(other.name == registration.name for other in found) > 1
            try:
                component = plugins.import_class(registration)
                summary = Text((component.__doc__ or "").strip().split("\n")[0])
            except plugins.PluginError as error:
                summary = Text(str(error), style="red")
            if clash:
                summary = Text("claimed by more than one package", style="red")
            table.add_row(registration.name, registration.distribution, summary)
        if not names_only:
            console.print(table)
    if names_only:
        for name in ("auto", *RECIPES):
            print("recipes", name)
        return
    table = Table("name", "what it is", title="recipes", title_justify="left")
    table.add_row(
        "auto", "The first of exact, exact_hidden, gru and gru_replay that explains the target."
    )
    for name, recipe in RECIPES.items():
        table.add_row(name, Text((recipe.__doc__ or "").split("\n")[0]))
    console.print(table)
