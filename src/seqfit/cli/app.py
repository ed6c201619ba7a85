"""The application: its commands, and how errors reach the user."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from seqfit.cli.compare import compare
from seqfit.cli.diagnose import diagnose
from seqfit.cli.evaluate import evaluate
from seqfit.cli.fit import fit
from seqfit.cli.listing import list_components
from seqfit.cli.resume import resume
from seqfit.limits import printable

app = typer.Typer(
    help="Fit recurrent networks to streams of samples.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain errors, which scripts and narrow terminals can read
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(fit)
app.command()(resume)
app.command()(evaluate)
app.command()(diagnose)
app.command()(compare)
app.command(name="list")(list_components)


def _print_version(wanted: bool) -> None:
    if wanted:
        from seqfit import __version__

        typer.echo(f"seqfit {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a wrong input is one line on standard error and exit code 2.

    Args:
        arguments: what follows the program's name; None takes the process's own.
    """
    try:
        app(arguments)
    except MemoryError as error:
        print(f"error: there is not enough memory: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except (ValueError, TypeError, OSError, ImportError, ArithmeticError) as error:
        if isinstance(error, ArithmeticError):
            from seqfit.fitting import DivergedError

            if not isinstance(error, DivergedError):
                raise
        if isinstance(error, OSError) and error.strerror and error.filename:
            message = f"{error.filename}: {error.strerror}"
        else:
            message = " ".join(str(error).split()) or type(error).__name__
        print(f"error: {printable(message)}", file=sys.stderr)
        raise SystemExit(2) from None
