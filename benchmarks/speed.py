"""Speed of the same work by different hands, in turn, several times: medians, spreads and ratios.

Run it as ``python -m benchmarks speed``. All run on one thread of one core, on the same samples and
from the same weights; that they end with the same weights is checked. A contender that is given
more samples than another, since it is faster, is timed per sample.

Peers in environments of their own (``python -m benchmarks peers`` builds them) run in processes of
their own and time their work themselves. For all, the time goes from NumPy arrays in memory to the
trained weights; compilation is not in it and is told apart.

The roofline of training is the time of its multiplications and additions at the rate of torch's
matrix product of the shapes that occur, measured in the same run.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from benchmarks.contenders import Contender, OfSeqfit, PlainLoop, WindowLoop, of_ones_own
from benchmarks.peers.process import JAX, PEERS, RunnerProcess, TrainerProcess
from benchmarks.work import Work, stream
from seqfit.evaluation.free_run import free_run
from seqfit.models import GRU

WORKS = (
    Work("batch 1, 25 windows of 2 an update"),
    Work("batch 1, an update every 2", every=2),
    Work("batch 1, window 50", window=50),
    Work("32 streams, window 50", streams=32, window=50, samples=32 * 500),
    Work("1,024 streams, window 50", streams=1024, window=50, samples=1024 * 100),
    Work("hidden 16", hidden=16),
    Work("hidden 128", hidden=128),
    Work("hidden 256", hidden=256),
)
CONTENDERS: dict[str, Callable[[Work], Contender]] = {
    "plain loop, sample by sample": PlainLoop,
    "plain loop, window by window": WindowLoop,
    "seqfit eager": lambda work: OfSeqfit(work, "eager"),
    "seqfit windowed": lambda work: OfSeqfit(work, "windowed"),
    "seqfit compiled": lambda work: OfSeqfit(work, "compiled"),
    "a module of one's own, eager": lambda work: OfSeqfit(work, "eager", model=of_ones_own(work)),
    "a module of one's own, windowed": lambda work: OfSeqfit(
        work, "windowed", model=of_ones_own(work)
    ),
}
BASELINE = "seqfit compiled"
TIMES_AS_MANY = {
    "seqfit windowed": 5,
    "seqfit compiled": 50,
    "a module of one's own, windowed": 5,
    JAX.title: 50,
}
"""Samples that a fast contender takes, over those of a slow one."""

AGREEMENT = 1e-3
"""Greatest distance of two contenders' weights, over their norm, after the first samples."""


def main() -> None:
    """Print a table for each kind of work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="part of the title of the work to run")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # the peers inherit it
    rate = product_rate()
    print(f"torch's matrix product on one thread: {rate / 1e9:.0f} GFLOP/s\n")
    for work in WORKS:
        if arguments.only in work.title:
            train(work, arguments.rounds, rate)
    if arguments.only in "inference":
        infer(arguments.rounds)


def train(work: Work, rounds: int, rate: float) -> None:
    """Time the training of all contenders."""
    longest = work.samples * max(TIMES_AS_MANY.values()) // work.streams
    x, y = stream(work, longest)
    length = _whole(work, work.samples // work.streams)
    with contextlib.ExitStack() as processes:
        running = {name: begin(work) for name, begin in CONTENDERS.items()}
        for peer in PEERS:
            if peer.takes_part(work) and peer.is_built():
                running[peer.title] = processes.enter_context(TrainerProcess(peer, work))
        for contender in running.values():
            contender.train(x[:length], y[:length])
        same = [c for c in running.values() if not (isinstance(c, TrainerProcess) and c.differs)]
        apart = _greatest_distance([contender.weights() for contender in same])
        taken: dict[str, list[float]] = {name: [] for name in running}
        for _ in range(rounds):
            for name, contender in running.items():
                more = _whole(work, length * TIMES_AS_MANY.get(name, 1))
                seconds = contender.train(x[:more], y[:more])
                taken[name].append(seconds / (more * work.streams) * 1e6)
    floor = work.operations / rate * 1e6
    print(f"{work.title}: at least {floor:.2f} us a sample; weights agree to {apart:.0e}")
    if not apart < AGREEMENT:
        raise SystemExit(f"{work.title}: the contenders don't do the same work")
    absent = [p.title for p in PEERS if p.takes_part(work) and not p.is_built()]
    _print_table(taken, absent)
    for contender in running.values():
        if isinstance(contender, TrainerProcess) and contender.remark():
            print(contender.remark())
    print(flush=True)


def infer(rounds: int, samples: int = 100_000) -> None:
    """Time free runs of the network of 2017."""
    torch.manual_seed(0)
    module = GRU().build(1, 1)
    work = Work("inference")
    x, _ = stream(work, samples)
    tensor, state = torch.from_numpy(x), torch.zeros(1, 1, 50)

    def by_torch() -> object:
        with torch.no_grad():
            return module.head(module.recurrence(tensor, state)[0]).numpy()

    runs: dict[str, Callable[[], object]] = {
        "torch's nn.GRU": by_torch,
        BASELINE: lambda: free_run(module, x),
    }
    results = [np.asarray(run()) for run in runs.values()]
    taken: dict[str, list[float]] = {name: [] for name in (*runs, JAX.title)}
    with contextlib.ExitStack() as processes:
        peer = None
        if JAX.is_built():
            weights = torch.nn.utils.parameters_to_vector(module.parameters()).detach().numpy()
            peer = processes.enter_context(RunnerProcess(JAX, work, weights))
            results.append(peer.run(x)[0])
        for _ in range(rounds):
            for name, run in runs.items():
                begin = time.perf_counter()
                run()
                taken[name].append((time.perf_counter() - begin) / samples * 1e6)
            if peer:
                taken[JAX.title].append(peer.run(x)[1] / samples * 1e6)
    apart = max(float(np.abs(result - results[0]).max()) for result in results)
    print(f"free run, batch 1: outputs agree to {apart:.0e}")
    _print_table({n: t for n, t in taken.items() if t}, [n for n, t in taken.items() if not t])
    print(flush=True)


def product_rate() -> float:
    """Operations a second of torch's matrix product, at the best of the shapes that occur."""
    best = 0.0
    for m, k, n in ((150, 50, 50), (256, 256, 256), (512, 512, 512)):
        a, b = torch.rand(m, k), torch.rand(k, n)
        times = max(1, int(2e8 / (m * k * n)))
        for _ in range(5):
            begin = time.perf_counter()
            for _ in range(times):
                torch.mm(a, b)
            best = max(best, 2 * m * k * n * times / (time.perf_counter() - begin))
    return best


def _whole(work: Work, length: int) -> int:
    return max(1, length // work.every) * work.every


def _greatest_distance(weights: Sequence[np.ndarray]) -> float:
    first = weights[0]
    return max(float(np.linalg.norm(w - first) / np.linalg.norm(first)) for w in weights)


def _print_table(taken: dict[str, list[float]], absent: Sequence[str]) -> None:
    print("| by | us / sample, median (least to most) | times compiled |\n| --- | --- | --- |")
    for name, times in taken.items():
        ratios = [t / c for t, c in zip(times, taken[BASELINE], strict=True)]
        spread = f"{min(times):.2f} to {max(times):.2f}"
        ratio = f"{statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
        print(f"| {name} | {statistics.median(times):.2f} ({spread}) | {ratio} |")
    for name in absent:
        print(f"| {name} | not measured: `python -m benchmarks peers` builds it | |")
