"""Checkpoints taken on the way: a fit that is killed goes on from the last of them."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from seqfit.fitting.callbacks import Callback
from seqfit.fitting.checkpoint import CheckpointError, remove_unfinished
from seqfit.fitting.ranks import Ranks
from seqfit.validators import is_finite, require_positive_int

if TYPE_CHECKING:
    from seqfit.fitting.fitter import Fitter

_NAME = re.compile(r"checkpoint-(\d{12})\.safetensors")


@final
class Checkpoints(Callback):
    """Saves a fit every so many samples or seconds, and keeps the last few files.

    A file is complete and on the disk before an older one is removed, so that at any moment at
    least one can be read. Updates are made many at a time, and a checkpoint is taken after them:
    at or soon after the sample that was asked for.

    Args:
        folder: where to; it is made if it is not there.
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
        if seconds is not None and not (is_finite(seconds) and seconds > 0):
            raise ValueError(f"seconds must be a positive, finite number, got {seconds!r}")
        require_positive_int("keep", keep)
        self._folder, self._samples, self._seconds, self._keep = (
            Path(folder), samples, seconds, keep,
        )  # fmt: skip
        self._saved_at: int | None = None
        self._saved_when = time.monotonic()

    def wants(self, fitter: Fitter) -> bool:
        now = fitter.report.samples
        if self._saved_at is None:  # the fit has just begun, or goes on from a checkpoint
            self._saved_at = 0 if not checkpoints_in(self._folder) else now
        by_samples = self._samples is not None and now - self._saved_at >= self._samples
        by_time = self._seconds is not None and time.monotonic() - self._saved_when >= self._seconds
        return by_samples or by_time

    def act(self, fitter: Fitter) -> None:
        self.take(fitter)

    def take(self, fitter: Fitter) -> None:
        """Save now, and remove what is older than the last few."""
        samples, ranks = fitter.report.samples, fitter.ranks
        ranks.on_first(lambda: self._folder.mkdir(parents=True, exist_ok=True))
        fitter.save(self._folder / f"checkpoint-{samples:012}.safetensors")
        if ranks.is_first:
            for path in checkpoints_in(self._folder)[self._keep :]:
                path.unlink()
        self._saved_at, self._saved_when = samples, time.monotonic()


def checkpoints_in(folder: Path) -> list[Path]:
    """The checkpoints that were taken in a folder, the newest first."""
    if not folder.is_dir():
        return []
    return sorted((p for p in folder.iterdir() if _NAME.fullmatch(p.name)), reverse=True)


def load_latest(
    folder: Path,
    *,
    callbacks: tuple[Callback, ...] = (),
    ranks: Ranks | None = None,
    **parts: Any,
) -> tuple[Fitter, list[CheckpointError]]:
    """The fit of the newest checkpoint that can be read.

    What a killed process left half-written is removed.

    Args:
        folder: where `Checkpoints` were taken.
        callbacks: told of each update.
        ranks: the processes that fit together, all of which call this; None for this one alone.
        parts: see `Fitter.load`.

    Returns:
        The fitter, and what was wrong with each newer file.

    Raises:
        FileNotFoundError: there is no checkpoint.
        CheckpointError: none can be read; it tells what is wrong with the newest.
    """
    from seqfit.fitting.fitter import Fitter

    ranks = Ranks() if ranks is None else ranks
    paths = ranks.on_first(lambda: checkpoints_in(folder))
    if not paths:
        raise FileNotFoundError(f"no checkpoint in {str(folder)!r}")
    if ranks.is_first:
        with contextlib.suppress(OSError):
            remove_unfinished(folder)
    damaged: list[CheckpointError] = []
    for path in paths:
        try:
            return Fitter.load(path, callbacks=callbacks, ranks=ranks, **parts), damaged
        except CheckpointError as error:
            damaged.append(error)
    raise damaged[0]
