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
from seqfit.limits import HEADER_BYTES, in_short, require_file
from seqfit.states import State

FORMAT = 3
ENTRY = "seqfit"
"""Where in the header of a file its JSON is: one entry, since several come in any order."""

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
        ValueError: the tree holds more plain values than a header takes.
    """
    structure, arrays = states.pack(tree)
    arrays = {name: np.array(array, order="C") for name, array in arrays.items()}
    document = json.dumps(
        {"format": FORMAT, "configuration": configuration, "state": structure}, sort_keys=True
    )
    content = safetensors.numpy.save(arrays, {ENTRY: signed(document, arrays)})
    if int.from_bytes(content[:8], "little") > HEADER_BYTES:
        raise ValueError(
            f"the header of {path} would be longer than the {HEADER_BYTES:,} bytes that are read; "
            "a state should hold many numbers as arrays"
        )
    write_atomically(path, lambda file: file.write(content))


def read_checkpoint(path: Path) -> tuple[dict[str, Any], State]:
    """The configuration and the state tree in a checkpoint.

    Raises:
        FileNotFoundError: there is no such file.
        IsADirectoryError: it is a folder.
        CheckpointError: it is not a checkpoint, is damaged, or has a newer format.
    """
    require_file(path)
    try:
        _require_whole(path)
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if ENTRY not in metadata:
            raise CheckpointError(f"{path} is not a seqfit checkpoint: its header does not say so")
        document = metadata[ENTRY].partition("\n")[0]
        is_sound = metadata[ENTRY] == signed(document, arrays)
        content = json.loads(document)
        if content["format"] != FORMAT:
            raise CheckpointError(
                f"{path} has the checkpoint format {content['format']!r:.20}, this seqfit reads "
                f"{FORMAT}" + ("" if is_sound else " (or it is damaged: its checksum is wrong)")
            )
        if not is_sound:
            raise CheckpointError(f"{path} is damaged: its checksum is wrong")
        return content["configuration"], states.unpack(content["state"], arrays)
    except CheckpointError:
        raise
    except RecursionError:
        raise CheckpointError(f"{path} is not a seqfit checkpoint: it is nested too deep") from None
    except OSError as error:
        raise CheckpointError(f"{path} can't be read: {error.strerror or error}") from error
    except (
        safetensors.SafetensorError,
        LookupError,
        TypeError,
        AttributeError,
        ValueError,
        MemoryError,
    ) as error:
        raise CheckpointError(
            f"{path} is damaged, or not a seqfit checkpoint: {in_short(error)}"
        ) from error


def signed(document: str, arrays: Mapping[str, np.ndarray]) -> str:
    """A document of one line, and in the next the SHA-256 over it and all arrays, hexadecimal."""
    digest = hashlib.sha256(document.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return f"{document}\n{digest.hexdigest()}"


def _require_whole(path: Path) -> None:
    """Raise a ValueError unless a file is as long as its header says."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > HEADER_BYTES:
            announced = f"its first bytes announce a header of {length:,}"
            raise CheckpointError(
                f"{path} is not a seqfit checkpoint: "
                + (f"it has {size} bytes" if size < 8 else announced)
            )
        header = file.read(length)
    whole = 8 + length
    if whole <= size:
        entries = json.loads(header)
        # The padding is checked too: a byte changed in it is a sign of more.
        if not isinstance(entries, dict) or not header.rstrip(b" ").endswith(b"}"):
            raise ValueError("its header is not what safetensors writes")
        arrays = (entry for name, entry in entries.items() if name != "__metadata__")
        whole += max((entry["data_offsets"][1] for entry in arrays), default=0)
    if whole > size:
        raise CheckpointError(f"{path} is cut short: it has {size:,} of {whole:,} bytes")


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file through a temporary one beside it, so that it is never seen half-written.

    Raises:
        OSError: it can't be written; an older one is then left as it was.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a file")
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_PART)
    except FileNotFoundError:
        raise FileNotFoundError(f"no folder at {str(path.parent)!r}") from None
    except OSError as error:
        error.filename = str(path)  # not the temporary one
        raise
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
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        if isinstance(error, OSError):
            error.filename = str(path)
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
