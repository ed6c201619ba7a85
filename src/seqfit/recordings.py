"""Recorded data: named columns from a file or from memory, cut into stretches in time order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit import array_files, sampling
from seqfit.limits import in_short
from seqfit.tables import INPUT_HINT, MASK_HINT, TableError, read_columns
from seqfit.validators import as_tuple, boolean, did_you_mean, is_finite, one_of, text

if TYPE_CHECKING:
    from seqfit.signals import Recorded
    from seqfit.targets import RecordedOutput

Stretch = Literal["all", "train", "validation", "test"]


def _freeze(source: Any) -> Any:
    if isinstance(source, str | Path):
        return str(source)
    if isinstance(source, Mapping):
        return {str(name): _array(str(name), values) for name, values in source.items()}
    raise TypeError(
        "source must be a path or a mapping from column names to arrays, "
        f"got {type(source).__name__}"
    )


def _array(name: str, values: Any) -> npt.NDArray[Any]:
    """A column in memory as float64, or as dates and times where it holds such."""
    try:
        dtype = np.asanyarray(values).dtype
        if dtype.kind == "M":
            return np.array(np.ma.filled(values, np.datetime64("NaT")))
        if dtype.kind not in "cm":
            with np.errstate(over="ignore"):  # of more than float64: infinite, refused when read
                return np.array(with_nan(values), dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise TableError(f"column {name!r} does not hold numbers: {in_short(error)}") from error
    raise TableError(f"column {name!r} does not hold numbers but {dtype}")


def _same_source(a: Any, b: Any) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return bool(a == b)
    return list(a) == list(b) and all(
        np.array_equal(a[name], b[name], equal_nan=True) for name in a
    )


def _fractions(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if (
        not isinstance(value, tuple)
        or len(value) != 2
        or not all(is_finite(v) and v >= 0 for v in value)
        or sum(value) >= 1
    ):
        raise ValueError(
            f"{attribute.name} must be the fractions of the data for validation and for test, "
            f"which add up to less than 1, got {value!r}"
        )


@final
@attrs.frozen
class Recording:
    """Recorded data and the stretch of it that is used.

    The data is cut, in time order, into a stretch for training, one for validation and one for
    test.

    Attributes:
        source: path of a CSV file (with a header line), a Parquet, NPZ or MATLAB file, or a
            mapping from column names to arrays of shape (time,) or (time, streams).
        stretch: ``"all"``, ``"train"``, ``"validation"`` or ``"test"``.
        held_out: fractions of the data for validation and for test.
        repeat: whether to begin again where the stretch ends; otherwise it just ends.
        time: name of the column that tells when each sample was taken, in seconds or as dates
            and times; a gap in it is an error. None: the samples are taken to be evenly spaced.
        missing: what a cell without a number means (empty, NaN, NA, null, or masked in memory):
            ``"error"`` refuses it; with ``"mask"`` the output was not observed, and adds nothing
            to losses, scores and scales. A missing input is always an error.
    """

    source: str | dict[str, npt.NDArray[Any]] = attrs.field(
        converter=_freeze, eq=attrs.cmp_using(eq=_same_source)
    )
    stretch: Stretch = attrs.field(
        default="all", validator=one_of("all", "train", "validation", "test")
    )
    held_out: tuple[float, float] = attrs.field(
        default=(0.15, 0.15), converter=as_tuple, validator=_fractions
    )
    repeat: bool = attrs.field(default=False, validator=boolean)
    time: str | None = attrs.field(default=None, validator=attrs.validators.optional(text))
    missing: str = attrs.field(default="error", validator=one_of("error", "mask"))

    def columns(self, names: Sequence[str]) -> npt.NDArray[np.float64]:
        """The stretch of some columns, as an array of shape (time, streams, len(names)).

        What is missing is NaN where `missing` is ``"mask"``.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: a column is missing, the lengths differ, a value is not finite, samples
                are missing, or the stretch is empty.
        """
        return self._stretch(names, self.missing == "mask", MASK_HINT)

    def inputs(self, names: Sequence[str]) -> npt.NDArray[np.float64]:
        """As `columns`, of inputs: none of them may be missing."""
        return self._stretch(names, False, INPUT_HINT)

    def _stretch(self, names: Sequence[str], may_miss: bool, hint: str) -> npt.NDArray[np.float64]:
        times = [] if self.time is None else [self.time]
        columns = self._read(list(dict.fromkeys([*names, *times])), may_miss, hint)
        for name in times:
            self._step(columns[name])
        tables = {name: np.atleast_2d(column.T).T for name, column in columns.items()}
        self._require_one_shape(tables, names)
        values = np.stack([tables[name] for name in names], axis=2)
        first, last = self._span(len(values))
        if first == last:
            raise ValueError(
                f"the stretch {self.stretch!r} of {len(values)} recorded samples is empty"
            )
        return values[first:last]  # (time, streams, columns)

    def _require_one_shape(
        self, tables: Mapping[str, npt.NDArray[np.float64]], names: Sequence[str]
    ) -> None:
        """Raise a ValueError unless columns are equally long, those of samples of as many streams.

        Args:
            tables: columns of shape (time, streams), with that of times.
            names: of those that hold samples.
        """
        first, shape = names[0], tables[names[0]].shape
        for name, table in tables.items():
            if len(table) != len(tables[first]):
                what = f"{len(table):,} samples", f"{shape[0]:,}"
            elif name in names and table.shape != shape:
                what = f"{table.shape[1]:,} streams", f"{shape[1]:,}"
            else:
                continue
            raise ValueError(
                f"{self._where}column {name!r} has {what[0]}, but column {first!r} has {what[1]}; "
                "columns of one recording must have one shape, or rows would not belong together"
            )

    def sampling_time(self) -> float | None:
        """Seconds from sample to sample; None where there is no column of times.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the column is missing, or samples are.
        """
        if self.time is None:
            return None
        return self._step(self._read([self.time], False, MASK_HINT)[self.time])

    def during(self, stretch: Stretch) -> Recording:
        """The same recording, another stretch, once through."""
        return attrs.evolve(self, stretch=stretch, repeat=False)

    def scored(self) -> Recording:
        """What a fit of this stretch is scored on: the test stretch, where there is one apart."""
        return self.during("all" if self.stretch == "all" else "test")

    def _read(
        self, names: Sequence[str], may_miss: bool, hint: str
    ) -> dict[str, npt.NDArray[np.float64]]:
        times = () if self.time is None else (self.time,)
        optional = [name for name in names if may_miss and name not in times]
        if not isinstance(self.source, str):
            return {
                name: self._from_memory(self.source, name, name in optional, hint) for name in names
            }
        path = Path(self.source)
        read = (
            array_files.read_arrays if path.suffix.lower() in array_files.SUFFIXES else read_columns
        )
        return read(path, names, times, optional, hint)

    @property
    def _where(self) -> str:
        return f"{self.source}, " if isinstance(self.source, str) else ""

    def _step(self, times: npt.NDArray[np.float64]) -> float:
        try:
            return sampling.sampling_time(times, str(self.time))
        except ValueError as error:
            raise ValueError(f"{self._where}{error}") from None

    def _from_memory(
        self, source: dict[str, npt.NDArray[Any]], name: str, may_miss: bool, hint: str
    ) -> npt.NDArray[np.float64]:
        if name not in source:
            raise ValueError(
                f"the recording has no column {name!r}{did_you_mean(name, source)}"
                f" (there are: {', '.join(source) or 'none'})"
            )
        what = f"column {name!r}"
        is_time = name == self.time
        column = array_files.as_numbers(source[name], what, is_time)
        array_files.require_column(column, what, may_miss, "" if is_time else hint)
        return column

    def _span(self, samples: int) -> tuple[int, int]:
        validation, test = self.held_out
        first_test = samples - round(test * samples)
        first_validation = first_test - round(validation * samples)
        return {
            "all": (0, samples),
            "train": (0, first_validation),
            "validation": (first_validation, first_test),
            "test": (first_test, samples),
        }[self.stretch]


def with_nan(values: Any) -> Any:
    """NumPy's masked arrays as arrays in which what is masked is NaN; anything else as it is."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        numbers: Any = values.astype(np.float64)
        return numbers.filled(np.nan)
    return values


