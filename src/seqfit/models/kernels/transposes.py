"""Products with a transposed matrix in the memory: after it was laid out anew, or as it lies."""

from __future__ import annotations

from typing import Any

from seqfit.compiling import Intrinsic, compiled
from seqfit.models.kernels.products import Array
from seqfit.models.kernels.vectors import item_size, pointer_to

_BLOCK = 8  # rows and columns that are gone through at once


def _shuffled(builder: Any, u: Any, v: Any, order: list[int]) -> Any:
    """Numbers of two vectors in some order."""
    from llvmlite import ir

    lane = ir.IntType(32)
    mask = ir.Constant(ir.VectorType(lane, _BLOCK), [lane(i) for i in order])
    return builder.shuffle_vector(u, v, mask)


def _halves_swapped(builder: Any, u: Any, v: Any, distance: int) -> tuple[Any, Any]:
    """Two rows of a block after off-diagonal parts of this size were swapped."""
    lanes = range(_BLOCK)
    upper = [_BLOCK + k - distance if k & distance else k for k in lanes]
    lower = [_BLOCK + k if k & distance else k + distance for k in lanes]
    return _shuffled(builder, u, v, upper), _shuffled(builder, u, v, lower)


def _build_transpose() -> Any:
    from numba.core import cgutils, types
    from numba.extending import intrinsic

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        from llvmlite import ir

        memory, a, a_row, rows, columns, t, t_row = arguments
        data = pointer_to(context, builder, signature.args[0], memory)
        align, index = item_size(data), rows.type
        kind = ir.VectorType(data.type.pointee, _BLOCK)
        zero = ir.Constant(kind, [ir.Constant(kind.element, 0.0)] * _BLOCK)

        def place(start: Any, row: Any, row_size: Any, column: Any) -> Any:
            offset = builder.add(builder.add(start, builder.mul(row, row_size)), column)
            return builder.bitcast(builder.gep(data, [offset]), kind.as_pointer())

        zero_index, step = index(0), index(_BLOCK)
        with cgutils.for_range_slice(builder, zero_index, rows, step, index) as (first, _):
            with cgutils.for_range_slice(builder, zero_index, columns, step, index) as (column, _):
                block = []
                for i in range(_BLOCK):
                    row = builder.add(first, index(i))
                    loaded = builder.load(place(a, row, a_row, column), align=align)
                    inside = builder.icmp_signed("<", row, rows)
                    block.append(builder.select(inside, loaded, zero))
                for distance in (4, 2, 1):
                    for i in range(_BLOCK):
                        if not i & distance:
                            block[i], block[i + distance] = _halves_swapped(
                                builder, block[i], block[i + distance], distance
                            )
                for i in range(_BLOCK):
                    row = builder.add(column, index(i))
                    builder.store(block[i], place(t, row, t_row, first), align=align)
        return context.get_dummy_value()

    def transpose(
        _typing: Any, memory: Any, a: Any, a_row: Any, rows: Any, columns: Any, t: Any, t_row: Any
    ) -> Any:
        return types.void(memory, *[types.int64] * 6), emit

    return intrinsic(transpose)


transpose = Intrinsic(_build_transpose, _build_transpose)
"""``transpose(memory, a, a_row, rows, columns, t, t_row)``: (rows, columns) to (columns, rows).

`columns` is a multiple of 8; the transposed rows are filled up with zeros to one. What follows the
rows in the memory is read too, as far as a multiple of 8, and not used.
"""


def _build_dots() -> Any:
    from numba.core import types
    from numba.extending import intrinsic

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        from llvmlite import ir

        memory, a, b, b_row, rows, c, depth, add = arguments
        data = pointer_to(context, builder, signature.args[0], memory)
        align, index = item_size(data), depth.type
        kind = ir.VectorType(data.type.pointee, _BLOCK)
        zero = ir.Constant(kind, [ir.Constant(kind.element, 0.0)] * _BLOCK)
        name = f"llvm.fma.v{_BLOCK}f{8 * align}"
        fma = builder.module.declare_intrinsic(name, (), ir.FunctionType(kind, [kind] * 3))

        def place(offset: Any) -> Any:
            return builder.bitcast(builder.gep(data, [offset]), kind.as_pointer())

        inside = [builder.icmp_signed("<", index(i), rows) for i in range(_BLOCK)]
        starts = [
            builder.add(b, builder.select(within, builder.mul(index(i), b_row), index(0)))
            for i, within in enumerate(inside)
        ]
        before, loop, after = builder.block, *(builder.append_basic_block() for _ in range(2))
        builder.branch(loop)
        builder.position_at_end(loop)
        k = builder.phi(index)
        k.add_incoming(index(0), before)
        running = [builder.phi(kind) for _ in range(_BLOCK)]
        left = builder.load(place(builder.add(a, k)), align=align)
        sums = []
        for phi, start in zip(running, starts, strict=True):
            phi.add_incoming(zero, before)
            right = builder.load(place(builder.add(start, k)), align=align)
            sums.append(builder.call(fma, [left, right, phi]))
        following = builder.add(k, index(_BLOCK))
        for phi, value in zip([k, *running], [following, *sums], strict=True):
            phi.add_incoming(value, loop)
        builder.cbranch(builder.icmp_signed("<", following, depth), loop, after)
        builder.position_at_end(after)
        for distance in (4, 2, 1):  # what would transpose them, but the halves are added
            sums = [
                builder.fadd(*_halves_swapped(builder, sums[i], sums[i + distance], distance))
                for i in range(distance)
            ]
        total = sums[0]
        kept = ir.Constant(ir.VectorType(ir.IntType(1), _BLOCK), ir.Undefined)
        for i, within in enumerate(inside):
            kept = builder.insert_element(kept, within, ir.IntType(32)(i))
        total = builder.select(kept, total, zero)
        target = place(c)
        there = builder.select(add, builder.load(target, align=align), zero)
        builder.store(builder.fadd(there, total), target, align=align)
        return context.get_dummy_value()

    def dots(
        _typing: Any, memory: Any, a: Any, b: Any, b_row: Any, rows: Any, c: Any, depth: Any,
        add: Any,
    ) -> Any:  # fmt: skip
        return types.void(memory, *[types.int64] * 6, types.boolean), emit

    return intrinsic(dots)


_dots = Intrinsic(_build_dots, _build_dots)


@compiled
def multiply_by_transposed(
    memory: Array, a: int, a_row: int, b: int, b_row: int, c: int, c_row: int, m: int, n: int,
    columns: int, depth: int, add: bool,
) -> None:  # fmt: skip
    """``c = a b^T``, or ``c += a b^T``, where b is read as it lies.

    For a few rows that is faster than to transpose b and then to multiply.

    Args:
        memory: where all of them lie.
        a: offset of the left matrix, (m, depth).
        a_row: from one of its rows to the next.
        b: offset of the right matrix, (n, depth).
        b_row: from one of its rows to the next.
        c: offset of the product, (m, columns); what lies beyond the n-th column becomes zero, or
            stays where it is added to.
        c_row: from one of its rows to the next.
        m: rows of the product.
        n: rows of the right matrix.
        columns: columns of the product, a multiple of 8.
        depth: terms of each sum, a multiple of 8.
        add: whether to add to what is there.
    """
    for i in range(m):
        left, into = a + i * a_row, c + i * c_row
        for j in range(0, n, 8):
            _dots(memory, left, b + j * b_row, b_row, n - j, into + j, depth, add)
        if not add:
            for j in range((n + 7) // 8 * 8, columns):
                memory[into + j] = 0
