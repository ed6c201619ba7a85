"""The run folder: what a fit leaves behind."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, final

import attrs
import filelock

from seqfit.fitting import (
    Callback,
    CheckpointError,
    Checkpoints,
    Experiment,
    Fitter,
    Ranks,
    load_latest,
    to_toml,
)
from seqfit.fitting.checkpoint import remove_unfinished, write_atomically
from seqfit.fitting.checkpoints import checkpoints_in, load_of
from seqfit.fitting.tensorboard import TensorBoard
from seqfit.limits import read_text
from seqfit.validators import is_finite

EXPERIMENT = "experiment.toml"
METRICS = "metrics.csv"
CHECKPOINT = "fitter.safetensors"
CHECKPOINTS = "checkpoints"
SEARCH = "search.json"
LIVE = "live.json"
LOCK = ".lock"
RESULT = "result.json"
TIME = "time.json"
PICTURE = "fit.png"
TENSORBOARD = "tensorboard"
EVALUATION = "evaluation.json"
DIAGNOSIS = "diagnosis.json"
MENDING = "mending.json"
ASKED = "asked.toml"
"""The experiment that was asked for, where --fix has changed it."""
ADOPTED = "adopted"
"""A fit that takes the place of the one in the folder, until all of its files are moved."""
OF_ONE_FIT = (RESULT, PICTURE, DIAGNOSIS, EVALUATION)
"""Files that tell of a fit, and of no other."""
PATIENCE = 0.5
"""Seconds within which a folder may become free: who only looks in holds it for a moment."""
SECONDS_BETWEEN = 30.0
"""From checkpoint to checkpoint, where it is not said in samples; and for what people read."""


@final
@attrs.frozen
class RunFolder:
    """A folder for one run, in which the first of its ranks alone writes.

    Attributes:
        path: the folder.
        ranks: the processes of the run.
    """

    path: Path
    ranks: Ranks = attrs.field(factory=Ranks)

    @classmethod
    def create(
        cls,
        path: Path | None,
        name: str,
        claim: str,
        content: str,
        ranks: Ranks | None = None,
    ) -> RunFolder:
        """A new folder, or one without a run, claimed by the file that says what is run in it.

        Args:
            path: where to; None takes the next free ``runs/NAME-NNN``.
            name: used where there is no path.
            claim: name of the file, `EXPERIMENT` or `SEARCH`.
            content: what it says.
            ranks: the processes of the run; None for this one alone.

        Raises:
            FileExistsError: the folder holds a run already.
            OSError: the folder can't be made or written.
        """
        ranks = Ranks() if ranks is None else ranks
        return cls(ranks.on_first(lambda: cls._claimed(path, name, claim, content)), ranks)

    @classmethod
    def _claimed(cls, path: Path | None, name: str, claim: str, content: str) -> Path:
        if path is None:
            path = _next_free(name)
        if path.exists() and not path.is_dir():
            raise NotADirectoryError(f"--run {path} is a file, not a folder")
        path.mkdir(parents=True, exist_ok=True)
        folder = cls(path)
        try:
            with folder.locked():  # of two that begin here at once, one finds the other's claim
                if folder.holds_a_run:
                    raise FileExistsError(
                        f"--run {path} holds a run already; choose another folder"
                    )
                folder.write_text(claim, content)
        except OSError:
            folder._remove_if_empty()
            raise
        return path

    @property
    def holds_a_run(self) -> bool:
        """Whether it says what is run in it, or has the fit."""
        return any((self.path / name).exists() for name in (EXPERIMENT, SEARCH, CHECKPOINT))

    @property
    def is_at_work(self) -> bool:
        """Whether another process is at work in it."""
        if not (self.path / LOCK).exists():
            return False
        try:
            with filelock.FileLock(self.path / LOCK, timeout=0):
                return False
        except filelock.Timeout:
            return True
        except OSError:  # a folder of somebody else's, who alone may lock it
            return False

    @property
    def has_checkpoints(self) -> bool:
        """Whether a fit could go on in it."""
        return (self.path / CHECKPOINT).exists() or bool(checkpoints_in(self.path / CHECKPOINTS))

    @property
    def checkpoints_taken(self) -> int:
        """How many checkpoints of the way are there."""
        return len(checkpoints_in(self.path / CHECKPOINTS))

    @classmethod
    def open(cls, path: Path, ranks: Ranks | None = None) -> RunFolder:
        """A folder that a fit has left.

        Args:
            path: the folder.
            ranks: the processes of the run; None for this one alone.

        Raises:
            FileNotFoundError: there is none.
            NotADirectoryError: it is a file.
        """
        ranks = Ranks() if ranks is None else ranks
        ranks.on_first(lambda: cls._require_run(path))
        return cls(path, ranks)

    @classmethod
    def _require_run(cls, path: Path) -> None:
        if not path.exists():
            raise FileNotFoundError(f"no run folder at {str(path)!r}; 'seqfit fit' makes one")
        if not path.is_dir():
            raise NotADirectoryError(f"{path} is a file, not a run folder")
        folder = cls(path)
        if (path / ADOPTED).is_dir():
            with contextlib.suppress(BlockingIOError), folder.locked():
                folder._take_adopted()
        if not folder.holds_a_run:
            raise FileNotFoundError(f"{path} is no run folder: it has no {EXPERIMENT}")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out; the lock of a process that has died holds nobody out.

        Raises:
            BlockingIOError: another process is at work in the folder.
        """
        lock = filelock.FileLock(self.path / LOCK)

        def acquire() -> None:
            try:
                lock.acquire(timeout=PATIENCE, poll_interval=PATIENCE / 20)
            except filelock.Timeout:
                raise BlockingIOError(f"another process is at work in {self.path}") from None
            remove_unfinished(self.path)

        self.ranks.on_first(acquire)
        try:
            yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def at_work(self, claim: str) -> Iterator[None]:
        """Keep others out, and leave the folder free where the work fails before it has begun.

        Args:
            claim: see `create`.

        Raises:
            BlockingIOError: another process is at work in the folder.
        """
        with self.locked():
            try:
                yield
            except Exception:
                if self.ranks.is_first and not self.has_checkpoints:
                    (self.path / claim).unlink(missing_ok=True)
                    self._remove_if_empty()
                raise

    def _remove_if_empty(self) -> None:
        """Remove the folder where it holds nothing but its lock."""
        lock = self.path / LOCK
        with contextlib.suppress(OSError):
            if [*self.path.iterdir()] == [lock]:
                lock.unlink()
                self.path.rmdir()

    def checkpoints(self, samples: int | None) -> Checkpoints:
        """Takes checkpoints while a fit runs: every half minute, or every so many samples."""
        seconds = SECONDS_BETWEEN if samples is None else None
        return Checkpoints(self.path / CHECKPOINTS, samples=samples, seconds=seconds)

    def ask_for_tensorboard(self) -> None:
        """Make the folder of logs for TensorBoard: a run that has one is logged."""
        self.ranks.on_first(lambda: (self.path / TENSORBOARD).mkdir(exist_ok=True))

    def tensorboard(self, name: str = "") -> tuple[Callback, ...]:
        """What logs a fit for TensorBoard, where that was asked for.

        Args:
            name: of one fit among several of the run.

        Raises:
            TensorBoardUnavailableError: the extra ``tensorboard`` is not installed.
        """
        if not self.ranks.on_first((self.path / TENSORBOARD).is_dir):
            return ()
        return (TensorBoard(self.path / TENSORBOARD / name),)

    def unfinished(
        self, experiment: Experiment, callbacks: tuple[Callback, ...], skip: int = 0
    ) -> tuple[Fitter | None, list[str]]:
        """The fit as its last checkpoint has it; None where there is none yet.

        Args:
            experiment: what is fitted in the folder.
            callbacks: told of each update.
            skip: how many of the newest checkpoints are passed over.

        Returns:
            The fitter, and what was wrong with newer files.

        Raises:
            CheckpointError: there are checkpoints, but none can be read.
        """
        ended = self.path / CHECKPOINT
        if skip > self.ranks.on_first(lambda: self.checkpoints_taken):
            return None, []
        try:  # those on the way are removed at the end: where there are any, they are newer
            fitter, damaged = load_latest(
                self.path / CHECKPOINTS,
                callbacks=callbacks,
                ranks=self.ranks,
                experiment=experiment,
                skip=skip,
            )
            return fitter, [str(error) for error in damaged]
        except FileNotFoundError:
            messages = []
        except CheckpointError as error:
            if not self.ranks.on_first(ended.exists):
                raise
            messages = [str(error)]
        if not self.ranks.on_first(ended.exists):
            return None, messages
        fitter = load_of(ended, experiment, callbacks=callbacks, ranks=self.ranks)
        return fitter, messages

    def finish(self, fitter: Fitter) -> None:
        """Save the fit as it is in the end; the checkpoints on the way are then not needed.

        What was found of the fit as it was before goes first: nobody is to take it for what is
        there, and killed in between, the run is resumed to its result.
        """
        if self.ranks.is_first:
            self._forget()
        fitter.save(self.path / CHECKPOINT)
        if self.ranks.is_first:
            shutil.rmtree(self.path / CHECKPOINTS, ignore_errors=True)

    def _forget(self) -> None:
        for name in OF_ONE_FIT:
            (self.path / name).unlink(missing_ok=True)

    def adopt(self, best: Fitter, mending: dict[str, Any]) -> None:
        """Put another fit in the place of the one that is there.

        The experiment that was asked for at first is kept. Killed on its way, the folder holds one
        or the other, as soon as it is opened again.

        Args:
            best: the other fit.
            mending: how it was found, for `MENDING`.
        """
        fresh = RunFolder(self.path / f".{ADOPTED}")
        shutil.rmtree(fresh.path, ignore_errors=True)
        fresh.path.mkdir()
        if not (self.path / ASKED).exists():
            fresh.write(ASKED, (self.path / EXPERIMENT).read_bytes())
        fresh.write_json(MENDING, mending)
        fresh.write_text(EXPERIMENT, to_toml(best.experiment))
        fresh.finish(best)
        fresh.write_metrics(best)
        report = best.report
        spent = {"seconds": report.seconds, "samples_timed": report.samples_timed}
        fresh.write_json(TIME, spent)
        fresh.path.replace(self.path / ADOPTED)
        self._take_adopted()

    def _take_adopted(self) -> None:
        adopted = self.path / ADOPTED
        if not adopted.is_dir():
            return
        self._forget()
        for path in sorted(adopted.iterdir()):
            path.replace(self.path / path.name)
        adopted.rmdir()

    def fitter(self) -> Fitter:
        """The fit as it was left.

        Raises:
            FileNotFoundError: the fit did not come to its end.
            CheckpointError: its file is damaged, or needs a part that is not installed.
        """
        if not (self.path / CHECKPOINT).exists():
            raise FileNotFoundError(
                f"the fit in {self.path} did not come to its end: there is no {CHECKPOINT}; go on "
                f"with 'seqfit resume {self.path}'"
            )
        return Fitter.load(self.path / CHECKPOINT)

    def seconds_of_fit(self) -> float | None:
        """What the fit took, over all processes that worked at it; None where nothing tells."""
        for name in (TIME, RESULT):  # a search for a recipe leaves the second alone
            try:
                told = json.loads(read_text(self.path / name))["seconds"]
            except (OSError, ValueError, KeyError, TypeError, RecursionError):
                continue
            if is_finite(told) and told > 0:
                return float(told)
        return None

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all."""
        if not self.ranks.is_first:
            return
        write_atomically(self.path / name, lambda file: file.write(content))

    def write_text(self, name: str, content: str) -> None:
        """Write a text file, whole or not at all."""
        self.write(name, content.encode())

    def write_metrics(self, fitter: Fitter) -> None:
        """Write the course of the loss as CSV: samples fitted, and the mean loss up to there."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["samples", "loss"])
        writer.writerows(zip(*fitter.loss_curve, strict=True))
        self.write_text(METRICS, text.getvalue())

    def write_json(self, name: str, data: dict[str, Any]) -> None:
        """Write data as JSON, whole or not at all."""
        self.write_text(name, json.dumps(data, indent=2) + "\n")


def _next_free(name: str) -> Path:
    """A new folder below ``runs``, which no other process is given."""
    for number in itertools.count(1):
        path = Path("runs") / f"{name}-{number:03d}"
        with contextlib.suppress(FileExistsError):
            path.mkdir(parents=True)
            return path
    raise AssertionError("numbers have no end")
