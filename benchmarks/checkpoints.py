"""What checkpoints cost: the same fit with them and without, in turns.

Run it as ``python -m benchmarks checkpoints``. It prints by how much they make a fit longer, the
median and the quartiles of paired rounds; and the processor's time that they take, of the thread
that fits and of the one that writes, which is steadier on a machine that others use too.
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
    print("| GRU of 50 units, updates of 50 samples | longer by | quartiles | fitting | writing |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            saving = fitter_of(work, case.engine, callbacks=[Checkpoints(folder, **case.often)])
            plain = fitter_of(work, case.engine)
            pairs = [(_spent(plain, case), _spent(saving, case)) for _ in range(rounds + 1)][1:]
        low, middle, high = statistics.quantiles([s.wall / p.wall - 1 for p, s in pairs], n=4)
        fitting = statistics.median(s.fitting / p.fitting - 1 for p, s in pairs)
        writing = statistics.median(s.writing / p.fitting for p, s in pairs)
        print(
            f"| {case.title} | {middle:.1%} | {low:.1%} to {high:.1%} | {fitting:.1%} | "
            f"{writing:.1%} |",
            flush=True,
        )


@final
@attrs.frozen
class Spent:
    """Seconds of a fit: by the clock, and of the processor for each of two threads."""

    wall: float
    fitting: float
    writing: float


def _spent(fitter: Fitter, case: Case) -> Spent:
    wall, fitting, process = time.perf_counter(), time.thread_time(), time.process_time()
    fitter.fit(case.samples)
    wall, fitting = time.perf_counter() - wall, time.thread_time() - fitting
    return Spent(wall, fitting, time.process_time() - process - fitting)


if __name__ == "__main__":
    main()
