"""A report on one or more runs: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import gzip
import json
from importlib import resources
from pathlib import Path

from seqfit import __version__
from seqfit.fitting.checkpoint import write_atomically
from seqfit.reporting import sections
from seqfit.reporting.account import RunAccount
from seqfit.reporting.diagnosed import diagnosis
from seqfit.reporting.drawn import Drawn
from seqfit.reporting.markup import text

SECTIONS = {
    "scores": ("Scores", sections.scores),
    "diagnosis": ("Diagnosis", diagnosis),
    "experiment": ("What was fitted", sections.experiments),
    "time": ("Over time", sections.over_time),
    "where": ("Where the error is", sections.where),
    "lengths": ("Longer and longer free runs", sections.lengths),
    "learning": ("How it was learned", sections.learning),
    "again": ("To do it again", sections.again),
}


class ReportUnavailableError(ImportError):
    """plotly is not installed."""


def write_report(path: Path, accounts: list[RunAccount]) -> None:
    """Write a report.

    Args:
        path: where to.
        accounts: what it tells of, at least one.

    Raises:
        ReportUnavailableError: the extra ``report`` is not installed.
        OSError: it can't be written.
    """
    content = report_page(accounts).encode()
    write_atomically(path, lambda file: file.write(content))


def report_page(accounts: list[RunAccount]) -> str:
    """The whole page; raises as `write_report` does."""
    plotly = _plotly()
    drawn = Drawn()
    names = ", ".join(account.name for account in accounts)
    body, links = [], []
    for anchor, (title, section) in SECTIONS.items():
        links.append(f'<a href="#{anchor}">{title}</a>')
        content = section(accounts, drawn)
        body.append(f'<section id="{anchor}"><h2>{title}</h2>{content}</section>')
    data = json.dumps({"plots": drawn.plots, "series": drawn.series}, allow_nan=False)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{text(names)}: a seqfit report</title>
<link rel="icon" href="data:,">
<style>{_file("page.css")}</style>
</head>
<body>
<header><h1>{text(names)}</h1><nav aria-label="sections">{"".join(links)}</nav></header>
<noscript><p class="notice">The plots need JavaScript; the rest can be read without.</p></noscript>
<p class="notice" id="failure" role="alert" hidden></p>
<main>{"".join(body)}</main>
<footer>seqfit {__version__}; plots by plotly.js (MIT licence)</footer>
<script type="text/plain" id="plotly">{_packed(plotly)}</script>
<script type="text/plain" id="data">{_packed(data)}</script>
<script>{_file("page.js")}</script>
</body>
</html>
"""


def _plotly() -> str:
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as missing:
        raise ReportUnavailableError(
            "a report needs plotly: pip install 'seqfit[report]'"
        ) from missing
    code: str = get_plotlyjs()
    return code


def _packed(content: str) -> str:
    """Text as base64 of gzip: a third of the size, and nothing in it can end its element."""
    return base64.b64encode(gzip.compress(content.encode(), mtime=0)).decode()


def _file(name: str) -> str:
    return (resources.files("seqfit.reporting") / name).read_text(encoding="utf-8")