def as_recording(source: Any) -> Recording:
    """A recording, from itself, a path, or a mapping from column names to arrays."""
    return source if isinstance(source, Recording) else Recording(source)


def as_names(columns: Any) -> Any:
    """Column names, from one name or several; anything else stays, to be refused."""
    return (columns,) if isinstance(columns, str) else as_tuple(columns)


def require_names(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """A validator: at least one column name, each once."""
    is_text = isinstance(value, tuple) and value and all(isinstance(v, str) for v in value)
    if not is_text or len(set(value)) < len(value):
        raise ValueError(
            f"{attribute.name} must be one or more different column names, got {value!r}"
        )


def rows(
    data: npt.NDArray[np.float64], position: int, length: int, repeat: bool
) -> npt.NDArray[np.float64]:
    """Rows of recorded data from a position on, beginning again at the end where asked to.

    Raises:
        ValueError: the data ends before, and is not to be repeated.
    """
    if repeat:
        return np.take(data, np.arange(position, position + length), axis=0, mode="wrap")
    if position + length > len(data):
        raise ValueError(
            f"the recording ends after {len(data)} samples of each stream, "
            f"{position + length} were asked for; ask for fewer, or set repeat = true"
        )
    return data[position : position + length]


def pair(
    source: Any, inputs: str | Sequence[str], outputs: str | Sequence[str]
) -> tuple[Recorded, RecordedOutput]:
    """The signal and the target that play the input and output columns of one recording.

    Args:
        source: a `Recording`, a path, or a mapping from column names to arrays.
        inputs: names of the input columns.
        outputs: names of the output columns.

    Raises:
        ValueError: a column is in both, missing, not finite, or longer than another.
    """
    from seqfit.signals import Recorded
    from seqfit.targets import RecordedOutput

    recording = as_recording(source)
    both = set(as_names(inputs)) & set(as_names(outputs))
    if both:
        raise ValueError(f"column {sorted(both)[0]!r} can't be both input and output")
    signal = Recorded(recording, as_names(inputs))
    target = RecordedOutput(recording, as_names(outputs))
    recording.columns((*signal.columns, *target.columns))  # raises where they don't belong together
    return signal, target
