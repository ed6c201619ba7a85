"""The trials of a sweep, each a run folder, by any number of workers."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import attrs
from rich.console import Console

from seqfit.cli.run import FitSamples, resume_run, run_experiment
from seqfit.cli.runs import RESULT, RunFolder
from seqfit.fitting import DivergedError, Experiment, Fitter
from seqfit.sweeps import Sweep, read_sweep
from seqfit.sweeps.claim import Claim, Outcome
from seqfit.sweeps.folder import SweepFolder
from seqfit.sweeps.judge import Judge, Stretches

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage


def run_sweep(
    sweep: Sweep | Path,
    folder: Path | None = None,
    *,
    trials: int | None = None,
    storage: str | BaseStorage | None = None,
    checkpoint_every: int | None = None,
) -> optuna.Study:
    """Make the trials of a sweep that are left, those first whose worker has died.

    Several processes may do so side by side, in one folder or in one storage.

    Args:
        sweep: the sweep, or the path of its TOML file.
        folder: where its trials are made; None takes ``sweeps/NAME``.
        trials: how many there will be in all, over all workers and starts; None takes the
            sweep's own number.
        storage: one of Optuna's, or its URL; None takes a SQLite file in the folder.
        checkpoint_every: samples from checkpoint to checkpoint of a trial; None takes one now and
            then.

    Returns:
        Optuna's study of all trials. Some of them are running where others are at work on them,
        or where Ctrl-C was pressed.

    Raises:
        ConfigurationError: something in the sweep is unknown or wrong.
        FileExistsError: the folder or the storage holds another sweep of this name.
    """
    sweep = read_sweep(sweep) if isinstance(sweep, Path) else sweep
    worker = Worker.begin(sweep, folder, storage, checkpoint_every, Console(quiet=True))
    worker.work(sweep.trials if trials is None else trials)
    return worker.where.study()


@final
@attrs.define(eq=False)
class Worker:
    """Makes trials one after the other.

    Attributes:
        where: the folder of the sweep.
        judge: scores them.
        checkpoint_every: see `run_sweep`.
        console: where people read along.
        interrupted: whether Ctrl-C was pressed.
    """

    where: SweepFolder
    judge: Judge
    checkpoint_every: int | None
    console: Console
    interrupted: bool = False

    @classmethod
    def begin(
        cls,
        sweep: Sweep,
        folder: Path | None,
        storage: str | BaseStorage | None,
        checkpoint_every: int | None,
        console: Console,
    ) -> Worker:
        """A worker of a new sweep, or of one that was begun; arguments as in `run_sweep`."""
        judge = Judge(sweep)
        judge.score(Fitter.of(sweep.experiment))  # what can't be judged is an error before a folder
        where = SweepFolder.begin(folder or Path("sweeps") / sweep.name, sweep, storage)
        return cls(where, judge, checkpoint_every, console)

    def work(self, trials: int) -> None:
        """Make trials until there are so many, over all workers, or it is interrupted."""
        left_alone: set[int] = set()
        while not self.interrupted:
            begin = time.perf_counter()
            with self.where.claim(trials, left_alone) as claim:
                if claim is None:
                    return
                try:
                    self._make(claim, begin)
                except BlockingIOError as error:  # somebody resumes its run by hand
                    left_alone.add(claim.number)
                    self._say(claim, f"is left alone: {error}")

    def _make(self, claim: Claim, begin: float) -> None:
        if not isinstance(claim.experiment, Experiment):
            self._tell(claim, "failed", reason=str(claim.experiment))
            return
        reports, judge = self.where.sweep.reports, self.judge
        stretches = Stretches(reports, set(claim.scores()), judge, claim.report)
        try:
            result = self._run(claim, claim.experiment, stretches.fit)
        except DivergedError as error:
            self._tell(claim, "diverged", reason=str(error))
            return
        except (ValueError, RuntimeError, ArithmeticError, MemoryError) as error:
            self._tell(claim, "failed", reason=str(error) or type(error).__name__)
            return
        self.interrupted, score = result["interrupted"], claim.scores().get(reports)
        unfinished = self.interrupted and score is None and not stretches.given_up
        if unfinished:
            self._say(claim, "is interrupted; it goes on when the sweep is started again")
            return
        claim.keep_seconds(stretches.seconds, time.perf_counter() - begin - stretches.seconds)
        if score is not None:
            self._tell(claim, "complete", score)
        elif stretches.given_up:
            self._tell(claim, "pruned")
        else:
            reason = f"the {self.where.sweep.metric} of its free run is not finite"
            self._tell(claim, "diverged", reason=reason)

    def _run(self, claim: Claim, what: Experiment, fit: FitSamples) -> dict[str, Any]:
        """Begin the trial's run, or go on with it, or take what it has come to."""
        silent, name = Console(quiet=True), f"trial {claim.number}"
        if not RunFolder(claim.folder).holds_a_run:
            return run_experiment(what, claim.folder, name, silent, self.checkpoint_every, fit=fit)
        is_judged = self.where.sweep.reports in claim.scores()
        if is_judged and (claim.folder / RESULT).exists():
            ended: dict[str, Any] = json.loads((claim.folder / RESULT).read_text(encoding="utf-8"))
            return ended
        self._say(claim, "goes on")
        return resume_run(claim.folder, silent, self.checkpoint_every, fit=fit)

    def _tell(
        self, claim: Claim, outcome: Outcome, score: float | None = None, reason: str = ""
    ) -> None:
        claim.tell(outcome, score, reason)
        ending = outcome if score is None else f"{self.where.sweep.metric} {score:.4g}"
        chosen = ", ".join(f"{path} {short(value)}" for path, value in claim.parameters.items())
        self._say(claim, f"{ending}{f' ({reason})' if reason else ''}: {chosen}")

    def _say(self, claim: Claim, what: str) -> None:
        text = f"trial {claim.number} {what}"
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


def short(value: Any) -> str:
    """A value to three digits."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
