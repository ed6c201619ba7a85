"""Read named columns of numbers from CSV and Parquet files."""

from __future__ import annotations

import csv
import datetime
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.limits import LARGEST, LINE_CHARACTERS, ROWS, in_short, printable, require_file
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

INPUT_HINT = "; an input may not be missing: missing='mask' (--missing mask) is for outputs alone"
"""What they add where it is known to be an input."""

BEYOND = f"beyond {LARGEST:.4g}, the largest number of float32"

UNREAD = frozenset(
    (
        ".xlsx",
        ".xlsm",
        ".xls",
        ".ods",
        ".h5",
        ".hdf5",
        ".feather",
        ".arrow",
        ".json",
        ".npy",
        ".pkl",
    )
)
"""Endings of files that hold no text of CSV."""


class TableError(ValueError):
    """A table that can't be read as numbers; the message names the file and the place."""


def read_columns(
    path: Path,
    columns: Sequence[str],
    times: Collection[str] = (),
    optional: Collection[str] = (),
    hint: str = MASK_HINT,
) -> dict[str, Column]:
    """Columns of a CSV file with a header line, or of a Parquet file.

    A CSV file may be separated by commas, semicolons, tabs or bars; next to semicolons, numbers
    may have a decimal comma: all of them or none, so that no thousands are taken for a decimal
    point. Columns that are not asked for may hold anything.

    Args:
        path: the file; ``.parquet`` and ``.pq`` are Parquet, anything else is CSV.
        columns: names of the columns.
        times: those of them that may hold dates and times (ISO 8601) too, which become seconds
            since 1970; without a time zone they are taken as UTC.
        optional: those of them of which cells may be missing: empty, NaN, NA or null.
        hint: what errors about any other missing cell add.

    Returns:
        Each column as an array of shape (time,), all finite but for what is missing: NaN.

    Raises:
        FileNotFoundError: there is no such file.
        TableError: it is of another format, a column is missing, a cell is not a finite number of
            float32, or a line between rows is blank.
        ImportError: the extra ``parquet`` is not installed.
    """
    require_file(path)
    require_format(path)
    read = _read_parquet if path.suffix.lower() in (".parquet", ".pq") else _read_csv
    return read(path, columns, times, optional, hint)


def require_format(path: Path) -> None:
    """Raise a TableError where a file's ending says that it is of a format that is not read."""
    suffix = path.suffix.lower()
    if suffix in UNREAD:
        raise TableError(
            f"{path}: {suffix} is not read; save it as CSV (.csv), Parquet (.parquet), NPZ (.npz) "
            "or MATLAB (.mat)"
        )


def _read_csv(
    path: Path,
    columns: Sequence[str],
    times: Collection[str],
    optional: Collection[str],
    hint: str,
) -> dict[str, Column]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = _lines(file, path)
            row_of = CsvRow.of_header(next(lines, ""), str(path), columns, times, optional, hint)
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
    row, blank = 1, 0
    reader = csv.reader(lines, delimiter=row_of.delimiter)
    for cells in reader:
        if not cells:
            blank = blank or reader.line_num + 1
            continue
        if blank:
            raise blank_line(row_of.source, blank)
        values += row_of(cells, reader.line_num + 1, row)
        row += 1
    if not values:
        raise TableError(f"{row_of.source} holds no row below its header")
    table = np.array(values).reshape(-1, len(row_of.columns))
    return {name: table[:, i].copy() for i, (name, _) in enumerate(row_of.columns)}


def blank_line(source: str, line: int) -> TableError:
    """The error about a blank line with rows behind it, which would all move up by a sample."""
    return TableError(
        f"{source}, line {line}: it is blank, but rows follow; remove it, or write the row that is "
        "missing there"
    )


