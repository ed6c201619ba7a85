"""How well the solvers do: free-run errors over fresh seeds, in units of the target's range.

Run it as ``python -m benchmarks accuracy``. Each fit is scored on 8 streams of 20,000 samples and
on one of 1,000,000, none of which was fitted.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable

import numpy as np

from seqfit import Fitter, Target
from seqfit.recipes import RECIPES
from seqfit.targets import LeakyIntegral, SaturatedIntegral

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


ROWS: tuple[tuple[str, str, int, Callable[[int], Target]], ...] = (
    ("2017 problem", "exact", 20_000, lambda _: SaturatedIntegral()),
    ("2017 problem", "exact", 1_000, lambda _: SaturatedIntegral()),
    ("2017 problem", "exact_hidden", 20_000, lambda _: SaturatedIntegral()),
    ("random saturated integrals", "exact", 20_000, random_integral),
    ("leaky integral", "exact", 20_000, lambda _: LeakyIntegral()),
    ("two leaky integrals in series", "exact_hidden", 20_000, lambda _: _low_pass()),
)


def _low_pass() -> Target:
    return LeakyIntegral(leak=0.1, gain=0.1) >> LeakyIntegral(leak=0.15, gain=0.15)


def main() -> None:
    """Print a table: medians, and the worst of all seeds in brackets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    seeds = range(FIRST_SEED, FIRST_SEED + parser.parse_args().seeds)
    print("| target | recipe | samples | seconds | MAE | max | max of 1,000,000 | MAE < 1e-6 |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for title, recipe, samples, target_of in ROWS:
        columns: list[list[float]] = [[], [], [], []]
        for seed in seeds:
            target = target_of(seed)
            fitter = Fitter.of(RECIPES[recipe](samples=samples, seed=seed, target=target)).fit()
            _, y = fitter.held_out_samples()
            span = float(np.ptp(y))
            scores, long = fitter.evaluate(), fitter.evaluate(1_000_000, streams=1)
            values = (fitter.report.seconds, scores.mae / span, scores.max / span, long.max / span)
            for column, value in zip(columns, values, strict=True):
                column.append(value)
        cells = (f"{statistics.median(column):.2g} ({max(column):.2g})" for column in columns)
        good = sum(mae < 1e-6 for mae in columns[1])
        row = [title, recipe, f"{samples:,}", *cells, f"{good} of {len(seeds)}"]
        print(f"| {' | '.join(row)} |", flush=True)
