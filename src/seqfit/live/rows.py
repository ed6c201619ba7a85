"""Rows of CSV as they come, in whatever pieces of text."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Sequence
from typing import final

import numpy as np

from seqfit.limits import in_short
from seqfit.live.base import Chunk
from seqfit.tables import INPUT_HINT, MASK_HINT, CsvRow, TableError, blank_line
from seqfit.validators import require_one_of

BYTES_AT_ONCE = 2**16
LONGEST_LINE = 2**20


@final
class CsvRows:
    """Turns pieces of CSV into samples; a row is a line.

    Args:
        source: where they are from, for errors.
        inputs: names of the input columns.
        outputs: names of the output columns.
        header: the header line, if it is known; then it may come again, and is left out.
        missing: ``"mask"`` where outputs may be missing, which are NaN then; otherwise
            ``"error"``.

    Raises:
        ValueError: `missing` is neither.
    """

    def __init__(
        self,
        source: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        header: str | None,
        missing: str,
    ) -> None:
        self._source, self._inputs, self._columns = source, len(inputs), (*inputs, *outputs)
        require_one_of("missing", missing, ("error", "mask"))
        self._optional = outputs if missing == "mask" else ()
        self._hint = INPUT_HINT if missing == "mask" else MASK_HINT
        self.header = header
        self.rows = 0
        self._row = None if header is None else self._row_of(header)
        self._lines: deque[bytes] = deque()
        self._line = 0  # lines before the first of these
        self._rest = b""  # of a line that has not ended yet
        self._blank = 0  # the number of the first blank line since the last row

    @property
    def is_hungry(self) -> bool:
        """Whether more text is needed for the next row."""
        return not self._lines

    def feed(self, text: bytes) -> None:
        """Take in the next piece.

        Raises:
            TableError: a line is longer than a megabyte.
        """
        *lines, self._rest = (self._rest + text).split(b"\n")
        self._lines.extend(lines)
        if len(self._rest) > LONGEST_LINE:
            raise TableError(
                f"{self._source}, line {self._line + len(self._lines) + 1}: more than "
                f"{LONGEST_LINE} bytes without the end of a line"
            )

    def end(self) -> None:
        """The last piece was the end: what has come of a line is all of it."""
        if self._rest:
            self._lines.append(self._rest)
        self._rest = b""

    def skip(self, most: int) -> int:
        """Leave out rows, without a look at their cells; how many there were."""
        return len(self._take(most, skipped=True))

    def samples(self, most: int) -> Chunk:
        """The inputs and outputs of the rows that are there, (time, channels) each.

        Raises:
            TableError: a row is wrong and none comes before it.
        """
        rows = np.array(self._take(most, skipped=False)).reshape(-1, len(self._columns))
        return rows[:, : self._inputs], rows[:, self._inputs :]

    def _take(self, most: int, skipped: bool) -> list[list[float]]:
        rows: list[list[float]] = []
        while self._lines and len(rows) < most:
            try:
                row = self._parse(self._lines[0], skipped)
            except TableError:
                if rows:  # it is raised once these have been taken
                    break
                raise
            self._lines.popleft()
            self._line += 1
            if row is not None:
                rows.append(row)
                self.rows += 1
        return rows

    def _parse(self, line: bytes, skipped: bool) -> list[float] | None:
        """The numbers of a line; None where it holds none: a header, or nothing."""
        where = f"{self._source}, line {self._line + 1}"
        try:
            text = line.decode("utf-8-sig" if self._line == 0 else "utf-8").strip("\r")
        except UnicodeDecodeError as error:
            raise TableError(f"{where} is not text in UTF-8: {error}") from None
        if "\r" in text:
            raise TableError(
                f"{where}: a carriage return without a line feed; the lines of rows as they come "
                "end in a line feed (\\n or \\r\\n)"
            )
        try:
            return self._read(text, skipped)
        except csv.Error as error:
            raise TableError(f"{where} is not a line of CSV: {in_short(error)}") from None

    def _read(self, text: str, skipped: bool) -> list[float] | None:
        if self._row is None:
            self._row = self._row_of(text)
            self.header = text
            return None
        if self._line == 0 and text == self.header:
            return None
        if not text:
            self._blank = self._blank or self._line + 1
            return None
        if self._blank:
            raise blank_line(self._source, self._blank)
        if skipped:
            return []
        cells = next(csv.reader([text], delimiter=self._row.delimiter), [])
        return self._row(cells, self._line + 1, self.rows + 1)

    def _row_of(self, header: str) -> CsvRow:
        return CsvRow.of_header(
            header, self._source, self._columns, optional=self._optional, hint=self._hint
        )
