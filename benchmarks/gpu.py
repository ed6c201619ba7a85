"""Training on a GPU against the processor, by numbers of streams.

Run it as ``python -m benchmarks gpu``. The work is that of ``speed``: the GRU of 2017, windows of
50, Adam. On the GPU it is done by torch's own GRU in a plain loop, window by window, and by seqfit;
on the processor by seqfit on one thread. Without a GPU its columns say so.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable

import torch

from benchmarks.contenders import Contender, OfSeqfit, WindowLoop
from benchmarks.work import Work, stream

STREAMS = (1, 64, 4096)
LEAST_UPDATES, LEAST_SAMPLES = 40, 20_000
"""Of a round."""
CONTENDERS: dict[str, Callable[[Work], Contender]] = {
    "seqfit, processor": lambda work: OfSeqfit(work, "auto"),
    "plain loop, GPU": lambda work: WindowLoop(work, "cuda"),
    "seqfit, GPU": lambda work: OfSeqfit(work, "auto", "cuda"),
}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    has_gpu = torch.cuda.is_available()
    print(f"GPU: {torch.cuda.get_device_name() if has_gpu else 'none'}\n")
    print(f"| streams | {' | '.join(CONTENDERS)} |\n| --- {'| --- ' * len(CONTENDERS)}|")
    for streams in STREAMS:
        work = Work("", streams=streams, window=50)
        cells = [
            f"{_microseconds(begin(work), work, rounds):.3g} us a sample"
            if has_gpu or "GPU" not in name
            else "not measured"
            for name, begin in CONTENDERS.items()
        ]
        print(f"| {streams:,} | {' | '.join(cells)} |", flush=True)


def _microseconds(contender: Contender, work: Work, rounds: int) -> float:
    """Median time of a sample, after a first round in which all is compiled and captured."""
    updates = max(LEAST_UPDATES, LEAST_SAMPLES // (work.every * work.streams))
    x, y = stream(work, updates * work.every)
    taken = [contender.train(x, y) for _ in range(rounds + 1)][1:]
    return statistics.median(taken) / (len(x) * work.streams) * 1e6
