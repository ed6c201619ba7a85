"""Write the page of the built-in signals: ``python docs/make_signals.py``.

Text, bounds and defaults come from the classes, and the picture from what they generate, so that
``signals.md`` and ``signals.png`` beside this file say what is so.
"""

from __future__ import annotations

import importlib
import inspect
import math
import re
import textwrap
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from seqfit import plugins
from seqfit.recordings import Recording
from seqfit.signals import Beside, RandomHold, Recorded, Signal, Sine
from seqfit.signals.combined import Combined
from seqfit.signals.orbit import Orbit
from seqfit.signals.position import ByPosition

HERE = Path(__file__).parent
FAMILIES = (
    "hold",
    "markov",
    "noise",
    "gauss_markov",
    "events",
    "periodic",
    "multisine",
    "binary",
    "chaotic_maps",
    "chaotic_flows",
    "mackey_glass",
    "combinators",
    "altered",
    "recorded",
)
"""Modules of `seqfit.signals` in the order of the page."""

# What has no defaults is shown as an example of it.
EXAMPLES: dict[str, Signal] = {
    "beside": Beside([RandomHold(), Sine()]),
    "recorded": Recorded(
        Recording({"u": np.sin(np.arange(50) ** 1.5 / 20)}, repeat=True), columns="u"
    ),
}
SHOWN = 400
"""Samples in the picture, but for signals that need more or fewer to be told from others."""
LENGTHS = {"multisine": 1000, "chirp": 1000, "prbs": 60, "henon_map": 60, "logistic_map": 60}
LENGTHS |= {"dropout": 80}
STEPS = {"random_hold", "markov_levels", "square", "prbs", "aprbs", "gain", "dropout"}


def main() -> None:
    """Write the page and its picture."""
    (HERE / "signals.md").write_text(page(), encoding="utf-8")
    draw(HERE / "signals.png")


def page() -> str:
    """The page, in Markdown."""
    found = built_in()
    lines = [
        "# Signals",
        "",
        "Written by `python docs/make_signals.py` from the classes themselves. A signal is named",
        "on the command line as `--signal name:field=value,field=value`, and made in Python by its",
        "class, from `seqfit.signals`. Bounds are those of the defaults.",
        "",
        "Streams are numbered; what a stream is depends on the seed and its number alone.",
        "`signal.skip(state, n)` gives the state n samples on. The last column says what it costs:",
        "nothing, a look back to the last sample at which what is held has changed, or to generate",
        "what lies between.",
        "",
        "| name | class | channels | bounds | far positions |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, signal in found.items():
        link = f"[`{name}`](#{name})"
        lines.append(
            f"| {link} | `{type(signal).__name__}` | {signal.channels} | {_bounds(signal)} "
            f"| {_reach(signal)} |"
        )
    lines += ["", "![One stream of each signal, with its defaults](signals.png)", ""]
    family = None
    for name, signal in found.items():
        module = importlib.import_module(type(signal).__module__)
        if module is not family:
            family = module
            heading = (module.__doc__ or "").split("\n")[0].rstrip(".")
            lines += [f"## {heading}", ""]
        lines += [f"### {name}", "", *_described(type(signal)), ""]
    return "\n".join(lines)


def built_in() -> dict[str, Signal]:
    """An example of each signal that comes with seqfit, by name, in the order of the page."""
    signals = {
        r.name: EXAMPLES[r.name] if r.name in EXAMPLES else plugins.import_class(r)()
        for r in plugins.registrations("signals")
        if r.distribution.split()[0] == "seqfit"
    }
    places = {
        name: FAMILIES.index(type(s).__module__.split(".")[-1]) for name, s in signals.items()
    }
    return dict(sorted(signals.items(), key=lambda item: places[item[0]]))


def draw(path: Path) -> None:
    """Draw the first stream of each signal, all channels of it."""
    from matplotlib.figure import Figure

    found, columns = built_in(), 4
    rows = -(-len(found) // columns)
    figure = Figure(figsize=(4 * columns, 1.5 * rows), layout="constrained")
    panels = figure.subplots(rows, columns).ravel()
    for panel, (name, signal) in zip(panels, found.items(), strict=False):
        length = LENGTHS.get(name, SHOWN)
        x, _ = signal.generate(signal.start(1, seed=3), length)  # (length, 1, channels)
        held = name in STEPS
        for channel in range(signal.channels):
            style = {"drawstyle": "steps-post"} if held else {}
            marker = "." if name in ("henon_map", "logistic_map") else None
            panel.plot(x[:, 0, channel], color=f"C{channel}", lw=0.8, marker=marker, ms=3, **style)
        panel.set_title(name, fontsize=9)
        panel.tick_params(labelsize=7)
        panel.margins(x=0)
    for panel in panels[len(found) :]:
        panel.set_axis_off()
    figure.savefig(path, dpi=100)


def _bounds(signal: Signal) -> str:
    low, high = (
        "-∞" if bound == -math.inf else "∞" if bound == math.inf else f"{bound:.4g}"
        for bound in signal.bounds
    )
    return f"{low} to {high}"


def _reach(signal: Signal) -> str:
    if isinstance(signal, ByPosition):
        return "nothing"
    if isinstance(signal, Orbit):
        return "to generate what lies between"
    return "what it costs its parts" if isinstance(signal, Combined) else "a look back"


def _described(cls: type[Any]) -> list[str]:
    text = _markdown(inspect.getdoc(cls) or "")
    body, _, attributes = text.partition("Attributes:\n")
    body, _, references = body.partition("References:\n")
    lines = [body.strip(), ""]
    if references:
        lines += ["*" + " ".join(references.split()) + "*", ""]
    defaults = {f.name: f.default for f in attrs.fields(cls) if f.init}
    entries = re.split(r"\n(?=\w)", textwrap.dedent(attributes).strip())
    for name, _, meaning in (entry.partition(":") for entry in entries):
        default = defaults[name]
        shown = "" if default is attrs.NOTHING else f" = {default!r}"
        lines.append(f"- `{name}{shown}`: {' '.join(meaning.split())}")
    return lines


def _markdown(text: str) -> str:
    return text.replace("``", "`")


if __name__ == "__main__":
    main()
