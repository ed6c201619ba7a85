"""What is fuzzed: functions of bytes, which raise nothing whatever the bytes are.

Each reads its input as seqfit reads a file from elsewhere. The documented errors are expected; any
other exception is a fault, and so is a hang, and memory out of proportion to the input.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from seqfit import Fitter, plugins, states
from seqfit.cli.parts import parse_part
from seqfit.configuration import ConfigurationError
from seqfit.fitting import CheckpointError, read_experiment, to_toml
from seqfit.fitting.checkpoint import read_checkpoint, write_checkpoint
from seqfit.fitting.experiment import from_toml
from seqfit.tables import TableError, read_columns

Harness = Callable[[bytes], bool]
"""Gives whether the input is accepted."""


def configuration(data: bytes) -> bool:
    """An experiment in TOML; one that is accepted can be written and read back."""
    path = _file(data, "experiment.toml")
    try:
        experiment = read_experiment(path)
    except (ConfigurationError, plugins.PluginError) as error:
        _require_a_message(error, path)
        return False
    assert from_toml(to_toml(experiment)) == experiment
    return True


def part(data: bytes) -> bool:
    """A part as on the command line; the first byte chooses its kind."""
    kind = plugins.KINDS[data[0] % len(plugins.KINDS)] if data else plugins.KINDS[0]
    try:
        parse_part(kind, data[1:].decode(errors="surrogateescape"))
    except (ConfigurationError, plugins.PluginError) as error:
        if not str(error):
            raise
        return False
    return True


def checkpoint(data: bytes) -> bool:
    """A checkpoint; one that is accepted can be written and read back, one that loads saved."""
    path = _file(data, "checkpoint.safetensors")
    try:
        content, state = read_checkpoint(path)
    except CheckpointError as error:
        _require_a_message(error, path)
        return False
    copy = path.with_name("copy.safetensors")
    write_checkpoint(copy, content, state)
    assert states.same(read_checkpoint(copy)[1], state)
    try:
        fitter = Fitter.load(path)
    except CheckpointError as error:
        _require_a_message(error, path)
        return False
    fitter.save(copy)
    Fitter.load(copy)
    return True


def table(data: bytes) -> bool:
    """A CSV file; the columns of one that is accepted are finite and equally long.

    One with missing outputs is accepted where these may be missing, and not elsewhere.
    """
    path = _file(data, "table.csv")
    masked = _columns(path, ["y"])
    columns = _columns(path, [])
    if masked is not None:
        u, y = masked["u"], masked["y"]
        assert u.shape == y.shape == (len(u),)
        assert len(u) > 0
        assert np.isfinite(u).all()
        assert not np.isinf(y).any()
    if columns is None:
        assert masked is None or np.isnan(masked["y"]).any()
        return masked is not None
    assert masked is not None
    assert all(np.array_equal(columns[name], masked[name]) for name in columns)
    return True


def _columns(path: Path, optional: list[str]) -> dict[str, Any] | None:
    """The columns of a table; None where it is refused."""
    try:
        return read_columns(path, ["u", "y"], optional=optional)
    except TableError as error:
        _require_a_message(error, path)
        return None


HARNESSES: dict[str, Harness] = {
    harness.__name__: harness for harness in (configuration, part, checkpoint, table)
}


def _require_a_message(error: Exception, path: Path) -> None:
    """One line of a readable length, with the name of the file, that a terminal can show."""
    message = str(error)
    assert str(path) in message, message
    assert len(message) < 1_000 + len(str(path)), message
    assert message.isprintable(), message


def _file(data: bytes, name: str) -> Path:
    path = _FOLDER / name
    path.write_bytes(data)
    return path


_FOLDER = Path(tempfile.mkdtemp(prefix="seqfit-fuzz-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)
