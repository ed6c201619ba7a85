"""What a run folder says of a fit while it runs: the course of the loss, and the time spent."""

from __future__ import annotations

import json
import time
from typing import Any, final

import attrs

from seqfit.cli.runs import SECONDS_BETWEEN, TIME, RunFolder
from seqfit.configuration import ConfigurationError
from seqfit.fitting import Callback, Fitter
from seqfit.limits import in_short, read_text


@final
class Journal(Callback):
    """Keeps the course of the loss and the time spent up to date in a run folder.

    The course is thinned as it grows, see `LossCurve`, and the files are replaced: they stay small
    however long a run is. The time is that of all processes that have worked at the run. It is no
    part of the fit's state, which is the same for a run that was stopped and one that was not.
    """

    every_update = False

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._seconds, self._samples = 0.0, 0
        path = folder.path / TIME
        if path.exists():
            try:
                before = json.loads(read_text(path))
                self._seconds, self._samples = before["seconds"], before["samples_timed"]
            except (ValueError, LookupError, TypeError) as error:
                raise ConfigurationError(
                    f"{path} is damaged: {in_short(error)}; without it the time before is forgotten"
                ) from error
        self._written = time.monotonic()

    def after_update(self, fitter: Fitter) -> None:
        if time.monotonic() - self._written >= SECONDS_BETWEEN:
            self._write(fitter)

    def after_fit(self, fitter: Fitter) -> None:
        self._write(fitter)

    def report(self, fitter: Fitter) -> dict[str, Any]:
        """The fitter's report as plain data, with the time of all processes."""
        spent = self._spent(fitter)
        us = spent["seconds"] / max(spent["samples_timed"], 1) * 1e6
        return attrs.asdict(fitter.report) | spent | {"us_per_sample": us}

    def _spent(self, fitter: Fitter) -> dict[str, Any]:
        """Seconds, and the samples that were fitted in them, those fitted again too."""
        report = fitter.report
        return {
            "seconds": self._seconds + report.seconds,
            "samples_timed": self._samples + report.samples_timed,
        }

    def _write(self, fitter: Fitter) -> None:
        if not self._folder.ranks.is_first:
            return
        # The time first: killed in between, no sample in the course is without its time.
        self._folder.write_json(TIME, self._spent(fitter))
        self._folder.write_metrics(fitter)
        self._written = time.monotonic()
