"""A real series: the Santa Fe laser, predicted one step ahead, beside two simple predictors.

The intensity of a far-infrared laser in its chaotic regime, 10,093 samples, as it ships with the
package reservoirpy (``pip install reservoirpy``); data set A of A. S. Weigend, N. A. Gershenfeld
(eds.), "Time series prediction", 1994. The first 70% are fitted, the last 15% are scored, but for
their first 50 samples, in which the network finds its state.

Writes the table to standard output and the picture to a file::

    python examples/santa_fe_laser.py --samples 250000 --seeds 3 --picture santa_fe_laser.png
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from seqfit import Fitter
from seqfit.evaluation import score
from seqfit.models import GRU, Scaled
from seqfit.recipes import RECIPES
from seqfit.recordings import Recording, pair

LAGS = 20
WASHOUT = 50
SHOWN = 400


def laser() -> np.ndarray:
    """The series, shape (time,)."""
    package = importlib.util.find_spec("reservoirpy")
    if package is None or package.origin is None:
        raise SystemExit("the laser ships with reservoirpy: pip install reservoirpy")
    return np.load(Path(package.origin).parent / "datasets" / "santafe_laser.npy").ravel()


def recording() -> Recording:
    """Each sample beside the next one, which is to be predicted; what is fitted of them."""
    series = laser()
    return Recording({"now": series[:-1], "next": series[1:]}, stretch="train", repeat=True)


def fit(samples: int, seed: int, recipe: str = "gru") -> Fitter:
    """Fit a recipe, scaled by what the training stretch has."""
    signal, target = pair(recording(), "now", "next")
    x, y = (recording().during("train").columns([name]) for name in ("now", "next"))
    model = Scaled.to_data(GRU(), x, y)
    what = RECIPES[recipe](samples=samples, seed=seed, signal=signal, target=target, model=model)
    return Fitter.of(what).fit()


def linear(lags: int) -> np.ndarray:
    """Predictions of the test stretch by least squares on the last samples, fitted on training."""
    train = recording().during("train").columns(["now", "next"])[:, 0]
    test = recording().during("test").columns(["now", "next"])[:, 0]

    def regressors(now: np.ndarray) -> np.ndarray:
        padded = np.concatenate([np.full(lags - 1, now[0]), now])
        past = np.lib.stride_tricks.sliding_window_view(padded, lags)
        return np.column_stack([past, np.ones(len(past))])

    weights, *_ = np.linalg.lstsq(regressors(train[:, 0]), train[:, 1], rcond=None)
    return regressors(test[:, 0]) @ weights


def main() -> None:
    """Fit, print the scores beside those of simple predictors, and draw the first seed's run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=250_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--recipe", choices=["gru", "gru_overlapping", "gru_replay"], default="gru")
    parser.add_argument("--picture", type=Path, default=Path("santa_fe_laser.png"))
    arguments = parser.parse_args()

    now, y = (recording().during("test").columns([name]) for name in ("now", "next"))
    scored = len(y) - WASHOUT
    print(f"| predictor of {scored:,} held-out samples | seconds | MAE | RMSE | NRMSE | max |")
    print("| --- | --- | --- | --- | --- | --- |")
    simple = {"the last sample": now, f"linear, {LAGS} samples": linear(LAGS)[:, None, None]}
    for name, prediction in simple.items():
        show(name, "", score(prediction[WASHOUT:], y[WASHOUT:]))
    first = None
    for seed in range(arguments.seeds):
        fitter = fit(arguments.samples, seed, arguments.recipe)
        first = first or fitter
        scores = fitter.evaluate(washout=WASHOUT)
        show(f"{arguments.recipe}, seed {seed}", f"{fitter.report.seconds:.1f}", scores)
    if first is not None:
        draw(y[:, 0, 0], first.predict(now.astype(np.float32))[:, 0, 0], arguments.picture)


def show(name: str, seconds: str, scores) -> None:
    """One row of the table."""
    print(
        f"| {name} | {seconds} | {scores.mae:.2f} | {scores.rmse:.2f} | {scores.nrmse:.3f} "
        f"| {scores.max:.0f} |",
        flush=True,
    )


def draw(y: np.ndarray, prediction: np.ndarray, picture: Path) -> None:
    """The held-out series, its prediction, and the error."""
    worst = WASHOUT + int(np.abs(prediction - y)[WASHOUT:].argmax())
    begin = min(max(worst - SHOWN // 2, 0), len(y) - SHOWN)
    figure = Figure(figsize=(11, 8), layout="constrained")
    top, middle, bottom = figure.subplots(3, 1, height_ratios=[2, 2, 1])
    for axis, first, words in (
        (top, 0, "the beginning"),
        (middle, begin, "around the worst error"),
    ):
        time = np.arange(first, first + SHOWN)
        axis.plot(time, y[time], color="C0", lw=3, alpha=0.5, label="laser")
        axis.plot(time, prediction[time], color="C3", lw=1, label="predicted one step ahead")
        axis.set_title(f"held-out samples: {words}", fontsize=10)
        axis.set_ylabel("intensity")
        axis.margins(x=0)
    top.legend(loc="upper right")
    bottom.plot(prediction - y, color="C3", lw=0.8)
    bottom.set_ylabel("error")
    bottom.set_xlabel("held-out sample")
    bottom.margins(x=0)
    bottom.axvspan(0, WASHOUT, color="0.9")  # not scored
    bottom.set_ylim(*(np.array([-1.1, 1.1]) * np.abs(prediction - y)[WASHOUT:].max()))
    figure.savefig(picture, dpi=100)


if __name__ == "__main__":
    main()
