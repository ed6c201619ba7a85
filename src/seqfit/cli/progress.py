"""The progress line of a fit, and its clean end at Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from types import FrameType
from typing import final

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from seqfit.diagnosis.watch import Watch
from seqfit.fitting.callbacks import Callback, StopFitting
from seqfit.fitting.fitter import Fitter

SECONDS_BETWEEN = 0.2


@final
class ProgressLine(Callback):
    """Shows samples fitted, samples per second, the loss, and the time left.

    At the end that is the samples which are too few for another update, where there are any.

    Use it around the fit, as a context manager.

    Args:
        samples: how many will be fitted; None where nobody knows.
        console: where it is shown.
    """

    every_update = False

    def __init__(self, samples: int | None, console: Console) -> None:
        speed = "{task.fields[rate]:,.0f} samples/s, loss {task.fields[loss]:.3g}"
        columns: tuple[ProgressColumn, ...] = (
            TextColumn("{task.completed:,.0f}/{task.fields[wanted]:,.0f}"),
            BarColumn(bar_width=20),
            TextColumn(f"{speed},"),
            _Left(),
        )
        if samples is None:
            columns = TextColumn("{task.completed:,.0f}"), TextColumn(speed)
        self._bar = Progress(*columns, console=console)
        self._samples = samples
        self._task: TaskID = self._bar.add_task(
            "fit", total=samples, rate=0.0, loss=float("nan"), wanted=samples, over=0
        )
        self._next = 0.0
        self._told = False

    def __enter__(self) -> ProgressLine:
        self._begin = time.perf_counter()
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def before_compiling(self, fitter: Fitter) -> None:
        if not self._told:
            self._bar.console.print("compiling for this model, some seconds the first time")
        self._told = True

    def after_update(self, fitter: Fitter) -> None:
        now = time.perf_counter()
        if now >= self._next:
            self._next = now + SECONDS_BETWEEN
            self._show(fitter, now)

    def after_fit(self, fitter: Fitter) -> None:
        self._show(fitter, time.perf_counter())
        over, fitted = left_over(fitter), fitter.report.samples
        if self._samples is not None and fitted + over >= self._samples:  # no more will come
            self._bar.update(self._task, total=fitted, over=over)

    def _show(self, fitter: Fitter, now: float) -> None:
        report = fitter.report
        rate = report.samples_timed / max(now - self._begin, 1e-9)  # those of this process alone
        self._bar.update(self._task, completed=report.samples, rate=rate, loss=report.loss)


@final
class _Left(ProgressColumn):
    """The time left; in the end the samples."""

    def __init__(self) -> None:
        super().__init__()
        self._time = TimeRemainingColumn(compact=True)

    def render(self, task: Task) -> Text:
        over = task.fields["over"]
        return Text(f"{over:,} left over") if over else self._time.render(task) + Text(" left")


def left_over(fitter: Fitter) -> int:
    """How many samples over all streams a fit has taken, and waits with for another update."""
    taken = fitter.samples - fitter.samples_left
    if fitter.signal is None:
        taken = fitter.samples_given * fitter.schedule.streams
    return max(taken - fitter.report.samples, 0)


def warnings_of(samples: int | None, console: Console) -> Watch:
    """Says in words, above the progress line and once of each, what is bad in the middle of a fit.

    Args:
        samples: how many will be fitted; None where nobody knows.
        console: where it is said.
    """

    def tell(words: str) -> None:
        console.print(Text(words, style="yellow"), soft_wrap=True)

    return Watch(samples, tell)


@final
class StopOnInterrupt(Callback):
    """Ends the fit when Ctrl-C is pressed, after the present update or before one that solves.

    A second one kills.
    """

    every_update = False

    def __init__(self) -> None:
        self.interrupted = False

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take over the interrupt signal for a while."""

        def note(_number: int, _frame: FrameType | None) -> None:
            self.interrupted = True
            signal.signal(signal.SIGINT, before)

        before = signal.getsignal(signal.SIGINT)
        signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def wants(self, fitter: Fitter) -> bool:
        return self.interrupted

    def act(self, fitter: Fitter) -> None:
        self.interrupted = True
        raise StopFitting

    def while_solving(self, fitter: Fitter) -> None:
        self.while_waiting(fitter)

    def while_waiting(self, fitter: Fitter) -> None:
        if self.interrupted:
            raise StopFitting
