"""Published records of nonlinear systems, with their official splits and scores.

They are read from the files that one downloads from https://www.nonlinearbenchmark.org; nothing is
downloaded here. The splits, and how many samples at the beginning of a test a model may use to find
its state and are not scored, are those of the official package ``nonlinear_benchmarks`` of M.
Schoukens and G. Beintema (version of 2024), which makes them part of each benchmark.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import attrs
import numpy as np
import numpy.typing as npt

from seqfit.array_files import SUFFIXES, read_arrays
from seqfit.evaluation.free_run import Run, is_teacher_forced
from seqfit.evaluation.scores import Scores, score
from seqfit.recordings import Recording, pair
from seqfit.tables import TableError, read_columns
from seqfit.validators import is_finite, require_one_of

if TYPE_CHECKING:
    from seqfit.fitting.fitter import Fitter
    from seqfit.signals import Recorded
    from seqfit.targets import RecordedOutput

Array = npt.NDArray[np.float64]


@final
@attrs.frozen(eq=False)
class HeldOut:
    """Samples that a benchmark scores.

    Attributes:
        x: inputs, (time, streams, 1).
        y: outputs, likewise.
        washout: samples that come first and are not scored.
    """

    x: Array
    y: Array
    washout: int


@final
@attrs.frozen(eq=False)
class Benchmark:
    """A published record, split as its authors want it.

    Attributes:
        name: what it is called.
        sampling_time: seconds from sample to sample.
        x: inputs to fit, (time, streams, 1).
        y: outputs to fit, likewise.
        tests: what is scored, by name; the first is the main one.
        missing: as of `Recording`: with ``"mask"`` outputs may be NaN, which are not scored.
    """

    name: str
    sampling_time: float
    x: Array
    y: Array
    tests: dict[str, HeldOut]
    missing: str = "error"

    def pair(self, validation: float = 0.0) -> tuple[Recorded, RecordedOutput]:
        """A signal and a target that play what is to be fitted, again and again.

        What they hold out, and `Fitter.evaluate` scores, is the main test from its first sample
        on, washout and all; the official scores are those of `scores`.

        Args:
            validation: the share of the samples that is not fitted but kept to choose by, at the
                end of those that may be used.

        Raises:
            ValueError: the share is not from 0 to below 1.
        """
        if not is_finite(validation) or not 0 <= validation < 1:
            raise ValueError(f"validation must be a share from 0 to below 1, got {validation!r}")
        test = next(iter(self.tests.values()))
        columns = {
            "u": np.concatenate([self.x, test.x])[..., 0],  # (time, streams)
            "y": np.concatenate([self.y, test.y])[..., 0],
        }
        samples = len(columns["u"])
        held_out = validation * len(self.x) / samples, len(test.x) / samples
        recording = Recording(columns, "train", held_out, repeat=True, missing=self.missing)
        return pair(recording, "u", "y")

    def scores(self, fitter: Fitter) -> dict[str, Scores]:
        """The official scores of each test: RMSE, NRMSE, fit, MAE and R2 of a simulation.

        A model that is fed with its own outputs is given the true ones during the washout, as the
        rules allow; any other one, or one of which some of these are missing, runs freely from
        the start. From there on all run freely. A test of several streams is scored stream by
        stream, under its name and their numbers.
        """
        found: dict[str, Scores] = {}
        for name, test in self.tests.items():
            errors = _scores_of_streams(fitter, test)
            single = len(errors) == 1
            found |= {name if single else f"{name} {i}": e for i, e in enumerate(errors, start=1)}
        return found


def _scores_of_streams(fitter: Fitter, test: HeldOut) -> list[Scores]:
    x, y = test.x.astype(fitter.dtype), test.y.astype(fitter.dtype)
    module, first = fitter.module, test.washout
    run = Run(module, module.start(x.shape[1]))
    if not np.isnan(y[:first]).any() and is_teacher_forced(module, x, y):
        run.one_step_ahead(x[:first], y[:first])
    else:
        run.free(x[:first])
    prediction, truth = run.free(x[first:]), test.y[first:]
    streams = range(x.shape[1])
    return [score(prediction[:, i : i + 1], truth[:, i : i + 1]) for i in streams]


def silverbox(path: str | Path, missing: str = "error") -> Benchmark:
    """The Silverbox: an electronic Duffing oscillator, sampled at 610.35 Hz.

    Samples 40,650 to 127,399 are ten multisines, of which the first three quarters are fitted and
    the rest is the test ``multisine``. Samples 100 to 40,574 are the ``arrow`` of growing noise,
    and its first 32,000 the ``arrow_no_extrapolation``, which stays within what is fitted.

    Args:
        path: of ``SNLS80mV.mat`` or ``SNLS80mV.csv``, which hold V1 (input) and V2 (output), or
            of the folder with it.
        missing: as of `Benchmark`.

    References:
        T. Wigren, J. Schoukens, "Three free data sets for development and benchmarking in
        nonlinear system identification", European Control Conference, 2013, 2933-2938.
    """
    columns = _read(path, ("SNLS80mV.mat", "SNLS80mV.csv"), ("V1",), ("V2",), 127_400, missing)
    x, y = _samples(columns["V1"]), _samples(columns["V2"])
    multisines, arrow = slice(40_650, 127_400), slice(100, 40_575)
    first = int(0.75 * (127_400 - 40_650))
    tests = {
        "multisine": HeldOut(x[multisines][first:], y[multisines][first:], 50),
        "arrow": HeldOut(x[arrow], y[arrow], 50),
        "arrow_no_extrapolation": HeldOut(x[arrow][:32_000], y[arrow][:32_000], 50),
    }
    fitted = x[multisines][:first], y[multisines][:first]
    return Benchmark("silverbox", 1 / 610.35, *fitted, tests, missing)


def wiener_hammerstein(path: str | Path, missing: str = "error") -> Benchmark:
    """The Wiener-Hammerstein circuit of 2009: two filters around a diode, sampled at 51.2 kHz.

    Samples 5,200 to 183,999 are used: the first 100,000 are fitted, the others are the test.

    Args:
        path: of ``WienerHammerBenchMark.mat`` or ``.csv``, which hold uBenchMark, yBenchMark and
            fs, or of the folder with it.
        missing: as of `Benchmark`.

    References:
        J. Schoukens, J. Suykens, L. Ljung, "Wiener-Hammerstein benchmark", IFAC Symposium on
        System Identification, Saint-Malo, 2009.
    """
    files = ("WienerHammerBenchMark.mat", "WienerHammerBenchmark.csv", "WienerHammerBenchMark.csv")
    columns = _read(path, files, ("uBenchMark",), ("yBenchMark",), 184_000, missing)
    x, y = (_samples(columns[name])[5_200:184_000] for name in ("uBenchMark", "yBenchMark"))
    test = HeldOut(x[100_000:], y[100_000:], 50)
    fitted = x[:100_000], y[:100_000]
    return Benchmark("wiener_hammerstein", 1 / 51_200, *fitted, {"test": test}, missing)


def cascaded_tanks(path: str | Path, missing: str = "error") -> Benchmark:
    """Two tanks under one another, of which the upper one may overflow, sampled every 4 s.

    uEst and yEst are fitted, uVal and yVal are the test: 1,024 samples each.

    Args:
        path: of ``dataBenchmark.mat`` or ``dataBenchmark.csv``, or of the folder with it.
        missing: as of `Benchmark`.

    References:
        M. Schoukens, P. Mattsson, T. Wigren, J.-P. Noel, "Cascaded tanks benchmark combining soft
        and hard nonlinearities", Workshop on Nonlinear System Identification Benchmarks, 2016.
    """
    inputs, outputs = ("uEst", "uVal"), ("yEst", "yVal")
    files = ("dataBenchmark.mat", "dataBenchmark.csv")
    columns = _read(path, files, inputs, outputs, 6, missing)
    x, test_x, y, test_y = (_samples(columns[name]) for name in (*inputs, *outputs))
    return Benchmark("cascaded_tanks", 4.0, x, y, {"test": HeldOut(test_x, test_y, 5)}, missing)


def emps(folder: str | Path, missing: str = "error") -> Benchmark:
    """The electro-mechanical positioning system: a drive with friction, in a closed loop, at 1 kHz.

    The input is the motor force ``vir``, the output the measured position ``qm``.
    ``DATA_EMPS.mat`` is fitted, ``DATA_EMPS_PULSES.mat`` is the test.

    Args:
        folder: the folder with both files.
        missing: as of `Benchmark`.

    References:
        A. Janot, M. Gautier, M. Brunot, "Data set and reference models of EMPS", Workshop on
        Nonlinear System Identification Benchmarks, 2019.
    """
    names = ("vir", "t"), ("qm",)
    fitted = _read(folder, ("DATA_EMPS.mat",), *names, 2, missing)
    tested = _read(folder, ("DATA_EMPS_PULSES.mat",), *names, 21, missing)
    test = HeldOut(_samples(tested["vir"]), _samples(tested["qm"]), 20)
    step = float(fitted["t"][1] - fitted["t"][0])
    x, y = _samples(fitted["vir"]), _samples(fitted["qm"])
    return Benchmark("emps", step, x, y, {"test": test}, missing)


def coupled_drives(path: str | Path, missing: str = "error") -> Benchmark:
    """The coupled electric drives (CED): two motors and a belt on a spring, sampled at 50 Hz.

    Two records with uniform inputs, u11 to z11 and u12 to z12, run as two streams: the first 400
    of their 500 samples are fitted, the others are the test.

    Args:
        path: of ``DATAUNIF.MAT`` or ``DATAUNIF.csv``, or of the folder with it.
        missing: as of `Benchmark`.

    References:
        T. Wigren, M. Schoukens, "Coupled electric drives data set and reference models", Uppsala
        University, 2017.
    """
    inputs, outputs = ("u11", "u12"), ("z11", "z12")
    files = ("DATAUNIF.MAT", "DATAUNIF.mat", "DATAUNIF.csv")
    columns = _read(path, files, inputs, outputs, 405, missing)
    x = np.stack([columns[name] for name in inputs], axis=1)[..., None]  # (time, streams, 1)
    y = np.stack([columns[name] for name in outputs], axis=1)[..., None]
    tests = {"test": HeldOut(x[400:], y[400:], 4)}
    return Benchmark("coupled_drives", 0.02, x[:400], y[:400], tests, missing)


def _read(
    path: str | Path,
    files: Sequence[str],
    inputs: Sequence[str],
    outputs: Sequence[str],
    least: int,
    missing: str,
) -> dict[str, Array]:
    """Columns of a file, or of the first of some files in a folder.

    Raises:
        FileNotFoundError: there is none.
        TableError: a column is missing or wrong, or the samples are less than `least`.
        ValueError: `missing` is neither ``"error"`` nor ``"mask"``.
    """
    require_one_of("missing", missing, ("error", "mask"))
    path = Path(path)
    if path.is_dir():
        found = [path / name for name in files if (path / name).is_file()]
        if not found:
            raise FileNotFoundError(f"no {' nor '.join(files)} in {str(path)!r}")
        path = found[0]
    read: Any = read_arrays if path.suffix.lower() in SUFFIXES else read_columns
    optional = outputs if missing == "mask" else ()
    columns: dict[str, Array] = read(path, (*inputs, *outputs), optional=optional)
    for name, column in columns.items():
        if column.ndim != 1 or len(column) < least:
            raise TableError(
                f"{path}, column {name!r} must be one record of {least} samples or more, "
                f"got the shape {column.shape}"
            )
    return columns


def _samples(column: Array) -> Array:
    return column[:, None, None]  # (time, 1, 1)
