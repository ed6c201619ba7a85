"""What a page draws, and places for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import attrs

from seqfit.reporting.account import RunAccount
from seqfit.reporting.figures import COLOURS
from seqfit.reporting.markup import text


@final
@attrs.define
class Drawn:
    """What the page draws once it is open.

    Attributes:
        plots: specifications for plotly.js, by the ids of their places.
        series: of each run that has any, by the ids of their places: the worst stretches, then
            the whole of the first stream.
    """

    plots: dict[str, Any] = attrs.field(factory=dict)
    series: dict[str, list[dict[str, Any]]] = attrs.field(factory=dict)

    def place(self, specification: dict[str, Any], caption: str, rows: str = "") -> str:
        """HTML with a place for a plot.

        Args:
            specification: see `plot`.
            caption: what it shows, HTML.
            rows: its numbers as an HTML table, for who does not see it.
        """
        name = f"plot-{len(self.plots)}"
        self.plots[name] = specification
        numbers = f"<details><summary>the numbers</summary>{rows}</details>" if rows else ""
        return (
            f'<figure><p class="axis">{specification["y"]}</p>'
            f'<div class="plot" id="{name}" role="img" aria-label="{caption}"></div>'
            f"<figcaption>{caption}</figcaption>{numbers}</figure>"
        )


def side_by_side(accounts: list[RunAccount], one: Callable[[RunAccount], str]) -> str:
    """What is to be told of each run, in columns where there is room."""
    columns = "".join(
        f'<section class="run" style="--mine: var(--run-{i % COLOURS})">'
        + (f"<h3>{text(account.name)}</h3>" if len(accounts) > 1 else "")
        + f"{one(account)}</section>"
        for i, account in enumerate(accounts)
    )
    return f'<div class="runs">{columns}</div>'
