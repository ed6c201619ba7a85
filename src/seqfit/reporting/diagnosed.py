"""The section of a report on what is wrong with a fit."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable
from typing import Any

from seqfit.reporting.account import RunAccount
from seqfit.reporting.drawn import Drawn, side_by_side
from seqfit.reporting.figures import Line, plot
from seqfit.reporting.markup import number, text


def diagnosis(accounts: list[RunAccount], drawn: Drawn) -> str:
    """What is wrong and what to change, where a run was diagnosed."""

    def one(account: RunAccount) -> str:
        if account.diagnosis is None:
            how = "" if account.folder is None else f"seqfit diagnose {shlex.quote(account.folder)}"
            return f"<p>Not diagnosed. <code>{text(how)}</code></p>"
        found = account.diagnosis
        pieces = [_finding(finding, drawn) for finding in found["findings"]]
        if not any(finding["is_bad"] for finding in found["findings"]):
            said = "Nothing bad was found." if found["findings"] else "Nothing was measured."
            pieces.insert(0, f"<p>{said}</p>")
        pieces += [f"<p>Not told: {text(reason)}.</p>" for reason in found["not_told"]]
        return "".join(pieces)

    return side_by_side(accounts, one)


def _finding(finding: dict[str, Any], drawn: Drawn) -> str:
    kind, bad = text(finding["kind"].replace("_", " ")), finding["is_bad"]
    interval = finding["interval"]
    spread = (
        "" if interval is None else f" ({number(interval['low'])} to {number(interval['high'])})"
    )
    measured = (
        f"<p><small>{text(finding['unit'])}: {number(finding['measured'])}{spread}; "
        f"threshold {number(finding['threshold'])}</small></p>"
    )
    advice, suggestion = "", finding["suggestion"]
    if suggestion is not None:  # one that was tried tells its gain in its words
        could_be = finding["gain"] is None and suggestion["changes"]
        untried = " (Not tried.)" if could_be else ""
        advice = f'<p class="advice">{text(suggestion["words"])}{untried}</p>'
    small, curve = "", finding["curve"]
    if curve is not None:
        lines = [
            Line(name, _known(curve["x"]), _known(values), index)
            for index, (name, values) in enumerate(curve["lines"])
        ]
        log = curve["is_logarithmic"]
        drawing = plot(lines, curve["x_label"], curve["y_label"], log_x=log, log_y=log)
        small = drawn.place(drawing, text(curve["title"]))
    is_open = " open" if bad or suggestion is not None else ""
    verdict = "bad" if bad else "in order" if suggestion is None else "could be better"
    return (
        f'<details class="finding {"bad" if bad else "good"}"{is_open}>'
        f"<summary><b>{kind}</b> <span>{verdict}</span></summary>"
        f"<p>{text(finding['words'])}</p>{advice}{measured}{small}</details>"
    )


def _known(values: Iterable[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]
