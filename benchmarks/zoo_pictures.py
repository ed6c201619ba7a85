"""A small plot for each target: its input, what should come out, and the best fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.zoo_cases import FAMILIES, Case
from benchmarks.zoo_page import DOCS, Kept

FIRST_SHOWN, SHOWN = 500, 200
SHOWN_OF_FAST = 100
"""Where the input changes at more than a quarter of the samples."""

COLUMNS = 3

Array = npt.NDArray[Any]


def draw(kept: Kept, held_out: Callable[[Case], tuple[Array, Array]]) -> None:
    """One picture for each family.

    Args:
        kept: the results.
        held_out: inputs and outputs of a case, of which the end is shown: arrays of shape (time,
            1, channels).
    """
    for family in FAMILIES:
        rows = -(-len(family.cases) // COLUMNS)
        figure = Figure(figsize=(12, 2.5 * rows), layout="constrained")
        heights = [1, 2.4] * rows
        axes = figure.subplots(2 * rows, COLUMNS, height_ratios=heights, squeeze=False)
        for axis in axes.flat:
            axis.set_axis_off()
        for number, case in enumerate(family.cases):
            row, column = divmod(number, COLUMNS)
            x, y = held_out(case)
            _draw_case(
                axes[2 * row, column], axes[2 * row + 1, column], case, x[-SHOWN:, 0],
                y[-SHOWN:, 0], kept.get(case.name, {}).get("shown"),
            )  # fmt: skip
        lines = axes[1, 0].get_lines()
        figure.legend(
            [axes[0, 0].get_lines()[0], lines[0], lines[-1]],
            ["input", "target", "best fit"],
            loc="outside upper center",
            ncols=3,
            frameon=False,
        )
        figure.savefig(DOCS / family.picture, dpi=80)


def _draw_case(
    above: Axes, below: Axes, case: Case, x: Array, y: Array, shown: dict[str, Any] | None
) -> None:
    title, count = case.name, len(x)
    if (np.diff(x, axis=0) != 0).any(axis=1).mean() > 0.25:
        count = min(count, SHOWN_OF_FAST)
    for axis in (above, below):
        axis.set_axis_on()
        axis.margins(x=0)
        axis.tick_params(labelsize=7)
        axis.spines[["top", "right"]].set_visible(False)
    channels = x.shape[1]
    for channel, line in enumerate(x[-count:].T):
        span = 1.0 if channels == 1 else 1.25 * max(float(np.ptp(line)), 1e-9)
        above.step(np.arange(count), line / span - channel, where="mid", color="0.35", lw=0.8)
    if channels > 1:  # one above the other, each over its own range
        above.set_yticks([])
    for channel, line in enumerate(y[-count:].T):
        below.plot(line, color=f"C{(0, 2, 4)[channel % 3]}", lw=3, alpha=0.5)
    if shown is not None:
        for channel in shown["output"]:
            below.plot(np.array(channel.split(), dtype=float)[-count:], color="C3", lw=1)
        title += f": {shown['model']}, NRMSE {shown['nrmse']:.2g}"
    above.set_title(title, fontsize=9)
    above.set_xticks([])
