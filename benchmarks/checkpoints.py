"""What checkpoints cost: the same fit with them and without, in turns.

Run it as ``python -m benchmarks checkpoints``. It prints by how much they make a fit longer, the
median and the quartiles of paired rounds.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from typing import Any, final

import attrs
import torch

from benchmarks.contenders import fitter_of
from benchmarks.work import Work
from seqfit import Fitter
from seqfit.fitting import Checkpoints

ROUNDS = 15


@final
@attrs.frozen
class Case:
    """A fit, and how often it is saved.

    Attributes:
        title: what it is called.
        engine: the engine.
        samples: of a round.
        often: the arguments of `Checkpoints`.
    """

    title: str
    engine: str
    samples: int
    often: dict[str, Any]


CASES = (
    Case("compiled, every second", "compiled", 4_000_000, {"seconds": 1.0}),
    Case("compiled, every 1,000,000 samples", "compiled", 2_000_000, {"samples": 1_000_000}),
    Case("compiled, every 250,000 samples", "compiled", 1_000_000, {"samples": 250_000}),
    Case("compiled, every 50,000 samples", "compiled", 1_000_000, {"samples": 50_000}),
    Case("windowed, every second", "windowed", 150_000, {"seconds": 1.0}),
    Case("windowed, every 10,000 samples", "windowed", 100_000, {"samples": 10_000}),
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each fit with and without")
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    work = Work("")
    print(
        "| GRU of 50 units, an update every 50 samples | longer by | quartiles | a checkpoint, ms |"
    )
    print("| --- | ---: | ---: | ---: |")
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            saving = fitter_of(work, case.engine, [Checkpoints(folder, **case.often)])
            plain = fitter_of(work, case.engine)
            both = [(_seconds(plain, case), _seconds(saving, case)) for _ in range(rounds + 1)][1:]
        longer = [100 * (with_them / without - 1) for without, with_them in both]
        low, middle, high = statistics.quantiles(longer, n=4)
        seconds = statistics.median(without for without, _ in both)
        taken = seconds / case.often.get("seconds", seconds)
        if "samples" in case.often:
            taken = case.samples / case.often["samples"]
        each = middle / 100 * seconds / taken * 1e3
        print(
            f"| {case.title} | {middle:.1f}% | {low:.1f}% to {high:.1f}% | {each:.1f} |", flush=True
        )


def _seconds(fitter: Fitter, case: Case) -> float:
    begin = time.perf_counter()
    fitter.fit(case.samples)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
