"""The command line; a file per command."""

from seqfit.cli.app import main

__all__ = ["main"]