@final
@attrs.define
class DecimalMark:
    """The decimal mark of the rows so far: a point or a comma, and where it was seen first."""

    mark: str = ""
    seen: str = ""


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
        hint: what errors about any other missing cell add.
        decimal: the decimal mark of the rows so far.
    """

    source: str
    delimiter: str
    names: tuple[str, ...]
    columns: tuple[tuple[str, int], ...]
    times: frozenset[str]
    optional: frozenset[str]
    hint: str
    decimal: DecimalMark = attrs.field(init=False, factory=DecimalMark, eq=False)
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
        hint: str = MASK_HINT,
    ) -> CsvRow:
        """For the rows below a header line.

        Raises:
            TableError: a column is not in it, or twice.
        """
        delimiter = max(",;\t|", key=header.count)
        names = tuple(name.strip() for name in next(csv.reader([header], delimiter=delimiter), []))
        require_columns(source, columns, names)
        positions = tuple((name, names.index(name)) for name in columns)
        return cls(source, delimiter, names, positions, frozenset(times), frozenset(optional), hint)

    def __call__(self, cells: Sequence[str], line: int, row: int) -> list[float]:
        """The numbers of a row, in the order in which the columns were asked for.

        Those that are missing and may be are NaN.

        Args:
            cells: of all columns.
            line: its number as an editor counts, for errors.
            row: its number below the header.

        Raises:
            TableError: there are too few or too many cells, one is not a finite number of float32,
                or has a decimal point in a table of decimal commas, or the reverse.
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
            raise TableError(
                f"{self._place(line, row, name)}: {_shortened(cells[position])} is "
                f"{self._fault(name, cells[position])}"
            ) from None
        if decimal_comma:
            self._require_one_mark(cells, line, row)
        return values

    def _require_one_mark(self, cells: Sequence[str], line: int, row: int) -> None:
        """Raise a TableError where a number has another decimal mark than those before it.

        Beside decimal commas, 2.432 may as well be two thousand.
        """
        for name, position in self.columns:
            cell = cells[position]
            mark = "," if "," in cell else "." if "." in cell else ""
            if not mark or mark == self.decimal.mark:
                continue
            if name in self.times and not _is_finite(cell, True):
                continue  # a date
            here = f"{_shortened(cell)} has a {'comma' if mark == ',' else 'point'}"
            if self.decimal.mark:
                raise TableError(
                    f"{self._place(line, row, name)}: {here}, but {self.decimal.seen}; a file has "
                    "decimal points or decimal commas, not both, and nothing between thousands"
                )
            self.decimal.mark = mark
            self.decimal.seen = f"{here} in line {line}, column {name!r}"

    def _place(self, line: int, row: int, name: str) -> str:
        return f"{self.source}, line {line} (row {row}), column {name!r}"

    def _fault(self, name: str, cell: str) -> str:
        if name in self.times:
            return "not a time"
        if _is_missing(cell):
            return f"not a finite number{self.hint}"
        return BEYOND if _is_finite(cell, self.delimiter == ";") else "not a finite number"


def _shortened(cell: str) -> str:
    return repr(cell) if len(cell) <= 80 else f"{cell[:80]!r} and so on"


def _number(cell: str, decimal_comma: bool) -> float:
    value = _float(cell, decimal_comma)
    if not -LARGEST <= value <= LARGEST:
        raise ValueError
    return value


def _float(cell: str, decimal_comma: bool) -> float:
    if "_" in cell:  # Python reads 1_0 as 10
        raise ValueError
    try:
        return float(cell)
    except ValueError:
        if not decimal_comma:
            raise
        return float(cell.replace(",", "."))


def _is_finite(cell: str, decimal_comma: bool) -> bool:
    try:
        return math.isfinite(_float(cell, decimal_comma))
    except ValueError:
        return False


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
    path: Path,
    columns: Sequence[str],
    times: Collection[str],
    optional: Collection[str],
    hint: str,
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
        wrong = np.flatnonzero(unusable(column, name in optional))
        if len(wrong):
            value = column[wrong[0]]
            fault = BEYOND if np.isfinite(value) else "not a finite number"
            raise TableError(
                f"{path}, row {wrong[0] + 1}, column {name!r}: "
                f"{cells[int(wrong[0])].as_py()!r} is {fault}"
                f"{hint if np.isnan(value) and name not in times else ''}"
            )
        values[name] = np.array(column)
    return values


def unusable(numbers: npt.NDArray[Any], may_miss: bool) -> npt.NDArray[np.bool_]:
    """Which numbers can't be samples: infinite, beyond float32, or NaN unless it may be missing."""
    usable: npt.NDArray[np.bool_] = np.abs(numbers) <= np.float32(LARGEST)
    return np.logical_not(usable | np.isnan(numbers) if may_miss else usable)


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
