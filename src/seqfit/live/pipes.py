"""Rows of CSV from a pipe, such as standard input."""

from __future__ import annotations

import os
import select
from collections.abc import Sequence
from typing import IO, Any, final

from seqfit.live.base import PATIENCE, Chunk, LiveSource, no_samples
from seqfit.live.rows import BYTES_AT_ONCE, CsvRows
from seqfit.recordings import as_names


@final
class Pipe(LiveSource):
    """Columns of CSV that is written into a pipe; its first line is the header.

    Rows are taken as they come, and at most 64 KiB before they are wanted: then the pipe fills up,
    and whoever writes into it waits. It can't be wound back: after a stop the fit goes on with
    what comes next. On Windows only sockets can be waited for, so it is for other systems.

    Args:
        file: the end to read from, ``sys.stdin`` for example. Nobody else may read from it.
        inputs: names of the input columns.
        outputs: names of the output columns.
        header: the header line, if the rows may come without one, as they do for whoever goes on
            with a pipe in the middle.
        name: what it is called in errors.
        missing: what an output cell without a number means: ``"error"``, or ``"mask"``, as of
            `seqfit.Fitter`.
    """

    def __init__(
        self,
        file: IO[Any],
        inputs: str | Sequence[str],
        outputs: str | Sequence[str],
        *,
        header: str | None = None,
        name: str = "standard input",
        missing: str = "error",
    ) -> None:
        self._descriptor = file.fileno()
        self._rows = CsvRows(name, as_names(inputs), as_names(outputs), header, missing)
        self._has_ended = False

    @property
    def header(self) -> str | None:
        """The header line; None before it has come."""
        return self._rows.header

    def read(self, most: int) -> Chunk | None:
        while self._rows.is_hungry:
            if self._has_ended:
                return None
            ready, _, _ = select.select([self._descriptor], [], [], PATIENCE)
            if not ready:
                return no_samples()
            text = os.read(self._descriptor, BYTES_AT_ONCE)
            if text:
                self._rows.feed(text)
            else:
                self._has_ended = True
                self._rows.end()
        return self._rows.samples(most)
