"""How time and memory grow with the size of the network, the window, the streams and the samples.

Run it as ``python -m benchmarks growth`` on Linux. Each measurement of the compiled engine is made
in a process of its own, on one thread, and memory is that of one fit as it goes on; it leaves a
picture and a table below ``docs``.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import final

import attrs
import torch

from benchmarks.contenders import OfSeqfit, fitter_of
from benchmarks.work import Work, stream
from seqfit.fitting import Checkpoints

DOCS = Path(__file__).parents[1] / "docs"
ROUNDS = 5
SECONDS = 0.3
"""Least duration of a round."""


@final
@attrs.frozen
class Axis:
    """What grows, while all else stays as it is.

    Attributes:
        label: what the axis is called.
        work: the work at a value of it.
        values: the values.
    """

    label: str
    work: Callable[[int], Work]
    values: Sequence[int]


AXES = (
    Axis(
        "hidden units (1 stream, window 2, an update every 50 samples)",
        lambda hidden: Work("", hidden=hidden),
        (8, 16, 32, 50, 64, 128, 256),
    ),
    Axis(
        "window (1 stream, 50 units, an update every 200 samples)",
        lambda window: Work("", window=window, every=200),
        (2, 5, 10, 20, 50, 100, 200),
    ),
    Axis(
        "streams (50 units, window 50, an update every 50 time steps)",
        lambda streams: Work("", streams=streams, window=50),
        (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
    ),
)
MEMORY = Axis(
    "samples fitted (1 stream, 50 units, window 2, an update every 50 samples)",
    lambda samples: Work("", samples=samples),
    (100_000, 1_000_000, 10_000_000),
)
LONG = 100_000_000
SECONDS_BETWEEN = 1.0
"""From checkpoint to checkpoint, while memory is measured."""


def main() -> None:
    """Measure, and leave the picture and the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help=f"also {LONG:,} samples, two minutes")
    parser.add_argument("--memory", action="store_true", help="measure memory alone, print it")
    options = parser.parse_args()
    memory = attrs.evolve(MEMORY, values=(*MEMORY.values, *((LONG,) if options.long else ())))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        held = process.submit(memory_held, [memory.work(value) for value in memory.values]).result()
    for value, megabytes in zip(memory.values, held, strict=True):
        print(f"{memory.label}: {value:,}: {megabytes:.1f} MB", flush=True)
    if options.memory:
        return
    times = [_measure(axis, microseconds) for axis in AXES]
    _write(times, memory, held)
    _draw(times, memory, held)
    print(f"see {DOCS / 'growth.md'} and {DOCS / 'growth.png'}")


def microseconds(work: Work) -> float:
    """Median of the microseconds a sample of several rounds."""
    torch.set_num_threads(1)
    contender = OfSeqfit(work, "compiled")
    length = work.every
    while True:
        x, y = stream(work, length)
        contender.train(x, y)  # the first call compiles
        seconds = contender.train(x, y)
        if seconds > SECONDS:
            break
        length *= min(8, 1 + int(1.1 * SECONDS / seconds))
    taken = [contender.train(x, y) for _ in range(ROUNDS)]
    return statistics.median(taken) / (length * work.streams) * 1e6


def memory_held(works: Sequence[Work]) -> list[float]:
    """Memory that a process holds during one fit, after the samples of each work, in MB.

    It is one fit of all of them, with checkpoints on the way.
    """
    torch.set_num_threads(1)
    marks = [work.samples for work in works]
    found: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        fitter = fitter_of(
            works[-1], "compiled", callbacks=[Checkpoints(folder, seconds=SECONDS_BETWEEN)]
        )
        for before, mark in zip([0, *marks], marks, strict=False):
            fitter.fit(mark - before)
            status = Path("/proc/self/status").read_text(encoding="ascii")
            found.append(int(status.split("VmRSS:")[1].split()[0]) * 1024 / 1e6)
    return found


def _measure(axis: Axis, quantity: Callable[[Work], float]) -> list[float]:
    found = []
    for value in axis.values:
        begin = time.perf_counter()
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            found.append(process.submit(quantity, axis.work(value)).result())
        spent = time.perf_counter() - begin
        print(f"{axis.label}: {value:,}: {found[-1]:.3g} ({spent:.0f} s in all)", flush=True)
    return found


def _write(times: list[list[float]], memory: Axis, held: list[float]) -> None:
    lines = ["# Growth", "", "By `python -m benchmarks growth`: the compiled engine on one thread,"]
    lines += ["training a GRU by Adam. Medians of five rounds; each row in a process of its own."]
    lines += ["Memory is that of one fit on its way, with a checkpoint every second."]
    for axis, found in zip(AXES, times, strict=True):
        lines += ["", f"| {axis.label} | us / sample |", "| ---: | ---: |"]
        lines += [f"| {v:,} | {t:.2f} |" for v, t in zip(axis.values, found, strict=True)]
    lines += ["", f"| {memory.label} | memory of the process, MB |", "| ---: | ---: |"]
    lines += [f"| {v:,} | {m:.1f} |" for v, m in zip(memory.values, held, strict=True)]
    lines += ["", "![The same, drawn](growth.png)", ""]
    (DOCS / "growth.md").write_text("\n".join(lines), encoding="utf-8")


def _draw(times: list[list[float]], memory: Axis, held: list[float]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import FixedLocator, LogLocator, NullLocator, StrMethodFormatter

    figure, plots = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
    drawn = [*zip(AXES, times, strict=True), (memory, held)]
    for plot, (axis, found) in zip(plots.flat, drawn, strict=True):
        plot.loglog(axis.values, found, "o-", base=10)
        title, _, fixed = axis.label.partition(" (")
        plot.set_title(fixed.rstrip(")"), fontsize=10)
        plot.set_xlabel(title)
        plot.set_ylabel("memory, MB" if axis is memory else "us / sample")
        plot.set_ylim(min(found) / 3, max(found) * 3)
        plot.xaxis.set_major_locator(FixedLocator(axis.values))
        plot.xaxis.set_minor_locator(NullLocator())
        plot.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        plot.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        plot.yaxis.set_minor_locator(NullLocator())
        plot.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        plot.grid(alpha=0.3)
    figure.suptitle("The compiled engine on one thread")
    figure.savefig(DOCS / "growth.png", dpi=110)


if __name__ == "__main__":
    main()
