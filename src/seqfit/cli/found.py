"""The fit in a run folder as somebody finds it who looks in, finished or not."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from pathlib import Path
from typing import Any, final

import attrs
from rich.console import Console

from seqfit import configuration
from seqfit.cli.run_files import read_result
from seqfit.cli.runs import (
    CHECKPOINT,
    CHECKPOINTS,
    EXPERIMENT,
    LIVE,
    METRICS,
    RESULT,
    SEARCH,
    TIME,
    RunFolder,
)
from seqfit.fitting import CheckpointError, Fitter, read_experiment, to_toml
from seqfit.fitting.checkpoints import checkpoints_in
from seqfit.fitting.experiment import differing
from seqfit.limits import read_text
from seqfit.plugins import PluginError


@final
@attrs.frozen(eq=False)
class Found:
    """A fit, and how it is with the folder that it is in.

    Attributes:
        folder: where it is.
        fitter: the fit as it was left; where it goes on at this moment, as its newest checkpoint
            has it.
        at_work: what another process does in the folder at this moment; None where there is none.
        mismatch: what is wrong with the folder's experiment, which is not that of the fit; None
            where it is.
        stamp: tells whether the file of the fit is still the same.
    """

    folder: RunFolder
    fitter: Fitter
    at_work: str | None
    mismatch: str | None
    stamp: object

    @classmethod
    def at(cls, run: Path) -> Found:
        """What a folder has.

        Raises:
            FileNotFoundError: there is no such folder, it is none of a run, or there is no fit in
                it yet.
            CheckpointError: its file is damaged, or needs a part that is not installed.
        """
        folder = RunFolder.open(run)
        if not folder.is_at_work:
            return cls.of(folder)
        at_work, stamp = None, _stamp(folder)
        if (newest := _newest_checkpoint(folder)) is not None:
            fitter = newest
            at_work = (
                f"{run} is being fitted at this moment, by another process: this is its newest "
                f"checkpoint, after {_how_far(folder, fitter)} samples"
            )
        elif (folder.path / CHECKPOINT).exists():
            fitter = folder.fitter()
            at_work = (
                f"Another process is at work in {run} at this moment: this is the fit as it was "
                f"left, after {fitter.report.samples:,} samples"
            )
        else:
            raise FileNotFoundError(_nothing_yet(folder))
        return cls(folder, fitter, at_work, _mismatch(folder, fitter), stamp)

    @classmethod
    def of(cls, folder: RunFolder) -> Found:
        """What a folder has in which no other process is at work; raises as `at` does."""
        stamp = _stamp(folder)
        fitter = folder.fitter()
        return cls(folder, fitter, None, _mismatch(folder, fitter), stamp)

    @property
    def is_on_its_way(self) -> bool:
        """Whether there is more to come, and so nothing that was found of it before holds."""
        return self.at_work is not None and self.fitter.samples_left > 0

    @property
    def remarks(self) -> tuple[str, ...]:
        """What has to be known of the fit, for people."""
        remarks = [] if self.at_work is None else [f"{self.at_work}."]
        if self.mismatch is not None:
            path = self.folder.path
            remarks.append(
                f"{self.mismatch}. What is shown is the fit in {path / CHECKPOINT}, and its "
                f"experiment is at the end of what 'seqfit report {path}' writes."
            )
        return tuple(remarks)

    def tell(self, console: Console) -> None:
        """Say what has to be known of the fit."""
        for remark in self.remarks:
            console.print(remark, style="yellow", markup=False, highlight=False, soft_wrap=True)

    def result(self) -> dict[str, Any]:
        """What the fit came to, or has come to so far.

        Raises:
            FileNotFoundError: the fit did not come to its end.
            ValueError: the file is damaged, of another fit, or of another version of seqfit.
        """
        folder, report = self.folder, self.fitter.report
        if self.at_work is not None and (self.is_on_its_way or not (folder.path / RESULT).exists()):
            return attrs.asdict(report) | {"interrupted": False} | _spent(folder)
        result = read_result(folder)
        if (result["samples"], result["updates"]) != (report.samples, report.updates):
            raise ValueError(
                f"{folder.path / RESULT} is of another fit than {folder.path / CHECKPOINT}: it "
                f"tells of {result['samples']:,} samples, not {report.samples:,}; without it "
                f"'seqfit resume {folder.path}' writes it anew"
            )
        return result

    def leave(self, name: str, data: dict[str, Any]) -> str:
        """Leave what was found of the fit in its folder, unless the fit has gone on.

        Returns:
            Where it is, for people.
        """
        if self.at_work is not None or _stamp(self.folder) != self.stamp:
            return "not kept, since another process is at work in the folder"
        self.folder.write_json(name, data)
        return f"in {self.folder.path / name}"


def _stamp(folder: RunFolder) -> object:
    with contextlib.suppress(OSError):
        status = (folder.path / CHECKPOINT).stat()
        return status.st_ino, status.st_size, status.st_mtime_ns
    return None


def _newest_checkpoint(folder: RunFolder) -> Fitter | None:
    """The fit as the newest checkpoint has it that can be read; None where there is none.

    Nothing is tidied up: another process writes there.
    """
    for path in checkpoints_in(folder.path / CHECKPOINTS):
        with contextlib.suppress(CheckpointError, FileNotFoundError):  # it may be gone by now
            return Fitter.load(path)
    return None


def _how_far(folder: RunFolder, fitter: Fitter) -> str:
    is_live = (folder.path / LIVE).exists()  # nobody knows how many will come
    return f"{fitter.report.samples:,}" + ("" if is_live else f" of {fitter.samples:,}")


def _nothing_yet(folder: RunFolder) -> str:
    """Why there is nothing to look at in a folder where another process is at work."""
    path = folder.path
    if (path / SEARCH).exists():
        return f"a search for a recipe is at work in {path}: there is no fit before its end"
    so_far = ""
    with contextlib.suppress(OSError, ValueError, IndexError):
        *_, (samples, loss) = csv.reader(io.StringIO(read_text(path / METRICS)))
        so_far = f", but a loss of {float(loss):.3g} after {int(samples):,} samples"
    return (
        f"{path} is being fitted at this moment, by another process, and has no "
        f"checkpoint yet{so_far}: wait for one; they are taken every 30 seconds, or as "
        "--checkpoint-every says"
    )


def _spent(folder: RunFolder) -> dict[str, Any]:
    """The time that a fit which goes on has taken, as far as its folder tells."""
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError, ZeroDivisionError):
        told = json.loads(read_text(folder.path / TIME))
        seconds, samples = float(told["seconds"]), int(told["samples_timed"])
        return {"seconds": seconds, "us_per_sample": seconds / samples * 1e6}
    return {"seconds": None, "us_per_sample": None}


def _mismatch(folder: RunFolder, fitter: Fitter) -> str | None:
    """What is wrong with the experiment in a folder, if it is not what was fitted."""
    path = folder.path / EXPERIMENT
    try:
        fitted = to_toml(fitter.experiment)
    except configuration.NotSerialisable:
        return None  # the file says so
    try:
        written = configuration.read_toml(read_text(path), str(path))
        if written == configuration.read_toml(fitted):
            return None
        found = differing(read_experiment(path), fitter.experiment)
    except FileNotFoundError:
        return f"{path} is not there"
    except (PluginError, ValueError, TypeError, OSError) as error:
        said = str(error)
        return said if str(path) in said else f"{path} can't be read: {said}"
    if found is None:
        return None
    name, there, here = found
    return f"{path} is not what was fitted: its {name} is {there}, not {here}"
