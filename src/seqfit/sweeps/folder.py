"""The folder of a sweep: which worker makes which trial, however many they are or die."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import final

import attrs
import filelock
import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from seqfit.fitting.checkpoint import write_atomically
from seqfit.limits import read_text
from seqfit.sweeps.claim import EXHAUSTED, Claim
from seqfit.sweeps.drivers import open_storage, sqlite, without_warnings
from seqfit.sweeps.sweep import Sweep, from_toml, to_toml

SWEEP = "sweep.toml"
STUDY = "study.db"
TRIALS = "trials"
_LOCK = ".lock"
_FOLDER = ".folder"
_CLAIM = ".claim"
_SURPLUS = "surplus"


@final
@attrs.frozen(eq=False)
class SweepFolder:
    """A folder in which trials of a sweep are made, and the study that knows them all.

    A trial belongs to the folder in which it was begun, where its checkpoints are; it is held by
    a lock on a file there, which a dead process does not hold.

    Attributes:
        path: the folder.
        sweep: what it is about.
        storage: where the study is.
        identity: of the folder, among those that share the storage.
    """

    path: Path
    sweep: Sweep
    storage: BaseStorage
    identity: str

    @classmethod
    def begin(cls, path: Path, sweep: Sweep, storage: str | BaseStorage | None) -> SweepFolder:
        """A new folder, or one of the same sweep.

        Args:
            path: the folder.
            sweep: the sweep.
            storage: one of Optuna's, or its URL; None takes a SQLite file in the folder.

        Raises:
            NotSerialisable: the sweep can't be written.
            FileExistsError: the folder, or the study of this name in the storage, is of another.
            OSError: the folder can't be made or written.
        """
        text = to_toml(sweep)
        path.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(path / _LOCK):
            _require_same(path / SWEEP, text)
            opened = open_storage(storage or sqlite(path / STUDY))
            study = optuna.create_study(
                study_name=sweep.name, storage=opened, direction="minimize", load_if_exists=True
            )
            if study.user_attrs.get("sweep", text) != text:
                raise FileExistsError(
                    f"the storage holds another sweep named {sweep.name!r}; name this one "
                    "otherwise: name = ... in [sweep]"
                )
            study.set_user_attr("sweep", text)
            _write(path / _FOLDER, uuid.uuid4().hex)
            _write(path / SWEEP, text)
            return cls(path, sweep, opened, (path / _FOLDER).read_text(encoding="utf-8"))

    @classmethod
    def open(cls, path: Path, storage: str | BaseStorage | None) -> SweepFolder:
        """A folder that a sweep has left; arguments as in `begin`.

        Raises:
            FileNotFoundError: there is none, or no study in the storage.
        """
        if not (path / SWEEP).is_file():
            raise FileNotFoundError(f"{path} is no folder of a sweep: it has no {SWEEP}")
        sweep = from_toml(read_text(path / SWEEP), str(path / SWEEP))
        if storage is None and not (path / STUDY).is_file():
            raise FileNotFoundError(f"{path} has no {STUDY}; name the storage: --storage URL")
        return cls.begin(path, sweep, storage)

    def study(self, number: int = 0) -> optuna.Study:
        """Optuna's study, read afresh, with sampler and pruner as a trial has them."""
        sampler, pruner = (
            driver.make(self.sweep.seed, number)
            for driver in (self.sweep.sampler, self.sweep.pruner)
        )
        return optuna.load_study(
            study_name=self.sweep.name, storage=self.storage, sampler=sampler, pruner=pruner
        )

    def trials(self) -> list[FrozenTrial]:
        """All trials that count, by number."""
        found = self.study().get_trials(deepcopy=False)
        return [trial for trial in found if _SURPLUS not in trial.user_attrs]

    def trial_folder(self, number: int) -> Path:
        """Where a trial is run."""
        return self.path / TRIALS / f"{number:05}"

    @contextlib.contextmanager
    def claim(self, trials: int, not_these: set[int]) -> Iterator[Claim | None]:
        """Take a trial whose worker has died, or a new one; None where there is none left.

        Args:
            trials: how many there may be in all.
            not_these: numbers of trials that are left alone.
        """
        with contextlib.ExitStack() as held:
            with filelock.FileLock(self.path / _LOCK):
                found = self._orphan(not_these) or self._new(trials)
                if found is not None:
                    held.callback(found[1].release)
                claim = None if found is None else self._settle(found[0])
            yield claim

    def _orphan(self, not_these: set[int]) -> tuple[FrozenTrial, filelock.BaseFileLock] | None:
        for trial in self._running():
            if trial.number in not_these:
                continue
            lock = self._lock(trial.number)
            try:
                lock.acquire(blocking=False)
            except filelock.Timeout:
                continue
            if any(trial.number == other.number for other in self._running()):
                return trial, lock
            lock.release()  # it has been told since
        return None

    def _new(self, trials: int) -> tuple[FrozenTrial, filelock.BaseFileLock] | None:
        study = self.study()
        if len(self.trials()) >= trials or EXHAUSTED in study.user_attrs:
            return None
        # With the folder's identity from the first: at no moment does a trial belong to nobody.
        nonce = uuid.uuid4().hex
        mine = {"folder": self.identity, "claim": nonce}
        study.add_trial(create_trial(state=TrialState.RUNNING, user_attrs=mine))
        (trial,) = (t for t in self._running() if t.user_attrs["claim"] == nonce)
        if sum(other.number < trial.number for other in self.trials()) >= trials:
            self._discard(study, trial.number)  # another folder was quicker
            return None
        lock = self._lock(trial.number)
        lock.acquire()
        return trial, lock

    def _settle(self, frozen: FrozenTrial) -> Claim:
        """Choose the settings of a trial, those that are not chosen yet."""
        try:
            with without_warnings():
                trial = Trial(self.study(frozen.number), frozen._trial_id)
                return Claim.draw(trial, self.trial_folder(frozen.number), self.sweep.space)
        except ImportError as missing:
            raise ImportError(
                f"{self.sweep.sampler.name} needs the package {missing.name}; the sweep goes on "
                "when it is installed"
            ) from missing

    def _running(self) -> list[FrozenTrial]:
        found = self.study().get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return [trial for trial in found if trial.user_attrs.get("folder") == self.identity]

    def _lock(self, number: int) -> filelock.BaseFileLock:
        folder = self.trial_folder(number)
        folder.mkdir(parents=True, exist_ok=True)
        return filelock.FileLock(folder / _CLAIM)

    def _discard(self, study: optuna.Study, number: int) -> None:
        (trial,) = (t for t in self._running() if t.number == number)
        Trial(study, trial._trial_id).set_user_attr(_SURPLUS, True)
        study.tell(number, state=TrialState.FAIL)


def _require_same(path: Path, text: str) -> None:
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise FileExistsError(
            f"{path.parent} holds another sweep, see {path}; choose another folder"
        )


def _write(path: Path, text: str) -> None:
    if not path.exists():
        write_atomically(path, lambda file: file.write(text.encode()))
