"""Compile a numerical function with Numba at its first call."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Numba's `njit`, lazily: importing Numba takes longer than most programs need it.

    Machine code is cached on disk where some folder can be written. ``error_model="numpy"`` is
    what lets loops with a division vectorise.
    """

    @functools.cache
    def kernel() -> Callable[P, R]:
        import numba

        try:
            dispatcher = numba.njit(cache=True, error_model="numpy", nogil=True)(function)
        except RuntimeError:  # no folder for the cache can be written
            dispatcher = numba.njit(error_model="numpy", nogil=True)(function)
        return dispatcher

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> R:
        return kernel()(*args, **kwargs)

    return call
