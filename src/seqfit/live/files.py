"""Rows of CSV from a file that grows."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import final

from seqfit.limits import require_file
from seqfit.live.base import PATIENCE, Chunk, LiveSource, no_samples
from seqfit.live.rows import BYTES_AT_ONCE, CsvRows
from seqfit.recordings import as_names
from seqfit.tables import require_format
from seqfit.validators import is_int


@final
class GrowingFile(LiveSource):
    """Columns of a CSV file to which rows are appended; its first line is the header.

    It waits for the end of a line before it takes it for a row. It never ends.

    Args:
        path: the file.
        inputs: names of the input columns.
        outputs: names of the output columns.
        first: rows that are left out, for a fit that goes on behind those that it was given
            before: `Fitter.samples_given`.
        missing: what an output cell without a number means: ``"error"``, or ``"mask"``, as of
            `seqfit.Fitter`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: `first` is no such number, `missing` is neither, or the file is not of CSV.
    """

    def __init__(
        self,
        path: str | Path,
        inputs: str | Sequence[str],
        outputs: str | Sequence[str],
        *,
        first: int = 0,
        missing: str = "error",
    ) -> None:
        if not is_int(first) or first < 0:
            raise ValueError(f"first must be a non-negative int, got {first!r}")
        self._path = Path(path)
        require_file(self._path)
        require_format(self._path)
        self._rows = CsvRows(str(path), as_names(inputs), as_names(outputs), None, missing)
        self._file = self._path.open("rb", buffering=0)
        self._first = first

    def read(self, most: int) -> Chunk | None:
        while self._rows.is_hungry:
            text = self._file.read(BYTES_AT_ONCE)
            if text:
                self._rows.feed(text)
                continue
            self._require_same()
            time.sleep(PATIENCE)
            return no_samples()
        if self._rows.rows < self._first:
            self._rows.skip(self._first - self._rows.rows)
            return no_samples()
        return self._rows.samples(most)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()

    def _require_same(self) -> None:
        """Raise an OSError where the path does not lead to what was opened and read."""
        opened = os.fstat(self._file.fileno())
        position = self._file.tell()
        what = None
        try:
            now = self._path.stat()
        except FileNotFoundError:
            what = "was removed or renamed"
        else:
            if (now.st_dev, now.st_ino) != (opened.st_dev, opened.st_ino):
                what = "was replaced by another file"
            elif opened.st_size < position:
                what = f"was cut to {opened.st_size} bytes, {position} were read"
            elif self._rows.rows < self._first:
                what = (
                    f"has {self._rows.rows} rows, but {self._first} were fitted before: it was "
                    "cut or replaced"
                )
        if what is not None:
            raise OSError(
                f"{self._path} {what}, after {self._rows.rows} rows; what was fitted is kept"
            )
