"""Read named columns of numbers from CSV and Parquet files."""

from __future__ import annotations

import csv
import datetime
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import TextIO, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.limits import LINE_CHARACTERS, ROWS, in_short, printable, require_file
from seqfit.validators import did_you_mean

Column = npt.NDArray[np.float64]

NAMED = 10
"""How many columns of a header an error names."""

MISSING = frozenset(("", "nan", "na", "n/a", "null", "none"))
"""What a cell of CSV holds, in whatever case, where nothing was observed."""

MASK_HINT = (
    "; an output may be missing where missing='mask' (--missing mask) says so, an input may not"
)
"""What errors about a missing number add."""


class TableError(ValueError):
    """A table that can't be read as numbers; the message names the file and the place."""


def read_columns(
    path: Path,
    columns: Sequence[str],
    times: Collection[str] = (),
    optional: Collection[str] = (),
) -> dict[str, Column]:
    """Columns of a CSV file with a header line, or of a Parquet file.

    A CSV file may be separated by commas, semicolons, tabs or bars; next to semicolons, numbers
    may have a decimal comma. Columns that are not asked for may hold anything.

    Args:
        path: the file; ``.parquet`` and ``.pq`` are Parquet, anything else is CSV.
        columns: names of the columns.
        times: those of them that may hold dates and times (ISO 8601) too, which become seconds
            since 1970; without a time zone they are taken as UTC.
        optional: those of them of which cells may be missing: empty, NaN, NA or null.

    Returns:
        Each column as an array of shape (time,), all finite but for what is missing: NaN.

    Raises:
        FileNotFoundError: there is no such file.
        TableError: a column is missing, or a cell is not a finite number.
        ImportError: the extra ``parquet`` is not installed.
    """
    require_file(path)
    read = _read_parquet if path.suffix.lower() in (".parquet", ".pq") else _read_csv
    return read(path, columns, times, optional)


def _read_csv(
    path: Path, columns: Sequence[str], times: Collection[str], optional: Collection[str]
) -> dict[str, Column]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = _lines(file, path)
            row_of = CsvRow.of_header(next(lines, ""), str(path), columns, times, optional)
            return _parse_csv(lines, row_of)
    except UnicodeDecodeError as error:
        raise TableError(f"{path} is not text in UTF-8: {error}") from error
    except csv.Error as error:
        raise TableError(f"{path} is not a CSV file: {in_short(error)}") from error


def _lines(file: TextIO, path: Path) -> Iterator[str]:
    """The lines of a file, none of them too long to be held."""
    number = 0
    while line := file.readline(LINE_CHARACTERS + 1):
        number += 1
        if len(line) > LINE_CHARACTERS:
            raise TableError(
                f"{path}, line {number}: it is longer than the {LINE_CHARACTERS:,} characters "
                "that are read"
            )
        yield line


def _parse_csv(lines: Iterator[str], row_of: CsvRow) -> dict[str, Column]:
    values: list[float] = []
    row = 1
    reader = csv.reader(lines, delimiter=row_of.delimiter)
    for cells in reader:
        if cells:
            values += row_of(cells, reader.line_num + 1, row)
            row += 1
    if not values:
        raise TableError(f"{row_of.source} holds no row below its header")
    table = np.array(values).reshape(-1, len(row_of.columns))
    return {name: table[:, i].copy() for i, (name, _) in enumerate(row_of.columns)}


@final
@attrs.frozen
class CsvRow:
    """Reads the numbers in some columns of a row of CSV.

    Attributes:
        source: where the rows are from, for errors.
        delimiter: between cells: a comma, semicolon, tab or bar.
        names: of all columns.
        columns: name and position of each that is read.
        times: names of those that may hold dates and times.
        optional: names of those of which cells may be missing.
    """

    source: str
    delimiter: str
    names: tuple[str, ...]
    columns: tuple[tuple[str, int], ...]
    times: frozenset[str]
    optional: frozenset[str]
    _readers: tuple[tuple[Callable[[str, bool], float], int], ...] = attrs.field(
        init=False, eq=False, repr=False
    )

    def __attrs_post_init__(self) -> None:
        readers = [(self._reader(name), position) for name, position in self.columns]
        object.__setattr__(self, "_readers", tuple(readers))

    def _reader(self, name: str) -> Callable[[str, bool], float]:
        if name in self.times:
            return _seconds
        return _number_or_missing if name in self.optional else _number

    @classmethod
    def of_header(
        cls,
        header: str,
        source: str,
        columns: Sequence[str],
        times: Collection[str] = (),
        optional: Collection[str] = (),
    ) -> CsvRow:
        """For the rows below a header line.

        Raises:
            TableError: a column is not in it, or twice.
        """
        delimiter = max(",;\t|", key=header.count)
        names = tuple(name.strip() for name in next(csv.reader([header], delimiter=delimiter), []))
        require_columns(source, columns, names)
        positions = tuple((name, names.index(name)) for name in columns)
        return cls(source, delimiter, names, positions, frozenset(times), frozenset(optional))

    def __call__(self, cells: Sequence[str], line: int, row: int) -> list[float]:
        """The numbers of a row, in the order in which the columns were asked for.

        Those that are missing and may be are NaN.

        Args:
            cells: of all columns.
            line: its number as an editor counts, for errors.
            row: its number below the header.

        Raises:
            TableError: there are too few or too many cells, or one is not a finite number.
        """
        if len(cells) != len(self.names):
            raise TableError(
                f"{self.source}, line {line}: {len(cells)} cells, but the header has "
                f"{len(self.names)} columns"
            )
        values: list[float] = []
        decimal_comma = self.delimiter == ";"
        try:
            for read, position in self._readers:
                values.append(read(cells[position], decimal_comma))
        except ValueError:
            name, position = self.columns[len(values)]
            kind = "a time" if name in self.times else "a finite number"
            is_hinted = _is_missing(cells[position]) and name not in self.times
            raise TableError(
                f"{self.source}, line {line} (row {row}), column {name!r}: "
                f"{_shortened(cells[position])} is not {kind}{MASK_HINT if is_hinted else ''}"
            ) from None
        return values


