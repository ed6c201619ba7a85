"""Read named arrays of numbers from NPZ and MATLAB files."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seqfit.limits import require_file
from seqfit.tables import BEYOND, MASK_HINT, TableError, require_columns, unusable

Arrays = dict[str, npt.NDArray[np.float64]]

SUFFIXES = (".npz", ".mat")


def read_arrays(
    path: Path,
    names: Sequence[str],
    times: Collection[str] = (),
    optional: Collection[str] = (),
    hint: str = MASK_HINT,
) -> Arrays:
    """Arrays of a NumPy ``.npz`` file, or variables of a MATLAB ``.mat`` file.

    MATLAB files are read up to version 7; those of version 7.3 are HDF5 files, and refused.

    Args:
        path: the file.
        names: of the arrays.
        times: those of them that may hold dates and times too, which become seconds since 1970.
        optional: those of them of which numbers may be missing.
        hint: what errors about any other missing number add.

    Returns:
        Each as an array of shape (time,), or (time, streams) where it has several rows and
        columns, all finite but for what is missing: NaN.

    Raises:
        FileNotFoundError: there is no such file.
        TableError: an array is missing, has more axes, or holds something else than finite
            numbers of float32.
    """
    require_file(path)
    read = _read_mat if path.suffix.lower() == ".mat" else _read_npz
    arrays: Arrays = {}
    for name, array in read(path, names).items():
        what = f"{path}, column {name!r}"
        column = as_numbers(array, what, name in times)
        if column.ndim == 2 and 1 in column.shape:  # MATLAB has no arrays of one axis
            column = column.ravel()
        require_column(column, what, name in optional, "" if name in times else hint)
        arrays[name] = column
    return arrays


def _read_npz(path: Path, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    try:
        with path.open("rb") as opened:
            loaded = np.load(opened, allow_pickle=False)
            if not isinstance(loaded, np.lib.npyio.NpzFile):
                raise TableError(f"{path} is not an NPZ file: it holds one array without a name")
            require_columns(str(path), names, loaded.files)
            return {name: loaded[name] for name in names}
    except TableError:
        raise
    except (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise TableError(f"{path} is not an NPZ file of numbers: {error}") from error


def _read_mat(path: Path, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    import scipy.io  # here: it takes a while, and most never need it

    try:
        require_columns(str(path), names, [name for name, _, _ in scipy.io.whosmat(path)])
        file = scipy.io.loadmat(path, variable_names=list(names))
        return {name: file[name] for name in names}
    except TableError:
        raise
    except NotImplementedError as error:
        raise TableError(
            f"{path} is a MATLAB file of version 7.3, which is not read; save it with '-v7'"
        ) from error
    except Exception as error:  # its reader raises whatever damaged bytes lead it to
        raise TableError(f"{path} is not a MATLAB file: {error}") from error


def as_numbers(array: Any, what: str, is_time: bool) -> npt.NDArray[np.float64]:
    """An array of real numbers as float64; of dates and times, as seconds since 1970.

    Args:
        array: the array.
        what: what it is called, for errors.
        is_time: whether it may hold dates and times.

    Raises:
        TableError: it holds something else.
    """
    if not isinstance(array, np.ndarray):
        raise TableError(
            f"{what} is not a plain array but a {type(array).__name__}; save it as one: a sparse "
            "matrix of MATLAB with full(...)"
        )
    if array.dtype.kind == "M" and is_time:
        seconds = array.astype("datetime64[ns]").astype(np.float64) / 1e9
        return np.where(np.isnat(array), np.nan, seconds)
    if array.dtype.kind not in "fiub":
        hint = "; only the column of times may (--time)" if array.dtype.kind == "M" else ""
        raise TableError(f"{what} does not hold numbers but {array.dtype}{hint}")
    with np.errstate(over="ignore"):  # of more than float64, becomes infinite, and is refused
        return array.astype(np.float64, copy=False)


def require_column(
    column: npt.NDArray[np.float64], what: str, may_miss: bool = False, hint: str = MASK_HINT
) -> None:
    """Raise a TableError unless an array can be a column of finite numbers of float32.

    Args:
        column: the array.
        what: what it is called.
        may_miss: whether NaN stands for a number that is missing.
        hint: what the error about a missing number adds.
    """
    if column.ndim not in (1, 2):
        raise TableError(
            f"{what} must have the shape (time,) or (time, streams), got {column.shape}"
        )
    wrong = np.argwhere(unusable(column, may_miss))
    if len(wrong):
        index = wrong[0].tolist()
        value = column[tuple(index)]
        where = f"at row {index[0] + 1}, index {index[0] if len(index) == 1 else index}"
        if np.isfinite(value):
            raise TableError(f"{what}: {value} {where} is {BEYOND}")
        raise TableError(
            f"{what} must be finite, got {value} {where}{hint if np.isnan(value) else ''}"
        )
