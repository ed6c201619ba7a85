"""Write the pages of the built-in signals and targets: ``python docs/make_reference.py``.

Text, bounds and defaults come from the classes, and the picture from what they generate, so that
``signals.md``, ``signals.png`` and ``targets.md`` beside this file say what is so.
"""

from __future__ import annotations

import importlib
import inspect
import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from seqfit import plugins, targets
from seqfit.recordings import Recording
from seqfit.signals import Beside, RandomHold, Recorded, Signal, Sine
from seqfit.signals.combined import Combined
from seqfit.signals.orbit import Orbit
from seqfit.signals.position import ByPosition
from seqfit.targets import Target

HERE = Path(__file__).parent
SIGNAL_FAMILIES = (
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
TARGET_FAMILIES = (
    "integrals",
    "filters",
    "controllers",
    "hysteresis",
    "superpositions",
    "bouc_wen",
    "limiters",
    "holds",
    "windows",
    "static",
    "blocks",
    "narx",
    "oscillators",
    "tanks",
    "delays",
    "echoes",
    "narma",
    "logic",
    "recall",
    "decisions",
    "chain",
    "combinators",
    "channels",
    "noise",
    "missing",
    "recorded",
)
"""Modules of `seqfit.targets` in the order of the page."""

# What has no defaults is shown as an example of it.
RECORDING = Recording({"u": np.sin(np.arange(50) ** 1.5 / 20)}, repeat=True)
SIGNALS: dict[str, Signal] = {
    "beside": Beside([RandomHold(), Sine()]),
    "recorded": Recorded(RECORDING, columns="u"),
}
_INTEGRAL = targets.SaturatedIntegral()
TARGETS: dict[str, Target] = {
    "beside": targets.Beside([_INTEGRAL, targets.Delay()]),
    "chain": targets.Chain([_INTEGRAL, targets.Delay()]),
    "missing": targets.Missing(_INTEGRAL),
    "noisy": targets.Noisy(_INTEGRAL),
    "product": targets.Product([_INTEGRAL, targets.Delay()]),
    "recorded": targets.RecordedOutput(RECORDING, columns="u"),
    "sum": targets.Sum([_INTEGRAL, targets.Delay()]),
    "switch": targets.Switch([_INTEGRAL, targets.Delay()]),
}
SHOWN = 400
"""Samples in the picture, but for signals that need more or fewer to be told from others."""
LENGTHS = {"multisine": 1000, "chirp": 1000, "prbs": 60, "henon_map": 60, "logistic_map": 60}
LENGTHS |= {"dropout": 80}
STEPS = {"random_hold", "markov_levels", "square", "prbs", "aprbs", "gain", "dropout"}


def main() -> None:
    """Write the pages and the picture."""
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
    draw(HERE / "signals.png")


def signals_page() -> str:
    """The page of the signals, in Markdown."""
    found = built_in("signals", SIGNALS, SIGNAL_FAMILIES)
    lines = [
        "# Signals",
        "",
        "Written by `python docs/make_reference.py` from the classes themselves. A signal is named",
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
    return "\n".join([*lines, *_by_family(found)])


def targets_page() -> str:
    """The page of the targets, in Markdown."""
    found = built_in("targets", TARGETS, TARGET_FAMILIES)
    lines = [
        "# Targets",
        "",
        "Written by `python docs/make_reference.py` from the classes themselves. A target is named",
        "on the command line as `--target name:field=value,field=value`, and made in Python by its",
        "class, from `seqfit.targets`. Bounds, memory and what an output tells are those of the",
        "defaults. *Memory* is how many past inputs bear on an output; where the output *tells*",
        "the state, the next one is a function of it and the next input.",
        "[zoo.md](zoo.md) has a picture of each, and which model learns it.",
        "",
        "| name | class | bounds | memory | tells |",
        "| --- | --- | --- | --- | --- |",
    ]
    tells = {True: "yes", False: "no", None: "unknown"}
    for name, target in found.items():
        memory = target.memory
        reach = str(memory.samples) if memory.kind == "finite" else memory.kind
        lines.append(
            f"| [`{name}`](#{name}) | `{type(target).__name__}` | {_bounds(target)} | {reach} "
            f"| {tells[target.output_determines_state]} |"
        )
    return "\n".join([*lines, "", *_by_family(found)])


PAGES = {"signals.md": signals_page, "targets.md": targets_page}


def _by_family(found: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    family = None
    for name, component in found.items():
        module = importlib.import_module(type(component).__module__)
        if module is not family:
            family = module
            heading = (module.__doc__ or "").split("\n")[0].rstrip(".")
            lines += [f"## {heading}", ""]
        lines += [f"### {name}", "", *_described(type(component)), ""]
    return lines


def built_in(
    kind: plugins.Kind, examples: Mapping[str, Any], families: Sequence[str]
) -> dict[str, Any]:
    """An example of each component that comes with seqfit, by name, in the order of the page."""
    components = {
        r.name: examples[r.name] if r.name in examples else plugins.import_class(r)()
        for r in plugins.registrations(kind)
        if r.distribution.split()[0] == "seqfit"
    }
    places = {
        name: families.index(type(c).__module__.split(".")[-1]) for name, c in components.items()
    }
    return dict(sorted(components.items(), key=lambda item: places[item[0]]))


def draw(path: Path) -> None:
    """Draw the first stream of each signal, all channels of it."""
    from matplotlib.figure import Figure

    found, columns = built_in("signals", SIGNALS, SIGNAL_FAMILIES), 4
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


def _bounds(component: Signal | Target) -> str:
    low, high = (
        "-∞" if bound == -math.inf else "∞" if bound == math.inf else f"{bound:.4g}"
        for bound in component.bounds
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
        if hasattr(default, "factory"):
            default = default.factory()
        shown = "" if default is attrs.NOTHING else f" = {default!r}"
        lines.append(f"- `{name}{shown}`: {' '.join(meaning.split())}")
    return lines


def _markdown(text: str) -> str:
    return text.replace("``", "`")


if __name__ == "__main__":
    main()
