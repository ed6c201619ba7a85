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
from seqfit.tables import MASK_HINT, TableError, require_columns

Arrays = dict[str, npt.NDArray[np.float64]]

SUFFIXES = (".npz", ".mat")


def read_arrays(path: Path, names: Sequence[str], optional: Collection[str] = ()) -> Arrays:
    """Arrays of a NumPy ``.npz`` file, or variables of a MATLAB ``.mat`` file.

    MATLAB files are read up to version 7; those of version 7.3 are HDF5 files, and refused.

    Args:
        path: the file.
        names: of the arrays.
        optional: those of them of which numbers may be missing.

    Returns:
        Each as an array of shape (time,), or (time, streams) where it has several rows and
        columns, all finite but for what is missing: NaN. Dates and times become seconds since
        1970.

    Raises:
        FileNotFoundError: there is no such file.
        TableError: an array is missing, has more axes, or holds something else than finite
            numbers.
    """
    require_file(path)
    read = _read_mat if path.suffix.lower() == ".mat" else _read_npz
    return {
        name: _samples(array, name, path, name in optional)
        for name, array in read(path, names).items()
    }


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


def _samples(
    array: npt.NDArray[Any], name: str, path: Path, may_miss: bool
) -> npt.NDArray[np.float64]:
    if array.dtype.kind == "M":
        seconds = array.astype("datetime64[ns]").astype(np.float64) / 1e9
        array = np.where(np.isnat(array), np.nan, seconds)
    if array.dtype.kind not in "fiub":
        raise TableError(f"{path}, column {name!r} does not hold numbers but {array.dtype}")
    if array.ndim == 2 and 1 in array.shape:  # MATLAB has no arrays of one axis
        array = array.ravel()
    column = array.astype(np.float64)
    require_column(column, f"{path}, column {name!r}", may_miss)
    return column


def require_column(column: npt.NDArray[np.float64], what: str, may_miss: bool = False) -> None:
    """Raise a TableError unless an array can be a column of finite numbers.

    Args:
        column: the array.
        what: what it is called.
        may_miss: whether NaN stands for a number that is missing.
    """
    if column.ndim not in (1, 2):
        raise TableError(
            f"{what} must have the shape (time,) or (time, streams), got {column.shape}"
        )
    wrong = np.argwhere(np.isinf(column) if may_miss else ~np.isfinite(column))
    if len(wrong):
        value = column[tuple(wrong[0])]
        raise TableError(
            f"{what} must be finite, got {value} at row {wrong[0][0] + 1}"
            f"{MASK_HINT if np.isnan(value) else ''}"
        )
