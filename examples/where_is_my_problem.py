"""Where is my problem? The run of 2017 is diagnosed and mended, step by step, until it is exact.

Runs the commands of docs/where_is_my_problem.md, which leave their folders below ``--runs``, and
draws a picture of each step::

    python examples/where_is_my_problem.py --runs runs/where --pictures docs

With ``--samples 250000`` of its own it takes some minutes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seqfit import Fitter

SHOWN = 800
CURVES = {"truncation_too_short": "gradient that is missing", "recency_overfitting": "error"}
"""What is drawn of a diagnosis, and names of the vertical axes."""


def main() -> None:
    """Run the commands and draw the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=250_000)
    parser.add_argument("--runs", type=Path, default=Path("runs/where"))
    parser.add_argument("--pictures", type=Path, default=Path())
    arguments = parser.parse_args()
    question, windows, updates, fixed = (
        arguments.runs / name for name in ("question", "windows", "updates", "fixed")
    )
    number = ["--samples", str(arguments.samples)]
    every_3 = "truncated_bptt:k1=3,k2=100,loss_on='all'"

    seqfit("fit", "--recipe", "question_2017", *number, "--run", question)
    seqfit("diagnose", question)
    shown = worst_stretch(question)
    draw(question, shown, arguments.pictures / "where_1_question.png")

    seqfit("fit", "--recipe", "gru", *number, "--run", windows)
    seqfit("diagnose", windows)
    draw(windows, shown, arguments.pictures / "where_2_windows.png")

    seqfit("fit", windows / "experiment.toml", "--schedule", every_3, "--run", updates)
    seqfit("diagnose", updates)
    draw(updates, shown, arguments.pictures / "where_3_updates.png")

    seqfit("fit", updates / "experiment.toml", "--fix", "--run", fixed)
    seqfit("diagnose", fixed)
    draw(fixed, shown, arguments.pictures / "where_4_exact.png")


def seqfit(*arguments: object) -> None:
    """Run a command and say what it was."""
    words = [str(argument) for argument in arguments]
    print("$ seqfit", *words, flush=True)
    subprocess.run([sys.executable, "-m", "seqfit", *words], check=True)


def worst_stretch(run: Path) -> slice:
    """Where the free run on the first held-out stream is off most, in the mean over `SHOWN`."""
    fitter = Fitter.load(run / "fitter.safetensors")
    x, y = fitter.held_out_samples(streams=1)
    error = np.abs(fitter.predict(x) - y)[:, 0, 0]
    means = np.convolve(error, np.ones(SHOWN) / SHOWN, mode="valid")
    first = int(means.argmax())
    return slice(first, first + SHOWN)


def draw(run: Path, shown: slice, picture: Path) -> None:
    """A free run through a stretch, its error, and what the diagnosis has measured."""
    fitter = Fitter.load(run / "fitter.safetensors")
    x, y = fitter.held_out_samples(streams=1)
    prediction = fitter.predict(x)
    diagnosis = json.loads((run / "diagnosis.json").read_text(encoding="utf-8"))
    findings = {finding["kind"]: finding for finding in diagnosis["findings"]}
    measured = [findings[kind] for kind in CURVES if kind in findings]

    figure = Figure(figsize=(12, 5), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[2, 1]) if measured else (figure, None)
    above, below = left.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    times = np.arange(shown.start, shown.stop)
    above.plot(times, y[shown, 0, 0], color="C0", lw=4, alpha=0.4, label="target")
    above.plot(times, prediction[shown, 0, 0], color="C3", lw=1.2, label="output")
    scores = fitter.score(*fitter.held_out_samples())
    above.set_title(f"{run.name}: free runs are off by {scores.mae:.2g} in the mean")
    above.legend(loc="lower left")
    below.semilogy(times, np.abs(prediction - y)[shown, 0, 0] + 1e-9, color="C3", lw=1)
    below.set_ylim(1e-9, 1)
    below.set_ylabel("absolute error")
    below.set_xlabel("sample of a stream that was not fitted")
    if right is not None:
        axes = right.subplots(len(measured), 1, squeeze=False)[:, 0]
        for axis, finding in zip(axes, measured, strict=True):
            draw_curve(axis, finding)
    figure.savefig(picture, dpi=90)
    print(f"drawn: {picture}", flush=True)


def draw_curve(axis: Axes, finding: dict) -> None:
    """The measurement of a finding in detail, and whether it is bad."""
    curve = finding["curve"]
    for _, values in curve["lines"]:
        axis.plot(curve["x"], values, "o-", ms=3, color="C3" if finding["is_bad"] else "C2")
    if curve["is_logarithmic"]:
        axis.set_xscale("log")
    axis.set_ylim(0, 1.2 * max(max(values) for _, values in curve["lines"]))
    verdict = "bad" if finding["is_bad"] else "in order"
    axis.set_title(f"{finding['kind'].replace('_', ' ')}: {verdict}", fontsize=10)
    axis.set_xlabel(curve["x_label"], fontsize=9)
    axis.set_ylabel(CURVES[finding["kind"]], fontsize=9)


if __name__ == "__main__":
    main()
