"""One file that holds a state tree: safetensors with JSON in its header, no pickle."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import safetensors
import safetensors.numpy

from seqfit import states
from seqfit.states import State

FORMAT = 2
_PART = ".part"


class CheckpointError(ValueError):
    """A file that can't be read as a checkpoint; the message names the file and what is wrong."""


def write_checkpoint(path: Path, configuration: Mapping[str, Any], tree: State) -> None:
    """Write a checkpoint, whole or not at all.

    Args:
        path: the file; an older one is replaced in one step.
        configuration: JSON-compatible data.
        tree: a state tree.

    Raises:
        OSError: the file can't be written.
    """
    structure, arrays = states.pack(tree)
    arrays = {name: np.array(array, order="C") for name, array in arrays.items()}
    document = json.dumps(
        {"format": FORMAT, "configuration": configuration, "state": structure}, sort_keys=True
    )
    metadata = {"seqfit": document, "sha256": _checksum(document, arrays)}
    content = safetensors.numpy.save(arrays, metadata)
    write_atomically(path, lambda file: file.write(content))


def read_checkpoint(path: Path) -> tuple[dict[str, Any], State]:
    """The configuration and the state tree in a checkpoint.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is not a checkpoint, is damaged, or has a newer format.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file at {str(path)!r}")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        document = metadata["seqfit"]
        content = json.loads(document)
        version = content["format"]
        if version != FORMAT:
            raise CheckpointError(
                f"{path} has the checkpoint format {version}, this seqfit reads {FORMAT}"
            )
        if metadata.get("sha256") != _checksum(document, arrays):
            raise CheckpointError(f"{path} is damaged: its checksum is wrong")
        return content["configuration"], states.unpack(content["state"], arrays)
    except CheckpointError:
        raise
    except RecursionError:
        raise CheckpointError(f"{path} is not a seqfit checkpoint: it is nested too deep") from None
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is not a seqfit checkpoint: {error}") from error


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file through a temporary one beside it, so that it is never seen half-written."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a file")
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_PART)
    except FileNotFoundError:
        raise FileNotFoundError(f"no folder at {str(path.parent)!r}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)  # mkstemp makes it readable to its owner alone
        Path(name).replace(path)
        _sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise


def remove_unfinished(folder: Path) -> None:
    """Remove what processes that were killed have left half-written; nobody else may write."""
    for path in folder.glob(f".*{_PART}"):
        path.unlink(missing_ok=True)


def _sync_folder(path: Path) -> None:
    """Make a new name in a folder durable, where the system can."""
    if os.name != "posix":
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _checksum(document: str, arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(document.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
