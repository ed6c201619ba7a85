"""Checkpoints taken on the way: a fit that is killed goes on from the last of them."""

from __future__ import annotations

import contextlib
import re
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from seqfit.fitting.callbacks import Callback
from seqfit.fitting.checkpoint import CheckpointError, remove_unfinished
from seqfit.fitting.experiment import Experiment, differing
from seqfit.fitting.ranks import Ranks
from seqfit.validators import require_positive, require_positive_int

if TYPE_CHECKING:
    from seqfit.fitting.fitter import Fitter
    from seqfit.fitting.snapshot import Snapshot

_NAME = re.compile(r"checkpoint-(\d{12})\.safetensors")


@final
class Checkpoints(Callback):
    """Saves a fit every so many samples or seconds, and keeps the last few files.

    A file is complete and on the disk before another is removed, so that at any moment at least
    one can be read. It is written while the fit goes on, which waits for it where the next one is
    due, or at its end. Updates are made many at a time, and a checkpoint is taken after them: at
    or soon after the sample that was asked for.

    Args:
        folder: where to, for one fit alone: it is made if it is not there, and checkpoints in it
            of more samples than the fit has, which it then does not come from, are removed.
        samples: from checkpoint to checkpoint, over all streams; None leaves it to the seconds.
        seconds: likewise; None leaves it to the samples.
        keep: how many files are kept.

    Raises:
        ValueError: neither samples nor seconds are given, or a number is not positive.
    """

    every_update = False

    def __init__(
        self,
        folder: str | Path,
        *,
        samples: int | None = None,
        seconds: float | None = None,
        keep: int = 3,
    ) -> None:
        if samples is None and seconds is None:
            raise ValueError("give the samples or the seconds from checkpoint to checkpoint")
        if samples is not None:
            require_positive_int("samples", samples)
        if seconds is not None:
            require_positive("seconds", seconds)
        require_positive_int("keep", keep)
        self._folder, self._samples, self._seconds, self._keep = (
            Path(folder), samples, seconds, keep,
        )  # fmt: skip
        self._saved_at: int | None = None
        self._saved_when = time.monotonic()
        self._has_taken = False
        self._writing: Future[None] | None = None

    @property
    def has_taken(self) -> bool:
        """Whether it has saved the fit at all."""
        return self._has_taken

    def wants(self, fitter: Fitter) -> bool:
        now = fitter.report.samples
        if self._saved_at is None:  # the fit has just begun, or goes on from a checkpoint
            self._saved_at = max((n for n in map(_samples, self._files()) if n <= now), default=0)
        by_samples = self._samples is not None and now - self._saved_at >= self._samples
        by_time = self._seconds is not None and time.monotonic() - self._saved_when >= self._seconds
        return by_samples or by_time

    def act(self, fitter: Fitter) -> None:
        self.take(fitter)

    def after_fit(self, fitter: Fitter) -> None:
        self._finish_writing()

    def take(self, fitter: Fitter) -> None:
        """Begin to save now; what is older than the last few is removed when that is done.

        Raises:
            OSError: the one before could not be written.
        """
        fitter.ranks.on_first(self._make_ready)
        snapshot = fitter.snapshot()
        if fitter.ranks.is_first:
            writer = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
            self._writing = writer.submit(self._write, snapshot)
            writer.shutdown(wait=False)
        self._saved_at, self._saved_when = snapshot.samples, time.monotonic()
        self._has_taken = True

    def _make_ready(self) -> None:
        self._finish_writing()
        self._folder.mkdir(parents=True, exist_ok=True)

    def _write(self, snapshot: Snapshot) -> None:
        snapshot.write(self._folder / f"checkpoint-{snapshot.samples:012}.safetensors")
        files = self._files()
        newer = [path for path in files if _samples(path) > snapshot.samples]
        for path in (*newer, *files[len(newer) + self._keep :]):
            path.unlink()

    def _finish_writing(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def _files(self) -> list[Path]:
        return checkpoints_in(self._folder)


def _samples(path: Path) -> int:
    """After how many samples a checkpoint was taken."""
    return int(path.stem.rpartition("-")[2])


def checkpoints_in(folder: Path) -> list[Path]:
    """The checkpoints that were taken in a folder, the newest first."""
    if not folder.is_dir():
        return []
    found = (p for p in folder.iterdir() if _NAME.fullmatch(p.name) and p.is_file())
    return sorted(found, reverse=True)


def load_latest(
    folder: Path,
    *,
    callbacks: tuple[Callback, ...] = (),
    ranks: Ranks | None = None,
    experiment: Experiment | None = None,
    skip: int = 0,
    **parts: Any,
) -> tuple[Fitter, list[CheckpointError]]:
    """The fit of the newest checkpoint that can be read.

    What a killed process left half-written is removed.

    Args:
        folder: where `Checkpoints` were taken.
        callbacks: told of each update.
        ranks: the processes that fit together, all of which call this; None for this one alone.
        experiment: what is fitted in the folder; a checkpoint of another is as good as damaged.
            None takes any.
        skip: how many of the newest are passed over.
        parts: see `Fitter.load`.

    Returns:
        The fitter, and what was wrong with each newer file.

    Raises:
        FileNotFoundError: there is no checkpoint.
        CheckpointError: none can be read; it tells what is wrong with the newest.
    """
    ranks = Ranks() if ranks is None else ranks
    paths = ranks.on_first(lambda: checkpoints_in(folder)[skip:])
    if not paths:
        raise FileNotFoundError(f"no checkpoint in {str(folder)!r}")
    if ranks.is_first:
        with contextlib.suppress(OSError):
            remove_unfinished(folder)
    damaged: list[CheckpointError] = []
    for path in paths:
        try:
            fitter = load_of(path, experiment, callbacks=callbacks, ranks=ranks, **parts)
            return fitter, damaged
        except CheckpointError as error:
            damaged.append(error)
    raise damaged[0]


def load_of(
    path: Path,
    experiment: Experiment | None,
    *,
    callbacks: tuple[Callback, ...],
    ranks: Ranks | None = None,
    **parts: Any,
) -> Fitter:
    """The fitter in a file, which must be of an experiment where one is given.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it can't be read, or is of another experiment.
    """
    from seqfit.fitting.fitter import Fitter

    fitter = Fitter.load(path, callbacks=callbacks, ranks=ranks, **parts)
    if experiment is not None:
        found = differing(fitter.experiment, experiment)
        if found is not None:
            name, there, here = found
            raise CheckpointError(
                f"{path} is of another experiment: its {name} is {there}, not {here}"
            )
    return fitter
