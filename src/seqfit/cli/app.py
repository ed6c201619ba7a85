"""The application: its commands, and how errors reach the user."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from seqfit.cli.check import check
from seqfit.cli.compare import compare
from seqfit.cli.diagnose import diagnose
from seqfit.cli.evaluate import evaluate
from seqfit.cli.fit import fit
from seqfit.cli.fix import fix
from seqfit.cli.listing import list_components
from seqfit.cli.new import new
from seqfit.cli.report import report
from seqfit.cli.resume import resume
from seqfit.cli.sweep import sweep
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
app.command()(fix)
app.command()(report)
app.command()(compare)
app.command()(sweep)
app.command(name="list")(list_components)
app.command()(new)
app.command()(check)


def _print_version(wanted: bool) -> None:
    if wanted:
        from seqfit import __version__

        typer.echo(f"seqfit {__version__}")
        raise typer.Exit


_ON_SEVERAL_RANKS = ("fit", "resume")


@app.callback()
def _root(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    command = context.invoked_subcommand
    several = _by_torchrun() and int(os.environ["WORLD_SIZE"]) > 1
    if several and command not in _ON_SEVERAL_RANKS:
        raise ValueError(f"{command} runs in one process: start it without torchrun")


def _by_torchrun() -> bool:
    return "TORCHELASTIC_RUN_ID" in os.environ


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a wrong input is one line on standard error and exit code 2.

    Of several processes that torchrun has started, the first one talks; the others only say what
    has gone wrong with them alone.

    Args:
        arguments: what follows the program's name; None takes the process's own.
    """
    rank = int(os.environ["RANK"]) if _by_torchrun() else 0
    try:
        with _silent() if rank else contextlib.nullcontext():
            app(arguments)
    except MemoryError as error:
        print(f"error: there is not enough memory: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except (ValueError, TypeError, OSError, ImportError, ArithmeticError) as error:
        if isinstance(error, ArithmeticError) and not _has_diverged(error):
            raise
        if rank and _is_told_by_the_first(error):
            raise SystemExit(2) from None
        if isinstance(error, OSError) and error.strerror and error.filename:
            message = f"{error.filename}: {error.strerror}"
        else:
            message = " ".join(str(error).split()) or type(error).__name__
        where = f"rank {rank}: " if rank else ""
        print(f"error: {where}{printable(message)}", file=sys.stderr)
        raise SystemExit(2) from None


def _has_diverged(error: BaseException) -> bool:
    from seqfit.fitting import DivergedError  # slow to import, and most errors are others

    return isinstance(error, DivergedError)


def _is_told_by_the_first(error: BaseException) -> bool:
    from seqfit.fitting.ranks import is_told_by_another

    return is_told_by_another(error) or _has_diverged(error)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        yield
