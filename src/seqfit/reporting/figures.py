"""Small plots as plain data for plotly.js; names of colours begin with ``--``, as in the CSS."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, final

import attrs

from seqfit.reporting.markup import text

DASHES = ("solid", "dash", "dot", "dashdot")
COLOURS = 6


@final
@attrs.frozen
class Line:
    """A line of a plot.

    Attributes:
        name: in the legend, as it is.
        x: places.
        y: values; what is not finite is a gap.
        run: number of the run, or of the line: it has its colour and dashes by it.
        low: lower ends of intervals; None where there are none.
        high: upper ends, likewise.
        is_steps: whether each value holds until the next.
        is_markers: whether it is drawn as markers without a line.
        is_faint: whether it matters less than the others.
    """

    name: str
    x: Iterable[float]
    y: Iterable[float]
    run: int
    low: Iterable[float | None] | None = None
    high: Iterable[float | None] | None = None
    is_steps: bool = False
    is_markers: bool = False
    is_faint: bool = False

    def trace(self) -> dict[str, Any]:
        """The line as plotly.js takes it."""
        colour = f"--run-{self.run % COLOURS}"
        dash = "dot" if self.is_faint else DASHES[self.run // COLOURS % len(DASHES)]
        x, y = numbers(self.x), numbers(self.y)
        trace: dict[str, Any] = {
            "type": "scatter",
            "name": text(self.name),  # plotly.js reads names as HTML
            "x": x,
            "y": y,
            "mode": "markers" if self.is_markers else "lines" if len(x) > 40 else "lines+markers",
            "line": {
                "color": colour,
                "dash": dash,
                "width": 1.2 if self.is_faint else 2,
                "shape": "hvh" if self.is_steps else "linear",
            },
            "marker": {"color": colour, "size": 9 if self.is_markers else 4},
        }
        if self.is_markers:
            trace["marker"]["symbol"] = "diamond-open"
        if self.low is not None and self.high is not None:
            ends = zip(y, self.low, self.high, strict=True)
            above, below = [], []
            for value, low, high in ends:
                known = value is not None and low is not None and high is not None
                above.append(max(high - value, 0.0) if known else None)  # type: ignore[operator]
                below.append(max(value - low, 0.0) if known else None)  # type: ignore[operator]
            trace["error_y"] = {
                "type": "data",
                "symmetric": False,
                "array": above,
                "arrayminus": below,
                "color": colour,
                "thickness": 1,
                "width": 3,
            }
        return trace


def plot(
    lines: Iterable[Line],
    x: str,
    y: str,
    *,
    log_x: bool = False,
    log_y: bool = False,
) -> dict[str, Any]:
    """A plot of some lines.

    Args:
        lines: what is drawn.
        x: name of the horizontal axis.
        y: name of the vertical axis.
        log_x: whether the horizontal axis is logarithmic.
        log_y: whether the vertical axis is, where every value allows it.
    """
    traces = [line.trace() for line in lines]
    positive = all(value is None or value > 0 for trace in traces for value in trace["y"])
    there = any(value is not None for trace in traces for value in trace["y"])
    return {
        "data": traces,
        "layout": {
            "xaxis": {"title": {"text": text(x)}, "type": "log" if log_x else "linear"},
            "yaxis": {
                "title": {"text": text(y)},
                "type": "log" if log_y and positive and there else "linear",
                "exponentformat": "power",
            },
        },
    }


def numbers(values: Iterable[float]) -> list[float | None]:
    """Numbers for JSON to seven digits, as float32 has them; None for what is not finite."""
    return [float(f"{value:.7g}") if math.isfinite(value) else None for value in values]
