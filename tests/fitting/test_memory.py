"""A long fit needs no more memory than a short one."""

import sys
from pathlib import Path

import numpy as np
import pytest

from seqfit import Fitter
from seqfit.fitting import Checkpoints
from seqfit.models import RNN
from seqfit.schedules import Accumulate, EveryWindow, Replay, TruncatedBPTT
from seqfit.signals import RandomHold
from seqfit.targets import SaturatedIntegral

GROWTH = 6e6
"""Bytes that may come and go: for the compiled engine 3 a sample, or 30 an update."""


def resident():
    """Bytes of memory that this process holds."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.parametrize(
    ("schedule", "engine", "short", "long"),
    [
        (EveryWindow(10), "auto", 100_000, 2_000_000),
        (TruncatedBPTT(5, 20, loss_on="all", streams=4), "auto", 100_000, 2_000_000),
        (Accumulate(2, 50), "windowed", 5_000, 30_000),
        (Replay(EveryWindow(20), capacity=1000, passes=2), "windowed", 2_000, 8_000),
    ],
    ids=str,
)
@pytest.mark.slow
def test_memory_does_not_grow_with_the_samples(schedule, engine, short, long, tmp_path):
    callbacks = [Checkpoints(tmp_path, samples=long // 10)]
    model, parts = RNN(hidden=4, head=()), {"engine": engine, "callbacks": callbacks}
    fitter = Fitter(RandomHold(), SaturatedIntegral(), model, schedule, **parts).fit(short)
    before = resident()
    fitter.fit(long)
    assert resident() - before < GROWTH
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1e6


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_does_not_grow_with_samples_that_are_handed_in():
    fitter = Fitter(model=RNN(hidden=4, head=()), schedule=TruncatedBPTT(10, 20))
    x = np.random.default_rng(0).uniform(size=1000)
    for _ in range(20):
        fitter.partial_fit(x, x)
    before = resident()
    for _ in range(1000):
        fitter.partial_fit(x, x)
    assert resident() - before < GROWTH
