"""How well the solvers do: free-run errors over fresh seeds, in units of the target's range.

Run it as ``python -m benchmarks accuracy``. Each fit is scored on 8 streams of 20,000 samples and
on one of 1,000,000, none of which was fitted.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from typing import Literal, final

import attrs
import numpy as np

from seqfit import Fitter, Target
from seqfit.fitting import LevenbergMarquardt
from seqfit.recipes import RECIPES
from seqfit.targets import LeakyIntegral, Noisy, SaturatedIntegral, Threshold

FIRST_SEED = 1000


def random_integral(seed: int) -> Target:
    """A saturated integral with gain 0.01 to 0.5 and bounds anywhere in [-3, 3].

    Where 0 lies outside, it starts at the nearer bound.
    """
    rng = np.random.default_rng(seed)
    low, high = np.sort(rng.uniform(-3, 3, 2))
    gain = float(np.exp(rng.uniform(np.log(0.01), np.log(0.5))))
    offset = float(rng.uniform(0.3, 0.7))
    start = float(np.clip(0.0, low, high))
    return SaturatedIntegral(gain, offset, float(low), float(high), initial=start)


def outliers(seed: int) -> Target:
    """The 2017 target with noise of 0.01, but of 2 on 5% of the outputs."""
    return Noisy(SaturatedIntegral(), 0.01, outliers=0.05, outlier_deviation=2.0, seed=seed)


@final
@attrs.frozen(kw_only=True)
class Row:
    """A row of the table.

    Attributes:
        title: what is fitted.
        recipe: by which recipe.
        samples: on how many samples.
        target: of a seed.
        loss: of the solver.
    """

    title: str
    recipe: str = "exact"
    samples: int = 20_000
    target: Callable[[int], Target] = lambda _: SaturatedIntegral()
    loss: Literal["squares", "huber"] = "squares"

    def fit(self, seed: int) -> Fitter:
        """The fit of a seed."""
        solver = LevenbergMarquardt(seed=seed, loss=self.loss)
        experiment = RECIPES[self.recipe](
            samples=self.samples, seed=seed, target=self.target(seed), optimizer=solver
        )
        return Fitter.of(experiment).fit()


ROWS = (
    Row(title="2017 problem"),
    Row(title="2017 problem", samples=1_000),
    Row(title="2017 problem", recipe="exact_hidden"),
    Row(title="the same, noise of 0.05", target=lambda seed: Noisy(SaturatedIntegral(), seed=seed)),
    Row(title="the same, 5% outliers, squares", target=outliers),
    Row(title="the same, 5% outliers, huber", target=outliers, loss="huber"),
    Row(title="random saturated integrals", target=random_integral),
    Row(title="leaky integral", target=lambda _: LeakyIntegral()),
    Row(
        title="two leaky integrals in series",
        recipe="exact_hidden",
        target=lambda _: LeakyIntegral(leak=0.1, gain=0.1) >> LeakyIntegral(leak=0.15, gain=0.15),
    ),
    Row(
        title="2017 problem, above 0.5 or not",
        recipe="exact_hidden",
        target=lambda _: SaturatedIntegral() >> Threshold(),
    ),
)


def main() -> None:
    """Print a table: medians, and the worst of all seeds in brackets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", default="", help="part of the title of the rows to run")
    arguments = parser.parse_args()
    seeds = range(FIRST_SEED, FIRST_SEED + arguments.seeds)
    print("| target | recipe | samples | seconds | MAE | max | max of 1,000,000 | MAE < 1e-6 |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for row in ROWS:
        if arguments.only not in row.title:
            continue
        columns: list[list[float]] = [[], [], [], []]
        for seed in seeds:
            fitter = row.fit(seed)
            _, y = fitter.held_out_samples()
            span = float(np.ptp(y))
            scores, long = fitter.evaluate(), fitter.evaluate(1_000_000, streams=1)
            values = (fitter.report.seconds, scores.mae / span, scores.max / span, long.max / span)
            for column, value in zip(columns, values, strict=True):
                column.append(value)
        cells = (f"{statistics.median(column):.2g} ({max(column):.2g})" for column in columns)
        good = sum(mae < 1e-6 for mae in columns[1])
        line = [row.title, row.recipe, f"{row.samples:,}", *cells, f"{good} of {len(seeds)}"]
        print(f"| {' | '.join(line)} |", flush=True)