def _shortened(cell: str) -> str:
    return repr(cell) if len(cell) <= 80 else f"{cell[:80]!r} and so on"


def _number(cell: str, decimal_comma: bool) -> float:
    if "_" in cell:  # Python reads 1_0 as 10
        raise ValueError
    try:
        value = float(cell)
    except ValueError:
        if not decimal_comma:
            raise
        value = float(cell.replace(",", "."))
    if not math.isfinite(value):
        raise ValueError
    return value


def _is_missing(cell: str) -> bool:
    return cell.strip().lower() in MISSING


def _number_or_missing(cell: str, decimal_comma: bool) -> float:
    return math.nan if _is_missing(cell) else _number(cell, decimal_comma)


def _seconds(cell: str, decimal_comma: bool) -> float:
    try:
        return _number(cell, decimal_comma)
    except ValueError:
        moment = datetime.datetime.fromisoformat(cell.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.UTC)
        return moment.timestamp()


def _read_parquet(
    path: Path, columns: Sequence[str], times: Collection[str], optional: Collection[str]
) -> dict[str, Column]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(f"reading {path} needs pyarrow: pip install 'seqfit[parquet]'") from error
    try:
        description = pyarrow.parquet.read_metadata(path)
        require_columns(str(path), columns, description.schema.to_arrow_schema().names)
        if description.num_rows > ROWS:
            raise TableError(
                f"{path} says that it has {description.num_rows:,} rows, more than the {ROWS:,} "
                "that are read"
            )
        table = pyarrow.parquet.read_table(path, columns=list(columns))
    except pyarrow.ArrowException as error:
        raise TableError(f"{path} is not a Parquet file: {in_short(error)}") from error
    if table.num_rows == 0:
        raise TableError(f"{path} holds no rows")
    values = {}
    for name in columns:
        try:
            cells = table[name]
            if name in times and pyarrow.types.is_timestamp(cells.type):
                nanoseconds = cells.cast(pyarrow.timestamp("ns")).cast(pyarrow.int64())
                column = nanoseconds.cast(pyarrow.float64(), safe=False).to_numpy() / 1e9
            else:
                column = cells.cast(pyarrow.float64()).to_numpy()
        except pyarrow.ArrowException as error:
            raise TableError(
                f"{path}, column {name!r} does not hold numbers: {in_short(error)}"
            ) from error
        wrong = np.flatnonzero(np.isinf(column) if name in optional else ~np.isfinite(column))
        if len(wrong):
            is_hinted = np.isnan(column[wrong[0]]) and name not in times
            raise TableError(
                f"{path}, row {wrong[0] + 1}, column {name!r}: "
                f"{cells[int(wrong[0])].as_py()!r} is not a finite number"
                f"{MASK_HINT if is_hinted else ''}"
            )
        values[name] = np.array(column)
    return values


def require_columns(source: str, columns: Sequence[str], names: Sequence[str]) -> None:
    """Raise a TableError unless each column is there once."""
    for name in columns:
        if name not in names:
            raise TableError(
                f"{source} has no column {name!r}{did_you_mean(name, names[:NAMED])}"
                f" (it has: {_listed(names) or 'nothing'})"
            )
        if list(names).count(name) > 1:
            raise TableError(f"{source} has more than one column {name!r}")


def _listed(names: Sequence[str]) -> str:
    shown, more = printable(", ".join(name[:80] for name in names[:NAMED])), len(names) - NAMED
    return shown if more <= 0 else f"{shown} and {more:,} more"
