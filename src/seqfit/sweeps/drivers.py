"""Optuna's samplers and pruners by name, and its storages by URL."""

from __future__ import annotations

import contextlib
import inspect
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, final

import attrs
import optuna
import sqlalchemy.exc
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalRedisBackend

from seqfit.configuration import ConfigurationError
from seqfit.randomness import derived_seed
from seqfit.validators import did_you_mean

SECONDS_TO_WAIT = 120
"""For a SQLite file in which another process writes."""

OPENED_AT_MOST = 5

_ONE_SEQUENCE = ("QMCSampler", "GridSampler")
"""Samplers that walk through points which their seed has put in order, so that all trials need
the same one."""


@final
@attrs.frozen
class Driver:
    """A sampler or a pruner of Optuna, by name.

    Attributes:
        kind: which of the two.
        name: name of the class.
        options: its keyword arguments; one that is itself such an object is a table with a name.

    Raises:
        ConfigurationError: there is no such class, or it refuses the options.
    """

    kind: Literal["sampler", "pruner"]
    name: str
    options: dict[str, Any] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        found = _named(self.kind)
        if self.name not in found:
            raise ConfigurationError(
                f"{self.kind} must be the name of a class of optuna.{self.kind}s, got "
                f"{self.name!r}{did_you_mean(self.name, found)} (there are: {', '.join(found)})"
            )
        known = inspect.signature(found[self.name]).parameters
        for option in self.options:
            if option not in known:
                raise ConfigurationError(
                    f"{self.name} has no option {option!r}{did_you_mean(option, known)}"
                    f" (there are: {', '.join(known)})"
                )
        self.make(0, 0)

    def make(self, seed: int, number: int) -> Any:
        """Optuna's object for one trial.

        Its random numbers are those of the trial: a sampler that is made anew, by another worker
        or after a stop, chooses what it would have.

        Args:
            seed: of the sweep.
            number: of the trial.

        Raises:
            ConfigurationError: it refuses its options.
        """
        cls = _named(self.kind)[self.name]
        options = {name: self._option(value, seed, number) for name, value in self.options.items()}
        if "seed" in inspect.signature(cls).parameters and "seed" not in options:
            own = seed if self.name in _ONE_SEQUENCE else derived_seed(seed, number)
            options["seed"] = own % 2**32
        try:
            with without_warnings():
                return cls(**options)
        except (TypeError, ValueError, ImportError) as error:
            raise ConfigurationError(f"{self.name} refuses {self.options}: {error}") from error

    def settings(self) -> dict[str, Any]:
        """As plain data: the options beside the name."""
        return {"name": self.name, **self.options}

    def _option(self, value: Any, seed: int, number: int) -> Any:
        if not isinstance(value, Mapping) or "name" not in value:
            return value
        return _driver(self.kind, value).make(seed, number)


def as_sampler(value: Any) -> Any:
    """A sampler's configuration, from a name or from plain data with a name."""
    return _driver("sampler", value)


def as_pruner(value: Any) -> Any:
    """A pruner's configuration, likewise."""
    return _driver("pruner", value)


def open_storage(storage: str | BaseStorage) -> BaseStorage:
    """The storage of a URL, as Optuna's own command reads it: a database, a journal or Redis.

    Raises:
        ValueError: it can't be opened.
        ImportError: the driver of its database is not installed.
    """
    if not isinstance(storage, str):
        return storage
    with without_warnings():
        if storage.startswith("redis"):
            return JournalStorage(JournalRedisBackend(storage))
        if storage.startswith("journal:"):
            return JournalStorage(JournalFileBackend(storage.removeprefix("journal:")))
        patient = {"connect_args": {"timeout": SECONDS_TO_WAIT}}
        try:
            return _open_database(storage, patient if storage.startswith("sqlite") else None)
        except ImportError:
            raise
        except Exception as error:  # of any driver of a database
            reason = " ".join(str(error).split())[:200]
            raise ValueError(
                f"the storage {_without_password(storage)!r} can't be opened: {reason}"
            ) from error


def sqlite(path: Path) -> str:
    """The URL of a SQLite file."""
    return f"sqlite:///{path.resolve()}"


def quiet_log() -> None:
    """Keep Optuna from logging each study and trial in this process."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)


@contextlib.contextmanager
def reachable() -> Iterator[None]:
    """Say of a storage that fails that it does.

    Raises:
        ConnectionError: it failed; nothing of the trials is lost.
    """
    try:
        yield
    except optuna.exceptions.StorageInternalError as error:
        reason = " ".join(str(error.__cause__ or error).split())[:200]
        raise ConnectionError(f"the storage fails, start again when it works: {reason}") from error


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """Keep Optuna from saying that what it is asked for is experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


def _open_database(url: str, options: dict[str, Any] | None) -> BaseStorage:
    """Open a database, again where another process was making its tables at the same moment."""
    for attempt in range(OPENED_AT_MOST):
        try:
            return optuna.storages.get_storage(RDBStorage(url, options))
        except sqlalchemy.exc.DBAPIError:
            if attempt == OPENED_AT_MOST - 1:
                raise
            time.sleep(0.5)
    raise AssertionError("the last attempt returns or raises")


def _driver(kind: Literal["sampler", "pruner"], value: Any) -> Any:
    if isinstance(value, Driver):
        return value
    if isinstance(value, str):
        return Driver(kind, value)
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
        raise ConfigurationError(f"a {kind} is a table with a name and its options, got {value!r}")
    return Driver(kind, value["name"], {k: v for k, v in value.items() if k != "name"})


def _named(kind: Literal["sampler", "pruner"]) -> dict[str, type[Any]]:
    module, base = {
        "sampler": (optuna.samplers, BaseSampler),
        "pruner": (optuna.pruners, BasePruner),
    }[kind]
    found = {name: getattr(module, name) for name in module.__all__}
    return {
        name: cls
        for name, cls in found.items()
        if isinstance(cls, type) and issubclass(cls, base) and not inspect.isabstract(cls)
    }


def _without_password(url: str) -> str:
    before, at, after = url.rpartition("@")
    return f"{before.split('://')[0]}://...@{after}" if at else url
