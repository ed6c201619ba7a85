"""One picture of a fit: what went in, what came out, the error, and the course of the loss."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import numpy as np

from seqfit.fitting.checkpoint import write_atomically
from seqfit.fitting.fitter import Fitter
from seqfit.fitting.samples import Samples

SHOWN = 600


class PictureUnavailableError(ImportError):
    """matplotlib is not installed."""


def draw_fit(path: Path, fitter: Fitter, x: Samples, y: Samples, title: str) -> None:
    """Draw a fit as a PNG.

    Args:
        path: where to.
        fitter: the fit.
        x: held-out inputs, (time, streams, inputs); the first stream is shown.
        y: what should come out, (time, streams, outputs).
        title: heading of the picture.

    Raises:
        PictureUnavailableError: the extra ``plot`` is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as missing:
        raise PictureUnavailableError(
            "a picture needs matplotlib: pip install 'seqfit[plot]'"
        ) from missing
    prediction = fitter.predict(x[:, :1])
    shown = slice(0, min(SHOWN, len(x)))
    time = np.arange(len(x))[shown]

    figure = Figure(figsize=(10, 8), layout="constrained")
    signals, errors, losses = figure.subplots(3, 1, height_ratios=[3, 1.5, 1.5])
    figure.suptitle(title)
    single = y.shape[2] == 1
    for channel in range(x.shape[2]):
        label = "input" if x.shape[2] == 1 else f"input {channel + 1}"
        signals.plot(time, x[shown, 0, channel], color="0.75", lw=1, label=label)
    for channel in range(y.shape[2]):
        of = "" if single else f" {channel + 1}"
        truth = y[shown, 0, channel]
        lone = "." if np.isnan(truth).any() else ""  # between missing ones a line would not show
        target = {"color": "C0", "lw": 2.5, "alpha": 0.5, "marker": lone, "label": f"target{of}"}
        signals.plot(time, truth, **target)
        signals.plot(time, prediction[shown, 0, channel], color="C3", lw=1, label=f"output{of}")
        error = prediction[shown, 0, channel] - truth
        errors.plot(time, error, color="C3" if single else f"C{channel}", lw=1, marker=lone)
    signals.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    signals.set_ylabel("free run, held-out stream")
    signals.tick_params(labelbottom=False)
    signals.sharex(errors)
    errors.axhline(0, color="0.5", lw=0.5)
    errors.set_ylabel("output - target")
    errors.set_xlabel("sample")
    errors.margins(x=0)

    samples, means = fitter.loss_curve
    losses.plot(samples, means, color="C0", lw=1, marker="." if len(means) < SHOWN / 10 else "")
    losses.set_xlim(left=0)
    losses.set_yscale("log")
    losses.set_ylabel("loss before each update")
    losses.set_xlabel("samples fitted")

    def write(file: IO[bytes]) -> None:
        figure.savefig(file, format="png", dpi=120)

    write_atomically(path, write)
