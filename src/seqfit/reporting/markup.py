"""HTML from text: everything that is not ours is escaped here."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Sequence

from seqfit.limits import printable


def text(words: object) -> str:
    """Any text as HTML that shows it as it is, in elements and in quoted attributes."""
    return html.escape("\n".join(map(printable, str(words).split("\n"))))


def prose(docstring: str) -> str:
    """A sentence of a docstring as HTML, with its code set as code."""
    parts = re.split(r"``(.+?)``|`(.+?)`", docstring)
    plain, code, name = parts[::3], parts[1::3], parts[2::3]
    pieces = [text(plain[0])]
    for first, second, after in zip(code, name, plain[1:], strict=True):
        pieces += [f"<code>{text(first or second)}</code>", text(after)]
    return "".join(pieces)


def table(header: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """A table of HTML cells, which scrolls by itself where it is too wide."""
    head = "".join(f'<th scope="col">{cell}</th>' for cell in header)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in others)}</tr>'
        for first, *others in rows
    )
    told = f"<caption><span>{caption}</span></caption>" if caption else ""
    label = f'aria-label="{caption or "table"}"'
    return (
        f'<div class="table" tabindex="0" role="region" {label}><table>{told}'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def code_block(words: str) -> str:
    """Text that keeps its lines."""
    return f'<pre tabindex="0"><code>{text(words)}</code></pre>'


def number(value: float | None, digits: int = 3) -> str:
    """A number for people; a dash where there is none."""
    if value is None or math.isnan(value):
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}g}"


def count(how_many: int, name: str) -> str:
    """Three things, or one thing."""
    return f"{how_many:,} {name}" + ("" if how_many == 1 else "s")
