"""How fits grow with the number of processes, and what these spend on one another.

Run it as ``python -m benchmarks ranks``. Each measurement is a job of torchrun on this machine,
with one thread a rank. It prints tables as `docs/scaling.md` has them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import Any

import torch
from torch import distributed

from benchmarks.contenders import fitter_of
from benchmarks.work import Work
from seqfit.fitting import Fitter, Ranks, joined

WORKS = (
    Work("8 streams", streams=8, window=50),
    Work("64 streams", streams=64, window=50),
    Work("512 streams", streams=512, window=50),
    Work("64 streams, 128 units", hidden=128, streams=64, window=50),
)
MESSAGES = (1, 1_000, 10_000, 100_000, 1_000_000)
"""Numbers in a message, of four bytes each."""
ROUNDS = 5
SECONDS = 0.6
"""Duration of a round, about."""


def main() -> None:
    """Measure in jobs of so many ranks, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2], help="numbers of ranks")
    parser.add_argument("--in-job", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.in_job:
        measure()
        return
    found = {count: _job(count) for count in options.ranks}
    _print_fits(found)
    _print_messages(found)


def measure() -> None:
    """What each rank of a job does; the first one prints what was found, as JSON."""
    torch.set_num_threads(1)
    with joined() as ranks:
        fits = [_fit(work, ranks) for work in WORKS]
        messages = [_message(numbers, ranks) for numbers in MESSAGES]
        if ranks.is_first:
            print(json.dumps({"fits": fits, "messages": messages}))


def _fit(work: Work, ranks: Ranks) -> dict[str, Any]:
    """The fastest of some rounds of equally many updates: other work on the machine only adds."""
    fitter = Fitter.of(fitter_of(work, "auto").experiment, ranks=ranks)
    updates, size = 8, work.every * work.streams
    fitter.fit(size)  # compiles
    while True:
        begin = time.perf_counter()
        fitter.fit(updates * size)
        seconds = ranks.on_first(lambda begin=begin: time.perf_counter() - begin)
        if seconds > SECONDS / 2:
            break
        updates *= 4
    rounds = []
    for _ in range(ROUNDS):
        begin, before, worked = time.perf_counter(), ranks.seconds, time.process_time()
        fitter.fit(updates * size)
        spent = time.perf_counter() - begin
        rounds.append((spent, ranks.seconds - before, time.process_time() - worked))
    seconds, sums, work_done = (number / updates for number in min(rounds))
    return {
        "title": work.title,
        "engine": fitter.report.engine.split(" (")[0],
        "seconds": seconds,
        "sums": sums,
        "work": work_done,
        "samples": size,
        "numbers": sum(p.numel() for p in fitter.module.parameters()),
    }


def _message(numbers: int, ranks: Ranks) -> dict[str, float]:
    """Time of a sum over all ranks, the fastest; 0 where there is nobody to wait for."""
    tensor, taken = torch.zeros(numbers), [0.0]
    if ranks.count > 1:
        distributed.barrier()
        before = ranks.seconds
        for _ in range(200):
            ranks.sum(tensor)
            taken.append(ranks.seconds - before)
            before = ranks.seconds
    return {"bytes": 4 * numbers, "seconds": min(taken[1:] or taken)}


def _job(count: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={count}"]
    job = subprocess.run(
        [*command, "-m", "--", "benchmarks.ranks", "--in-job"],
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(job.stdout.splitlines()[-1])
    return found


def _print_fits(found: dict[int, Any]) -> None:
    columns = "samples / s | to one rank | update, ms | of it sums | at work, ms"
    print(f"| streams | ranks | engine | {columns} |")
    print("| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    for place in range(len(WORKS)):
        one = next(iter(found.values()))["fits"][place]
        for count, job in found.items():
            fit = job["fits"][place]
            rate, ratio = fit["samples"] / fit["seconds"], one["seconds"] / fit["seconds"]
            print(
                f"| {fit['title']} | {count} | {fit['engine']} | {rate:,.0f} | {ratio:.2f} | "
                f"{fit['seconds'] * 1e3:.2f} | {fit['sums'] / fit['seconds']:.0%} | "
                f"{fit['work'] * 1e3:.2f} |"
            )


def _print_messages(found: dict[int, Any]) -> None:
    counts = [count for count in found if count > 1]
    print("\n| bytes of a sum |" + "".join(f" {count} ranks, ms |" for count in counts))
    print("| ---: |" + " ---: |" * len(counts))
    for place, numbers in enumerate(MESSAGES):
        times = [found[count]["messages"][place]["seconds"] for count in counts]
        print(f"| {4 * numbers:,} |" + "".join(f" {1e3 * seconds:.3f} |" for seconds in times))


if __name__ == "__main__":
    main()
