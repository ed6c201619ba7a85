"""The 2017 question and its answer, several seeds, beside a good schedule for the same GRU.

Writes the table to standard output and the picture to a file::

    python examples/question_2017.py --samples 250000 --seeds 3 --picture question_2017.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from seqfit import Fitter
from seqfit.recipes import RECIPES

NAMES = ("question_2017", "answer_2017", "gru")
SHOWN = 600


def main() -> None:
    """Fit each recipe with each seed, print the scores, and draw the first seed's free runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=250_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--picture", type=Path, default=Path("question_2017.png"))
    arguments = parser.parse_args()

    drawn = {}
    print("| schedule | seed | updates | seconds | us / sample | MAE | p99 | max |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in NAMES:
        for seed in range(arguments.seeds):
            fitter = Fitter.of(RECIPES[name](samples=arguments.samples, seed=seed)).fit()
            report, scores = fitter.report, fitter.evaluate()
            print(
                f"| {name} | {seed} | {report.updates:,} | {report.seconds:.0f} "
                f"| {report.us_per_sample:.1f} | {scores.mae:.4f} | {scores.p99:.3f} "
                f"| {scores.max:.2f} |",
                flush=True,
            )
            if seed == 0:
                x, y = fitter.held_out_samples(SHOWN, streams=1, seed=2017)
                drawn[name] = (y[:, 0, 0], fitter.predict(x)[:, 0, 0], fitter.loss_curve, scores)
    draw(drawn, arguments.picture)


def draw(drawn: dict, picture: Path) -> None:
    """Free runs on one fresh stream, and the course of the loss, a column for each recipe."""
    figure = Figure(figsize=(15, 6), layout="constrained")
    axes = figure.subplots(2, len(drawn), sharey="row", height_ratios=[2, 1], squeeze=False)
    for column, (name, (y, prediction, (samples, losses), scores)) in enumerate(drawn.items()):
        top, bottom = axes[:, column]
        top.plot(y, color="C0", lw=3, alpha=0.5, label="target")
        top.plot(prediction, color="C3", lw=1, label="output")
        top.set_title(f"{name}: MAE {scores.mae:.3f}")
        top.set_xlabel("sample of a free run")
        smooth = np.convolve(losses, np.ones(20) / 20, mode="valid")
        bottom.plot(samples[-len(smooth) :], smooth, lw=1)
        bottom.set_yscale("log")
        bottom.set_xlabel("samples fitted")
    axes[0, 0].legend(loc="upper right")
    axes[1, 0].set_ylabel("loss before each update")
    figure.savefig(picture, dpi=100)


if __name__ == "__main__":
    main()
