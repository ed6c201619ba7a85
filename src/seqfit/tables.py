"""Read named columns of numbers from CSV and Parquet files."""

from __future__ import annotations

import array
import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np
import numpy.typing as npt

from seqfit.limits import LINE_CHARACTERS, ROWS, in_short, printable
from seqfit.validators import did_you_mean

Column = npt.NDArray[np.float64]

NAMED = 10
"""How many columns of a header an error names."""


class TableError(ValueError):
    """A table that can't be read as numbers; the message names the file and the place."""


def read_columns(path: Path, columns: Sequence[str]) -> dict[str, Column]:
    """Columns of a CSV file with a header line, or of a Parquet file.

    A CSV file may be separated by commas, semicolons, tabs or bars; next to semicolons, numbers
    may have a decimal comma. Columns that are not asked for may hold anything.

    Args:
        path: the file; ``.parquet`` and ``.pq`` are Parquet, anything else is CSV.
        columns: names of the columns.

    Returns:
        Each column as an array of shape (time,), all finite.

    Raises:
        FileNotFoundError: there is no such file.
        TableError: a column is missing, or a cell is not a finite number.
        ImportError: the extra ``parquet`` is not installed.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a file")
    if not path.is_file():
        raise FileNotFoundError(f"no file at {str(path)!r}")
    read = _read_parquet if path.suffix.lower() in (".parquet", ".pq") else _read_csv
    return read(path, columns)


def _read_csv(path: Path, columns: Sequence[str]) -> dict[str, Column]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return _parse_csv(_lines(file, path), path, columns)
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


def _parse_csv(lines: Iterator[str], path: Path, columns: Sequence[str]) -> dict[str, Column]:
    header = next(lines, "")
    delimiter = max(",;\t|", key=header.count)
    names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
    _require_columns(path, columns, names)
    positions = [(name, names.index(name)) for name in columns]
    values = {name: array.array("d") for name in columns}
    reader = csv.reader(lines, delimiter=delimiter)
    for cells in reader:
        line = reader.line_num + 1
        if not cells:
            continue
        if len(cells) != len(names):
            raise TableError(
                f"{path}, line {line}: {len(cells)} cells, but the header has {len(names)} columns"
            )
        for name, position in positions:
            try:
                values[name].append(_number(cells[position], decimal_comma=delimiter == ";"))
            except ValueError:
                raise TableError(
                    f"{path}, line {line} (row {len(values[name]) + 1}), column {name!r}: "
                    f"{_shortened(cells[position])} is not a finite number"
                ) from None
    if not next(iter(values.values())):
        raise TableError(f"{path} holds no row below its header")
    return {name: np.array(column) for name, column in values.items()}


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


def _read_parquet(path: Path, columns: Sequence[str]) -> dict[str, Column]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(f"reading {path} needs pyarrow: pip install 'seqfit[parquet]'") from error
    try:
        description = pyarrow.parquet.read_metadata(path)
        _require_columns(path, columns, description.schema.to_arrow_schema().names)
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
            column = table[name].cast(pyarrow.float64()).to_numpy()
        except pyarrow.ArrowException as error:
            raise TableError(
                f"{path}, column {name!r} does not hold numbers: {in_short(error)}"
            ) from error
        wrong = np.flatnonzero(~np.isfinite(column))
        if len(wrong):
            raise TableError(
                f"{path}, row {wrong[0] + 1}, column {name!r}: "
                f"{table[name][int(wrong[0])].as_py()!r} is not a finite number"
            )
        values[name] = np.array(column)
    return values


def _require_columns(path: Path, columns: Sequence[str], names: Sequence[str]) -> None:
    for name in columns:
        if name not in names:
            raise TableError(
                f"{path} has no column {name!r}{did_you_mean(name, names[:NAMED])}"
                f" (its header has: {_listed(names) or 'nothing'})"
            )
        if list(names).count(name) > 1:
            raise TableError(f"{path} has more than one column {name!r}")


def _listed(names: Sequence[str]) -> str:
    shown, more = printable(", ".join(name[:80] for name in names[:NAMED])), len(names) - NAMED
    return shown if more <= 0 else f"{shown} and {more:,} more"
