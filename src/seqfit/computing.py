"""How torch and compiled code compute while they are at work for a fit."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def computing(threads: int) -> Iterator[None]:
    """Use some number of threads, and take subnormal numbers as zero; as before afterwards.

    Averages of gradients that have become zero, those of dead units say, fall to the smallest
    subnormal number and stay there. Processors are several times slower with these.
    """
    before, flushed = torch.get_num_threads(), _subnormals_are_zero()
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(flushed)
        torch.set_num_threads(before)


def _subnormals_are_zero() -> bool:
    smallest = torch.tensor(5e-324, dtype=torch.float64)
    return bool((smallest * 1.0).item() == 0.0)
