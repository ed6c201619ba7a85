"""Training time of each engine on the 2017 network, in turn, several times: medians and ratios.

Run it as ``python -m benchmarks engines``. One thread, batch 1, GRU(50) with a head of 50.
"""

from __future__ import annotations

import argparse
import statistics
import time

from seqfit import Fitter
from seqfit.recipes import RECIPES

SAMPLES = {"eager": 2_000, "windowed": 20_000, "compiled": 100_000}


def main() -> None:
    """Print a table: microseconds a sample, and how many times as fast as eager."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print("| recipe | engine | us / sample, median (least to most) | times eager |")
    print("| --- | --- | --- | --- |")
    for recipe in ("answer_2017", "question_2017", "gru"):
        fitters = {engine: Fitter.of(RECIPES[recipe](engine=engine)).fit(500) for engine in SAMPLES}
        taken: dict[str, list[float]] = {engine: [] for engine in SAMPLES}
        for _ in range(rounds):
            for engine, samples in SAMPLES.items():
                begin = time.perf_counter()
                fitters[engine].fit(samples)
                taken[engine].append((time.perf_counter() - begin) / samples * 1e6)
        for engine, times in taken.items():
            ratios = [e / t for e, t in zip(taken["eager"], times, strict=True)]
            ratio = f"{statistics.median(ratios):.3g}"
            print(
                f"| {recipe} | {engine} | {statistics.median(times):.1f} "
                f"({min(times):.1f} to {max(times):.1f}) | {ratio} |",
                flush=True,
            )
