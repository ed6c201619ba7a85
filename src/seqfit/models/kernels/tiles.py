"""Matrix products in the memory, tile by tile: as many sums as the registers hold.

A product's numbers don't depend on the tiles: each sum is taken in order, one fused
multiplication and addition after the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqfit.compiling import Intrinsic, compiled, compiled_in_place
from seqfit.models.kernels.products import Array
from seqfit.models.kernels.vectors import broadcast, is_wide, item_size, lanes_of, pointer_to

COLUMNS = 16
"""Rows of a right-hand matrix, and of a product, have a multiple of this many numbers."""

# Of plain numbers and truth values the compiler would make a version of `multiply` for each.
NEXT: Any = np.int64(1)
"""The distance of neighbours."""

REPLACE: Any = np.bool_(False)
ADD: Any = np.bool_(True)
"""What a product does to what was there."""

_DEPTH = 128  # rows of a right-hand panel that are used again while they are near


def _tile(rows: int, vectors: int) -> Any:
    """``c (+)= a b`` for some rows and vectors of columns.

    Called as ``tile(memory, a, a_row, a_column, b, b_row, c, c_row, depth, add)``.
    """

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        from llvmlite import ir

        memory, a, a_row, a_column, b, b_row, c, c_row, depth, add = arguments
        data = pointer_to(context, builder, signature.args[0], memory)
        align, index = item_size(data), depth.type
        lanes = lanes_of(align == 4)
        kind = ir.VectorType(data.type.pointee, lanes)
        function = ir.FunctionType(kind, [kind] * 3)
        fma = builder.module.declare_intrinsic(f"llvm.fma.v{lanes}f{8 * align}", (), function)

        def places(offset: Any) -> list[Any]:
            starts = [builder.add(offset, index(j * lanes)) for j in range(vectors)]
            return [
                builder.bitcast(builder.gep(data, [start]), kind.as_pointer()) for start in starts
            ]

        targets = []
        for i in range(rows):
            targets += places(builder.add(c, builder.mul(index(i), c_row)))
        zero = ir.Constant(kind, [ir.Constant(kind.element, 0.0)] * lanes)
        sums = [builder.select(add, builder.load(p, align=align), zero) for p in targets]
        before, loop, after = builder.block, *(builder.append_basic_block() for _ in range(2))
        builder.branch(loop)
        builder.position_at_end(loop)
        k = builder.phi(index)
        k.add_incoming(index(0), before)
        running = [builder.phi(kind) for _ in sums]
        for phi, first in zip(running, sums, strict=True):
            phi.add_incoming(first, before)
        b_k = builder.add(b, builder.mul(k, b_row))
        a_k = builder.add(a, builder.mul(k, a_column))
        right = [builder.load(place, align=align) for place in places(b_k)]
        sums = []
        for i in range(rows):
            offset = builder.add(a_k, builder.mul(index(i), a_row))
            left = broadcast(builder, builder.load(builder.gep(data, [offset])), lanes)
            for j in range(vectors):
                sums.append(builder.call(fma, [left, right[j], running[i * vectors + j]]))
        following = builder.add(k, index(1))
        for phi, value in zip([k, *running], [following, *sums], strict=True):
            phi.add_incoming(value, loop)
        builder.cbranch(builder.icmp_signed("<", following, depth), loop, after)
        builder.position_at_end(after)
        for value, target in zip(sums, targets, strict=True):
            builder.store(value, target, align=align)
        return context.get_dummy_value()

    def build() -> Any:
        from numba.core import types
        from numba.extending import intrinsic

        def tile(
            _typing: Any, memory: Any, a: Any, a_row: Any, a_column: Any, b: Any, b_row: Any,
            c: Any, c_row: Any, depth: Any, add: Any,
        ) -> Any:  # fmt: skip
            return types.void(memory, *[types.int64] * 8, types.boolean), emit

        tile.__name__ = tile.__qualname__ = f"tile_{rows}_{vectors}"
        return intrinsic(tile)

    return Intrinsic(build, _tile)


_tile_6_4, _tile_6_2, _tile_6_1 = _tile(6, 4), _tile(6, 2), _tile(6, 1)
_tile_2_4, _tile_2_2, _tile_2_1 = _tile(2, 4), _tile(2, 2), _tile(2, 1)
_tile_1_12, _tile_1_11, _tile_1_10, _tile_1_9 = (_tile(1, n) for n in (12, 11, 10, 9))
_tile_1_8, _tile_1_6, _tile_1_4 = (_tile(1, n) for n in (8, 6, 4))
_tile_1_2, _tile_1_1 = _tile(1, 2), _tile(1, 1)


def _constant(value: Any) -> Any:
    """A number that depends on the dtype of the memory and on the processor."""

    def build() -> Any:
        from numba.core import types
        from numba.extending import intrinsic

        def constant(_typing: Any, memory: Any) -> Any:
            number = value(memory.dtype == types.float32)

            def emit(context: Any, _builder: Any, signature: Any, _arguments: Any) -> Any:
                return context.get_constant(signature.return_type, number)

            return types.int64(memory), emit

        return intrinsic(constant)

    return Intrinsic(build, _constant)


_lanes_of = _constant(lanes_of)
_most_vectors = _constant(lambda _: 4 if is_wide() else 2)
_most_in_a_row = _constant(lambda _: 12 if is_wide() else 8)


@compiled_in_place
def _row(
    memory: Array, a: int, a_column: int, b: int, b_row: int, c: int, n: int, depth: int, add: bool
) -> None:
    lanes, most = _lanes_of(memory), _most_in_a_row(memory)
    j = 0
    while j < n:
        left = (n - j) // lanes
        if left >= 12 and most >= 12:
            _tile_1_12(memory, a, 0, a_column, b + j, b_row, c + j, 0, depth, add)
            j += 12 * lanes
        elif left == 11 and most >= 12:
            _tile_1_11(memory, a, 0, a_column, b + j, b_row, c + j, 0, depth, add)
            j += 11 * lanes
        elif left == 10 and most >= 12:
            _tile_1_10(memory, a, 0, a_column, b + j, b_row, c + j, 0, depth, add)
            j += 10 * lanes
        elif left >= 8:
            _tile_1_8(memory, a, 0, a_column, b + j, b_row, c + j, 0, depth, add)
            j += 8 * lanes
        elif left >= 4:
            _tile_1_4(memory, a, 0, a_column, b + j, b_row, c + j, 0, depth, add)
            j += 4 * lanes
        elif left >= 2:
            _tile_1_2(memory, a, 0, a_column, b + j, b_row, c + j, 0, depth, add)
            j += 2 * lanes
        else:
            _tile_1_1(memory, a, 0, a_column, b + j, b_row, c + j, 0, depth, add)
            j += lanes


@compiled_in_place
def _panel(
    memory: Array, a: int, a_row: int, a_column: int, b: int, b_row: int, c: int, c_row: int,
    m: int, vectors: int, depth: int, add: bool,
) -> None:  # fmt: skip
    i = 0
    while i + 6 <= m:
        if vectors == 4:
            _tile_6_4(memory, a, a_row, a_column, b, b_row, c, c_row, depth, add)
        elif vectors == 2:
            _tile_6_2(memory, a, a_row, a_column, b, b_row, c, c_row, depth, add)
        else:
            _tile_6_1(memory, a, a_row, a_column, b, b_row, c, c_row, depth, add)
        i, a, c = i + 6, a + 6 * a_row, c + 6 * c_row
    while i + 2 <= m:
        if vectors == 4:
            _tile_2_4(memory, a, a_row, a_column, b, b_row, c, c_row, depth, add)
        elif vectors == 2:
            _tile_2_2(memory, a, a_row, a_column, b, b_row, c, c_row, depth, add)
        else:
            _tile_2_1(memory, a, a_row, a_column, b, b_row, c, c_row, depth, add)
        i, a, c = i + 2, a + 2 * a_row, c + 2 * c_row
    if i < m:
        if vectors == 4:
            _tile_1_4(memory, a, 0, a_column, b, b_row, c, 0, depth, add)
        elif vectors == 2:
            _tile_1_2(memory, a, 0, a_column, b, b_row, c, 0, depth, add)
        else:
            _tile_1_1(memory, a, 0, a_column, b, b_row, c, 0, depth, add)


@compiled
def multiply(
    memory: Array, a: int, a_row: int, a_column: int, b: int, b_row: int, c: int, c_row: int,
    m: int, n: int, depth: int, add: bool,
) -> None:  # fmt: skip
    """``c = a b``, or ``c += a b``.

    Args:
        memory: where all of them lie.
        a: offset of the left matrix, (m, depth).
        a_row: from one of its rows to the next.
        a_column: from one of its columns to the next.
        b: offset of the right matrix, (depth, n).
        b_row: from one of its rows to the next.
        c: offset of the product, (m, n).
        c_row: from one of its rows to the next.
        m: rows of the product, at least 1.
        n: columns of the product, a multiple of `COLUMNS`.
        depth: terms of each sum, at least 1.
        add: whether to add to what is there.
    """
    lanes, most = _lanes_of(memory), _most_vectors(memory)
    if m == 1:
        _row(memory, a, a_column, b, b_row, c, n, depth, add)
        return
    for first in range(0, depth, _DEPTH):
        terms = min(_DEPTH, depth - first)
        adds = add or first > 0
        a_from, b_from = a + first * a_column, b + first * b_row
        j = 0
        while j < n:
            left = (n - j) // lanes
            vectors = most if left >= most else 2 if left >= 2 else 1
            _panel(
                memory, a_from, a_row, a_column, b_from + j, b_row, c + j, c_row, m, vectors,
                terms, adds,
            )  # fmt: skip
            j += vectors * lanes
