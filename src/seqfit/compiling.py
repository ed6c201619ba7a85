"""Compile a numerical function with Numba at its first call."""

from __future__ import annotations

import functools
import hashlib
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar, final

P = ParamSpec("P")
R = TypeVar("R")


def replacing(function: Callable[P, R], others: Mapping[Any, Any]) -> Callable[P, R]:
    """A compiled function that calls others in place of some, as do those that it calls.

    Args:
        function: what `compiled` or its kin made.
        others: for compiled functions what is called in their place, with the same arguments.
    """
    assert isinstance(function, _Compiled)
    return function._replacing(others)


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Numba's `njit`, lazily: importing Numba takes longer than most programs need it.

    Machine code is cached on disk where some folder can be written. ``error_model="numpy"`` is
    what lets loops with a division vectorise. A compiled function may call others that are global
    names of its module.
    """
    return _Compiled(function, fused=False)


def compiled_fused(function: Callable[P, R]) -> Callable[P, R]:
    """`compiled`, with ``a * b + c`` rounded once where the processor can.

    Faster, but the last bits then depend on the processor.
    """
    return _Compiled(function, fused=True)


def compiled_in_place(function: Callable[P, R]) -> Callable[P, R]:
    """`compiled`, as a part of each function that calls it rather than apart.

    Numba makes machine code for a function once more with each function around it, so deep stacks
    of them compile slowly. It suits functions that are called in one place.
    """
    return _Compiled(function, fused=False, in_place=True)


@final
class Intrinsic:
    """A function of compiled functions whose machine code is written out, see Numba's `intrinsic`.

    Args:
        build: makes it; called when a compiled function that uses it is compiled.
        source: a function of the file that says what it does.
    """

    def __init__(self, build: Callable[[], Any], source: Callable[..., Any]) -> None:
        functools.update_wrapper(self, source)
        self._build = build
        self._source = source

    def __call__(self, *_: Any) -> Any:
        """Only compiled functions can call it."""
        raise TypeError(f"{self._source.__name__} is called by compiled functions alone")

    @functools.cached_property
    def _dispatcher(self) -> Any:
        return self._build()

    def _sources(self) -> set[str]:
        codes = (self._source.__code__, self._build.__code__)
        return {code.co_filename for code in codes}


@final
class _Compiled(Generic[P, R]):
    """A function that compiles itself when it is first called."""

    def __init__(
        self,
        function: Callable[P, R],
        fused: bool,
        in_place: bool = False,
        others: Mapping[Any, Any] | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self._function: Any = function
        self._fused = fused
        self._in_place = in_place
        self._others = others or {}

    def _replacing(self, others: Mapping[Any, Any]) -> _Compiled[P, R]:
        return _Compiled(self._function, self._fused, self._in_place, others)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        result: R = self._dispatcher(*args, **kwargs)
        return result

    @functools.cached_property
    def _dispatcher(self) -> Any:
        import numba

        jit = functools.partial(
            numba.njit,
            error_model="numpy",
            nogil=True,
            inline="always" if self._in_place else "never",
            fastmath={"contract"} if self._fused else False,
        )
        try:
            return jit(cache=True)(self._linked())
        except RuntimeError:  # no folder for the cache can be written
            return jit()(self._linked())

    def _callees(self) -> dict[str, _Compiled[..., Any] | Intrinsic]:
        names = self._function.__globals__
        found = {name: names.get(name) for name in self._function.__code__.co_names}
        return {
            name: self._replaced(other)
            for name, other in found.items()
            if isinstance(other, _Compiled | Intrinsic)
        }

    def _replaced(self, callee: _Compiled[..., Any] | Intrinsic) -> Any:
        """What is called where the function names a callee."""
        if callee in self._others:
            return self._others[callee]
        if self._others and isinstance(callee, _Compiled) and callee._calls_any(self._others):
            return callee._replacing(self._others)
        return callee

    def _calls_any(self, others: Mapping[Any, Any]) -> bool:
        return any(
            callee in others or (isinstance(callee, _Compiled) and callee._calls_any(others))
            for callee in self._callees().values()
        )

    def _sources(self) -> set[str]:
        """The files that the machine code depends on."""
        others = [other._sources() for other in self._callees().values()]
        return {self._function.__code__.co_filename}.union(*others)

    def _linked(self) -> Any:
        """The function with the compiled functions that it calls replaced by Numba's own."""
        callees = self._callees()
        if not callees:
            return self._function
        linked = types.FunctionType(
            self._function.__code__,
            self._function.__globals__
            | {name: other._dispatcher for name, other in callees.items()},
        )
        functools.update_wrapper(linked, self._function)
        # Numba looks for changes in a function's own file only. Its cache goes by the name, so
        # the name tells the versions of the other files.
        digest = hashlib.sha256()
        for source in sorted(self._sources()):
            digest.update(Path(source).read_bytes())
        linked.__qualname__ = f"{self._function.__qualname__}_{digest.hexdigest()[:12]}"
        return linked
