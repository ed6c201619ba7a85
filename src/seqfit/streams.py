"""Streams of a state: some of them without the others, and all of them put together again.

Where a state is divided is told from its shape for one stream and for two: arrays have an axis that
grows with the number of streams, and a ``range`` numbers them. All else belongs to every stream.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from seqfit import states
from seqfit.states import State

Axes: TypeAlias = Any
"""A tree like a state's. Its leaves are the axis of the streams, 0 for a ``range``; None where a
leaf, or a whole branch, belongs to every stream."""


class IndivisibleError(ValueError):
    """A state of which no part can be told that belongs to some of the streams."""


def stream_axes(one: State, two: State) -> Axes:
    """Where the streams lie in a state.

    Args:
        one: the state for one stream.
        two: the state for two, at the same place of the run.

    Raises:
        IndivisibleError: the second has another structure, or differs where there is no axis.
    """
    if isinstance(one, range) and isinstance(two, range):
        if (len(one), len(two)) == (1, 2) and one.start == two.start:
            return 0
    elif isinstance(one, tuple | list) and type(one) is type(two) and len(one) == len(two):
        return [stream_axes(a, b) for a, b in zip(one, two, strict=True)]
    elif isinstance(one, dict) and isinstance(two, dict) and list(one) == list(two):
        return {key: stream_axes(one[key], two[key]) for key in one}
    elif states.same(one, two):
        return None
    elif hasattr(one, "shape") and type(one) is type(two) and len(one.shape) == len(two.shape):
        pairs = list(zip(one.shape, two.shape, strict=True))
        grown = [axis for axis, (a, b) in enumerate(pairs) if a != b]
        if len(grown) == 1 and pairs[grown[0]] == (1, 2):
            return grown[0]
    raise IndivisibleError(f"a state holds {one!r} for one stream, and {two!r} for two")


def take(tree: State, axes: Axes, streams: range, count: int) -> State:
    """The state of some streams; its arrays are copies.

    Args:
        tree: the state of all streams.
        axes: where the streams lie in it.
        streams: those that are taken, counted from 0.
        count: how many there are.

    Raises:
        TypeError: there are more or fewer.
    """

    def some(axis: int, leaf: Any) -> Any:
        found = len(leaf) if isinstance(leaf, range) else leaf.shape[axis]
        if found != count:
            raise TypeError(f"a state must be of {count} streams, got one of {found}")
        if isinstance(leaf, range):
            return leaf[streams.start : streams.stop]
        return _in_place(lambda a, at: a[0][_along(at, streams)], axis, [leaf])

    return _map(some, axes, tree)


def leaves(tree: State, axes: Axes) -> list[Any]:
    """The leaves of a state that belong to its streams; tensors in the memory of the processor."""
    found: list[Any] = []
    _map(lambda _axis, leaf: found.append(leaf), axes, tree)
    return [leaf.detach().cpu() if states.is_tensor(leaf) else leaf for leaf in found]


def join(tree: State, axes: Axes, parts: Sequence[list[Any]]) -> State:
    """The state of all streams.

    Args:
        tree: the state of some of them, of which what belongs to every stream is taken.
        axes: where the streams lie in it.
        parts: the `leaves` of the states of the first streams, of those after them, and so on.
    """
    columns = zip(*parts, strict=True)

    def together(axis: int, _leaf: Any) -> Any:
        column = next(columns)
        if isinstance(column[0], range):
            return range(column[0].start, column[-1].stop)
        return _in_place(lambda arrays, at: np.concatenate(arrays, axis=at), axis, list(column))

    return _map(together, axes, tree)


def _map(function: Callable[[int, Any], Any], axes: Axes, tree: State) -> State:
    """The same tree with `function` applied to the axis and the leaf where there is an axis."""
    if axes is None:
        return tree
    if isinstance(axes, int):
        return function(axes, tree)
    if isinstance(axes, dict):
        return {key: _map(function, axes.get(key), branch) for key, branch in tree.items()}
    branches = [_map(function, a, branch) for a, branch in zip(axes, tree, strict=True)]
    return tuple(branches) if isinstance(tree, tuple) else branches


def _in_place(
    change: Callable[[list[np.ndarray], int], np.ndarray], axis: int, given: list[Any]
) -> Any:
    """What `change` makes of arrays, laid out in memory as the first of them.

    Matrix products round by the layout, so that a fit goes on bit for bit.
    """
    arrays = [a.detach().cpu().numpy() if states.is_tensor(a) else a for a in given]
    order = states.memory_order(arrays[0])
    changed = change([array.transpose(order) for array in arrays], order.index(axis))
    laid_out = np.array(changed, order="C").transpose(np.argsort(order))
    if not states.is_tensor(given[0]):
        return laid_out
    import torch

    return torch.from_numpy(laid_out).to(given[0].device)


def _along(axis: int, streams: range) -> tuple[slice, ...]:
    return (*(slice(None),) * axis, slice(streams.start, streams.stop))
