"""``seqfit list``: what is installed, from which package, and what settings it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from seqfit.plugins import Kind


def list_components(
    what: Annotated[
        str | None,
        typer.Argument(help="A kind, such as targets; or a name, of which all is told."),
    ] = None,
    names_only: Annotated[
        bool, typer.Option("--names", help="Print kind and name alone, for scripts.")
    ] = False,
) -> None:
    """List the signals, targets, models, schedules and recipes that are installed.

    With a name it tells all of it, and the settings that it takes: seqfit list butterworth
    """
    from rich.console import Console

    from seqfit import plugins

    console = Console()
    kinds = [kind for kind in plugins.KINDS if what in (None, kind, kind[:-1])]
    recipes = what in (None, "recipes", "recipe")
    for kind in kinds:
        _list_kind(kind, names_only, console)
    if recipes:
        _list_recipes(names_only, console)
    if what is not None and not kinds and not recipes:
        _tell(what, console)


def _list_kind(kind: Kind, names_only: bool, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    from seqfit import plugins

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


def _list_recipes(names_only: bool, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    from seqfit.recipes import RECIPES

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


def _tell(name: str, console: Console) -> None:
    import inspect

    import attrs
    from rich.text import Text

    from seqfit import plugins
    from seqfit.cli.parts import which_kind
    from seqfit.recipes import RECIPES

    if name in RECIPES:
        told = f"recipe {name}\n\n{inspect.getdoc(RECIPES[name])}"
        console.print(Text(told), soft_wrap=True)
        return
    kind, name = which_kind(name)
    component = plugins.load(kind, name)
    signature = inspect.signature(component)
    made = {
        field.alias: field.default.factory()
        for field in (attrs.fields(component) if attrs.has(component) else ())
        if hasattr(field.default, "factory")
    }
    settings = [
        p.replace(annotation=p.empty, default=made.get(name, p.default))
        for name, p in signature.parameters.items()
    ]
    call = signature.replace(parameters=settings, return_annotation=signature.empty)
    meaning = inspect.getdoc(component) or "It does not say what it is."
    console.print(Text(f"{kind[:-1]} {name}{call}\n\n{meaning}"), soft_wrap=True)
