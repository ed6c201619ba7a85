"""State trees: what a part of a fit must remember between two calls.

A state is a tree. Its leaves are plain values (``None``, ``bool``, ``int``, ``float``, ``str``, or
``range``, which numbers streams), NumPy arrays or torch tensors; its branches are tuples, lists,
and dictionaries with string or integer keys. Such a tree can be compared, copied and saved without
pickle.
"""

from __future__ import annotations

import copy as _copy
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

State: TypeAlias = Any
"""A state tree. Python cannot spell the recursive type usefully; `pack` enforces it."""

_PLAIN = (bool, int, float, str, range, type(None))


def is_tensor(leaf: object) -> bool:
    """Whether a leaf is a torch tensor, without importing torch for those who have none."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(leaf, torch.Tensor)


def map_arrays(function: Callable[[Any], Any], tree: State) -> State:
    """The same tree with `function` applied to each array and tensor; plain values stay."""
    return map_leaves(lambda leaf: leaf if isinstance(leaf, _PLAIN) else function(leaf), tree)


def map_together(function: Callable[..., Any], trees: list[State]) -> State:
    """One tree from several of equal shape: `function` takes a leaf of each, in order.

    Plain values are taken from the first tree.
    """
    first = trees[0]
    if isinstance(first, tuple | list):
        branches = [map_together(function, [tree[i] for tree in trees]) for i in range(len(first))]
        return tuple(branches) if isinstance(first, tuple) else branches
    if isinstance(first, dict):
        return {key: map_together(function, [tree[key] for tree in trees]) for key in first}
    return first if isinstance(first, _PLAIN) else function(*trees)


def rows(tree: State, first: int, end: int) -> State:
    """The same tree with rows `first` to `end` of each array and tensor."""
    return map_arrays(lambda leaf: leaf[first:end], tree)


def leaves(tree: State) -> list[Any]:
    """The leaves of a tree, in the order in which `map_leaves` takes them."""
    found: list[Any] = []
    map_leaves(found.append, tree)
    return found


def map_leaves(function: Callable[[Any], Any], tree: State) -> State:
    """The same tree with `function` applied to each leaf, plain values too."""
    if isinstance(tree, tuple):
        return tuple(map_leaves(function, branch) for branch in tree)
    if isinstance(tree, list):
        return [map_leaves(function, branch) for branch in tree]
    if isinstance(tree, dict):
        return {key: map_leaves(function, branch) for key, branch in tree.items()}
    return function(tree)


def stack(trees: list[State]) -> State:
    """Many trees of equal shape as one that takes less room, see `unstack`."""
    import torch

    columns: list[list[Any]] = [list(column) for column in zip(*map(leaves, trees), strict=True)]
    stacked = [torch.stack(c) if all(map(is_tensor, c)) else c for c in columns]
    return {"first": trees[0], "leaves": stacked}


def unstack(stacked: State, count: int) -> list[State]:
    """The trees that `stack` took, so many."""

    def tree(index: int) -> State:
        column = iter(stacked["leaves"])
        return map_leaves(lambda _: next(column)[index], stacked["first"])

    return [tree(index) for index in range(count)]


def copy(tree: State) -> State:
    """A deep copy that shares no memory with the tree."""
    return map_arrays(
        lambda leaf: leaf.detach().clone() if is_tensor(leaf) else _copy.copy(leaf), tree
    )


def pack(tree: State) -> tuple[Any, dict[str, np.ndarray]]:
    """Split a tree into JSON-compatible structure and its named arrays.

    Raises:
        TypeError: the tree holds something that is not a plain value, an array or a branch.
    """
    arrays: dict[str, np.ndarray] = {}

    def visit(branch: Any, path: str) -> Any:
        if isinstance(branch, range):
            return {"range": [branch.start, branch.stop, branch.step]}
        if isinstance(branch, _PLAIN):
            return branch
        if isinstance(branch, tuple | list):
            kind = "tuple" if isinstance(branch, tuple) else "list"
            return {kind: [visit(leaf, f"{path}.{i}") for i, leaf in enumerate(branch)]}
        if isinstance(branch, dict):
            for key in branch:
                if not isinstance(key, str | int) or isinstance(key, bool):
                    raise TypeError(
                        f"a state's keys must be str or int, got {key!r} at {path or 'the root'}"
                    )
            return {"dict": [[key, visit(leaf, f"{path}.{key}")] for key, leaf in branch.items()]}
        name = path.lstrip(".") or "state"
        while name in arrays:  # a key with a dot in it can spell another leaf's path
            name += "_"
        if is_tensor(branch):
            arrays[name], axes = _in_memory_order(branch.detach().cpu().numpy())
            return {"tensor": name} | axes
        if isinstance(branch, np.ndarray | np.generic):
            if branch.dtype.hasobject:
                raise TypeError(f"a state may not hold an array of objects, got one at {name}")
            arrays[name], axes = _in_memory_order(np.asarray(branch))
            return {"array" if isinstance(branch, np.ndarray) else "scalar": name} | axes
        raise TypeError(
            "a state holds plain values, arrays and tensors in tuples, lists and dictionaries, "
            f"got {type(branch).__name__} at {name}"
        )

    return visit(tree, ""), arrays


def unpack(structure: Any, arrays: Mapping[str, np.ndarray]) -> State:
    """The tree that `pack` split; the arrays are copied.

    Raises:
        ValueError: the structure was not made by `pack`, or it does not name each of the arrays
            once.
    """
    left = dict(arrays)

    def visit(structure: Any) -> State:
        if isinstance(structure, _PLAIN):
            return structure
        kinds = [k for k in structure if k != "axes"] if isinstance(structure, dict) else []
        if len(kinds) != 1:
            raise ValueError(f"not a packed state: {str(structure)[:80]!r}")
        kind, content = kinds[0], structure[kinds[0]]
        if kind in _LEAVES:
            if not isinstance(content, str) or content not in left:
                raise ValueError(
                    f"a packed state names the array {str(content)[:80]!r}, which is missing"
                    + (" at this second place" if content in list(arrays) else "")
                )
            return _LEAVES[kind](_as_in_memory(left.pop(content), structure.get("axes")))
        if kind == "range":
            return _as_range(content)
        if kind not in ("tuple", "list", "dict") or not isinstance(content, list):
            raise ValueError(f"not a packed state: unknown kind {str(kind)[:80]!r}")
        if kind == "dict":
            return {_key(key): visit(leaf) for key, leaf in content}
        branches = [visit(leaf) for leaf in content]
        return tuple(branches) if kind == "tuple" else branches

    tree = visit(structure)
    if left:
        raise ValueError(f"the array {next(iter(left))[:80]!r} has no place in the packed state")
    return tree


def _as_range(content: Any) -> range:
    if not isinstance(content, list) or len(content) != 3 or {*map(type, content)} != {int}:
        raise ValueError(f"a packed state has the range {str(content)[:80]}")
    return range(*content)


def _as_tensor(array: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(array)


def _as_scalar(array: np.ndarray) -> Any:
    if array.ndim:
        raise ValueError(f"a packed state has a scalar of {array.ndim} dimensions")
    return array[()]


_LEAVES: dict[str, Callable[[np.ndarray], Any]] = {
    "tensor": _as_tensor,
    "array": lambda array: array,
    "scalar": _as_scalar,
}
"""What an array of a packed state becomes."""


def _key(key: Any) -> str | int:
    if isinstance(key, str):
        key.encode()  # raises where it holds half a character, which could not be saved again
        return key
    if isinstance(key, int) and not isinstance(key, bool):
        return key
    raise ValueError(f"a packed state has the key {str(key)[:80]!r}, which is neither str nor int")


def _as_in_memory(array: np.ndarray, axes: Any) -> np.ndarray:
    """A copy of an array, with its axes where they lay in memory, see `_in_memory_order`."""
    array = np.array(array, order="C")
    if axes is None:
        return array
    if sorted(axes) != list(range(array.ndim)):
        raise ValueError(f"a packed state has axes {str(axes)[:80]} for {array.ndim} dimensions")
    return array.transpose(np.argsort(axes))


def memory_order(array: np.ndarray) -> list[int]:
    """The axes of an array as they lie in memory, the one with the longest step first."""
    return sorted(range(array.ndim), key=lambda axis: -array.strides[axis])


def _in_memory_order(array: np.ndarray) -> tuple[np.ndarray, dict[str, list[int]]]:
    """An array with its axes as they lie in memory, and their order if it is not the usual one.

    Matrix products round differently where a matrix lies transposed, so a state that is to go on
    bit for bit must lie in memory as it did.
    """
    axes = memory_order(array)
    ordered = array.transpose(axes)
    if array.flags.c_contiguous or not ordered.flags.c_contiguous:
        return array, {}
    return ordered, {"axes": axes}


def same(a: State, b: State) -> bool:
    """Whether two trees are equal bit for bit: structure, types, shapes, dtypes and values."""
    if is_tensor(a) and is_tensor(b):
        a, b = a.detach().cpu().numpy(), b.detach().cpu().numpy()
    if isinstance(a, np.ndarray | np.generic) and isinstance(b, np.ndarray | np.generic):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return bool(a == b) or (a != a and b != b)
