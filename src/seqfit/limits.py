"""Limits on what is read from files that anybody may have written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any


class LimitError(ValueError):
    """A file, or something in it, that is larger than what is read."""


TEXT_BYTES = 2**20
"""The longest experiment in TOML, and the longest search in JSON."""

HEADER_BYTES = 2**24
"""The longest header of a checkpoint: it names the arrays and holds the plain values."""

DEPTH = 64
"""Tables and lists within one another."""

LINE_CHARACTERS = 2**20
"""The longest line of a table."""

ROWS = 2**30
"""The most rows of a table."""

LARGEST = 3.4028234663852886e38
"""The largest number of float32, as which samples are fitted."""

MESSAGE_CHARACTERS = 500
"""How much of an error is told that speaks of what a file holds."""

# Strings and comments of TOML, also those that do not end; linear in the length of the text.
_NOT_KEYS = re.compile(
    r'"""(?:[^\\]|\\.)*?(?:"""|\Z)|' r"'''.*?(?:'''|\Z)|"
    r'"(?:[^"\\\n]|\\.)*"?|' r"'[^'\n]*'?|#[^\n]*",
    re.DOTALL,
)  # fmt: skip


def require_file(path: Path) -> None:
    """Raise an OSError unless there is a file."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a file")
    if not path.is_file():
        raise FileNotFoundError(f"no file at {str(path)!r}")


def read_text(path: Path) -> str:
    """A text file in UTF-8.

    Raises:
        FileNotFoundError: there is no such file.
        IsADirectoryError: it is a folder.
        LimitError: it is longer than `TEXT_BYTES`.
        ValueError: it is not UTF-8.
    """
    require_file(path)
    with path.open("rb") as file:
        content = file.read(TEXT_BYTES + 1)
    if len(content) > TEXT_BYTES:
        raise LimitError(f"{path} is longer than the {TEXT_BYTES:,} bytes that are read")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text in UTF-8: {error}") from error


def require_shallow(tree: Any, source: str, depth: int = DEPTH) -> None:
    """Raise a LimitError where lists and mappings lie too deep within one another."""
    level = [tree]
    for _ in range(depth + 1):
        branches = [branch for branch in level if isinstance(branch, dict | list)]
        level = [
            leaf
            for branch in branches
            for leaf in (branch.values() if isinstance(branch, dict) else branch)
        ]
        if not level:
            return
    raise LimitError(f"{source} is nested more than {depth} deep")


def require_short_keys(toml: str, source: str) -> None:
    """Raise a LimitError where a key of TOML has more than `DEPTH` parts.

    The standard library takes the square of their number of time and memory.
    """
    for piece in re.split(r"[=,\[\]{}\n]", _NOT_KEYS.sub('"', toml)):
        if piece.count(".") > DEPTH:
            raise LimitError(f"{source} has a key of more than {DEPTH} parts")


def in_short(error: Exception) -> str:
    """What an error says, cut to one line that a terminal shows as it is."""
    said = f"there is no {error}" if type(error) is KeyError else str(error)
    line = " ".join((said or type(error).__name__).split())
    shown = line if len(line) <= MESSAGE_CHARACTERS else f"{line[:MESSAGE_CHARACTERS]} ..."
    return printable(shown)


def printable(text: str) -> str:
    """A text with what a terminal would take for a command, and half characters, spelled out."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
