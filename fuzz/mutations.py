"""Changes to inputs that random bytes would hardly ever make: a tree changed, then sealed again."""

from __future__ import annotations

import copy
import json
import random
import tomllib
from collections.abc import Callable
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
import tomli_w

from seqfit.fitting.checkpoint import ENTRY, signed

Mutate = Callable[[bytes, int], bytes]
"""Changes bytes blindly, up to a size."""

_ODD: list[Any] = [
    None, True, 0, 1, -1, 2, 7, 2**31, 2**63, 10**400, -(2**63), 0.5, -0.0, 1e-320, 1e308,
    float("inf"), float("nan"), "", "x", "cuda", "a" * 300, "\x1b[2J", "\ud800", [], {}, [0],
    [[]], {"name": "gru"}, {"name": "chain", "parts": []}, {"tuple": []}, {"dict": []},
    {"tensor": "chance"}, {"dict": [["a", 1]]}, {"name": "Adam", "lr": 0},
]  # fmt: skip


def change_tree(tree: Any, rng: random.Random) -> Any:
    """A copy of a tree of lists and mappings with one place changed."""
    tree = copy.deepcopy(tree)
    places = list(_places(tree))
    if not places:
        return rng.choice(_ODD)
    branch, key = rng.choice(places)
    action = rng.randrange(5)
    if action == 0:
        del branch[key]
    elif action == 1:
        other, other_key = rng.choice(places)
        branch[key] = copy.deepcopy(other[other_key])
    elif action == 2 and isinstance(branch, dict):
        branch[rng.choice([k for b, k in places if isinstance(b, dict)])] = branch.pop(key)
    elif action == 3 and isinstance(branch, list):
        branch.insert(key, copy.deepcopy(rng.choice(branch)))
    elif isinstance(branch[key], int | float) and rng.random() < 0.5:
        branch[key] = rng.choice([branch[key] + 1, branch[key] - 1, -branch[key], branch[key] * 3])
    else:
        branch[key] = copy.deepcopy(rng.choice(_ODD))
    return tree


def configuration(data: bytes, size: int, rng: random.Random, mutate: Mutate) -> bytes:
    """Change an experiment in TOML."""
    try:
        return tomli_w.dumps(change_tree(tomllib.loads(data.decode()), rng)).encode()
    except (ValueError, TypeError, AttributeError, RecursionError):
        return mutate(data, size)


def checkpoint(data: bytes, size: int, rng: random.Random, mutate: Mutate) -> bytes:
    """Change what a checkpoint says or holds, with the checksum made anew."""
    try:
        metadata, arrays = unsealed(data)
        document = metadata[ENTRY].partition("\n")[0]
        way = rng.randrange(4)
        if way == 0:
            document = mutate(document.encode(), size).decode()
        elif way < 3 or not arrays:
            document = json.dumps(change_tree(json.loads(document), rng))
        else:
            _change_array(arrays, rng)
        return sealed(document, arrays)
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, RecursionError):
        return mutate(data, size)


MUTATIONS = {"configuration": configuration, "checkpoint": checkpoint}


def unsealed(data: bytes) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """The metadata and the arrays in a file."""
    length = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + length])["__metadata__"]
    return metadata, safetensors.numpy.load(data)


def sealed(document: str, arrays: dict[str, np.ndarray]) -> bytes:
    """A file that says and holds this, under its checksum."""
    return safetensors.numpy.save(arrays, {ENTRY: signed(document, arrays)})


def _change_array(arrays: dict[str, np.ndarray], rng: random.Random) -> None:
    name = rng.choice(sorted(arrays))
    array = arrays[name]
    action = rng.randrange(5)
    if action == 0:
        del arrays[name]
    elif action == 1:
        arrays[name + "_"] = array
    elif action == 2:
        arrays[name] = np.array(array.ravel()[: array.size // 2])
    elif action == 3:
        arrays[name] = array.astype(rng.choice(["float64", "int64", "uint8", "bool", "float32"]))
    else:
        arrays[name] = np.full_like(array, rng.choice([0, 1, 255]))


def _places(tree: Any) -> Any:
    """Every branch with each of its keys."""
    stack = [tree]
    while stack:
        branch = stack.pop()
        keys = list(branch) if isinstance(branch, dict) else range(len(branch))
        for key in keys:
            yield branch, key
            if isinstance(branch[key], dict | list):
                stack.append(branch[key])
