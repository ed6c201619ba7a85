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
        log_y: whether the vertical axis is; none is where a value is not positive.

    Returns:
        What plotly.js draws, and under ``y`` the name that is set above it: turned by a right
        angle, a long one would not fit beside a small plot.
    """
    traces = [line.trace() for line in lines]
    down = [value for trace in traces for value in trace["y"] if value is not None]
    across = [value for trace in traces for value in trace["x"] if value is not None]
    return {
        "data": traces,
        "y": text(y),
        "layout": {
            "xaxis": {"title": {"text": text(x)}, **_scale(across, log_x)},
            "yaxis": _scale(down, log_y),
        },
    }


def _scale(values: list[float], log: bool) -> dict[str, Any]:
    """The scale of an axis, with numbers that can be read where it is logarithmic."""
    if not log or not values or min(values) <= 0:
        whole = bool(values) and max(map(abs, values)) >= 1000
        return {"type": "linear", "exponentformat": "power", "tickformat": "," if whole else ""}
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    digits: tuple[int, ...] = (1, 2, 5) if high - low <= 2 else (1,)
    if max(values) < 10 * min(values):
        digits = (1, 2, 3, 4, 5, 7)
    every = max(1, (high - low) // 5)
    ticks = [float(f"{digit}e{power}") for power in range(low, high + 1, every) for digit in digits]
    return {"type": "log", "tickvals": ticks, "ticktext": [_tick(tick) for tick in ticks]}


def _tick(value: float) -> str:
    return f"{value:,.6g}" if 1e-3 <= value < 1e6 else f"{value:.0e}".replace("e-0", "e-")


def numbers(values: Iterable[float]) -> list[float | None]:
    """Numbers for JSON to seven digits, as float32 has them; None for what is not finite."""
    return [float(f"{value:.7g}") if math.isfinite(value) else None for value in values]
