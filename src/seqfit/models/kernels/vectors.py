"""Loops over rows of numbers, written out as vector instructions.

A compiler that is left to find the vectors by itself gives up on loops over more than a few
arrays. Here they are stated: a function of vectors is traced once, and becomes a loop whose body
is exactly the operations that it did. All operands lie in one flat array, the memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, final

from seqfit.compiling import Intrinsic

LANES = 8
"""Rows that are gone through have a multiple of this many numbers."""


def is_wide() -> bool:
    """Whether the processor has 32 registers of 512 bits, rather than 16 of 256."""
    import llvmlite.binding

    return bool(llvmlite.binding.get_host_cpu_features().get("avx512f", False))


def lanes_of(single: bool) -> int:
    """Numbers in a register: of float32, or else of float64."""
    return (16 if is_wide() else 8) // (1 if single else 2)


@final
class Vector:
    """A vector in a function that is being traced; products and sums may be fused."""

    def __init__(self, builder: Any, value: Any) -> None:
        self._builder = builder
        self.value = value

    @property
    def single(self) -> bool:
        """Whether the numbers are float32."""
        return str(self.value.type.element) == "float"

    def constant(self, number: float) -> Vector:
        """A vector of one number, in the dtype of this one."""
        from llvmlite import ir

        kind = self.value.type
        numbers = [ir.Constant(kind.element, number)] * kind.count
        return Vector(self._builder, ir.Constant(kind, numbers))

    def _other(self, other: Vector | float) -> Any:
        return (other if isinstance(other, Vector) else self.constant(other)).value

    def _binary(self, operation: str, left: Any, right: Any) -> Vector:
        made = getattr(self._builder, operation)(left, right, flags=("contract",))
        return Vector(self._builder, made)

    def __add__(self, other: Vector | float) -> Vector:
        return self._binary("fadd", self.value, self._other(other))

    __radd__ = __add__

    def __sub__(self, other: Vector | float) -> Vector:
        return self._binary("fsub", self.value, self._other(other))

    def __rsub__(self, other: Vector | float) -> Vector:
        return self._binary("fsub", self._other(other), self.value)

    def __mul__(self, other: Vector | float) -> Vector:
        return self._binary("fmul", self.value, self._other(other))

    __rmul__ = __mul__

    def __truediv__(self, other: Vector | float) -> Vector:
        return self._binary("fdiv", self.value, self._other(other))

    def __rtruediv__(self, other: Vector | float) -> Vector:
        return self._binary("fdiv", self._other(other), self.value)

    def where(self, relation: str, other: Vector | float, then: Any, otherwise: Any) -> Vector:
        """`then` where this compares with the other as the relation says, else `otherwise`."""
        holds = self._builder.fcmp_ordered(relation, self.value, self._other(other))
        chosen = self._builder.select(holds, self._other(then), self._other(otherwise))
        return Vector(self._builder, chosen)

    def clipped(self, low: float, high: float) -> Vector:
        """Limited to a range; not-a-number stays."""
        raised = self.where("<", low, low, self)
        return raised.where(">", high, high, raised)

    def square_root(self) -> Vector:
        """The square root."""
        from llvmlite import ir

        kind = self.value.type
        name = f"llvm.sqrt.v{kind.count}f{32 if self.single else 64}"
        function = self._builder.module.declare_intrinsic(name, (), ir.FunctionType(kind, [kind]))
        return Vector(self._builder, self._builder.call(function, [self.value]))

    def power_of_two(self) -> Vector:
        """``2 ** n``, where the low bits of this hold n."""
        from llvmlite import ir

        bits, bias, mantissa = (32, 127, 23) if self.single else (64, 1023, 52)
        whole = ir.VectorType(ir.IntType(bits), self.value.type.count)

        def constant(number: int) -> Any:
            return ir.Constant(whole, [ir.Constant(whole.element, number)] * whole.count)

        builder = self._builder
        n = builder.bitcast(self.value, whole)
        exponent = builder.shl(builder.add(n, constant(bias)), constant(mantissa))
        return Vector(builder, builder.bitcast(exponent, self.value.type))


@final
class Row:
    """A row of the memory at the columns that a function is at: ``row[gate]`` reads and writes.

    Gates follow each other in the row, each with the `size` of the loop.
    """

    def __init__(self, builder: Any, start: Any, size: Any, lanes: int) -> None:
        self._builder = builder
        self._start = start
        self._size = size
        self._lanes = lanes

    def _place(self, gate: int) -> Any:
        from llvmlite import ir

        kind = self._start.type.pointee
        offset = self._builder.mul(self._size, self._size.type(gate))
        address = self._builder.gep(self._start, [offset])
        return self._builder.bitcast(address, ir.VectorType(kind, self._lanes).as_pointer())

    def __getitem__(self, gate: int) -> Vector:
        place = self._place(gate)
        return Vector(self._builder, self._builder.load(place, align=item_size(self._start)))

    def __setitem__(self, gate: int, vector: Vector) -> None:
        self._builder.store(vector.value, self._place(gate), align=item_size(self._start))


def rowwise(operands: int, scalars: int = 0) -> Callable[[Callable[..., None]], Any]:
    """Make a function of rows a loop for compiled functions.

    The decorated function takes `operands` rows and then `scalars` vectors of one number each.
    The loop is called as ``loop(memory, size, rows, places, numbers)``: `size` columns, a multiple
    of `LANES`, of each of `rows` rows; `places` is a tuple with an offset and a stride for each
    operand; `numbers` a tuple of the scalars.
    """

    def decorate(function: Callable[..., None]) -> Any:
        return Intrinsic(lambda: _loop(function, operands, scalars), function)

    return decorate


def _loop(function: Callable[..., None], operands: int, scalars: int) -> Any:
    from numba.core import cgutils, types
    from numba.extending import intrinsic as numba_intrinsic

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        memory, size, rows, places, numbers = arguments
        data = pointer_to(context, builder, signature.args[0], memory)
        index, dtype = size.type, signature.args[0].dtype
        given = [
            context.cast(builder, builder.extract_value(numbers, i), signature.args[4][i], dtype)
            for i in range(scalars)
        ]
        extracted = [builder.extract_value(places, i) for i in range(2 * operands)]
        widest = max(LANES, lanes_of(dtype == types.float32))
        whole = builder.and_(size, index(-widest))

        def at(starts: list[Any], column: Any, lanes: int) -> None:
            vectors = [Vector(builder, broadcast(builder, number, lanes)) for number in given]
            rows = [Row(builder, builder.gep(start, [column]), size, lanes) for start in starts]
            function(*rows, *vectors)

        with cgutils.for_range(builder, rows) as row:
            starts = [
                builder.gep(data, [builder.add(offset, builder.mul(row.index, stride))])
                for offset, stride in zip(extracted[::2], extracted[1::2], strict=True)
            ]
            zero, step = index(0), index(widest)
            with cgutils.for_range_slice(builder, zero, whole, step, index) as (column, _):
                at(starts, column, widest)
            if widest > LANES:
                with builder.if_then(builder.icmp_signed("<", whole, size)):
                    at(starts, whole, LANES)
        return context.get_dummy_value()

    def typed(_context: Any, memory: Any, size: Any, rows: Any, places: Any, numbers: Any) -> Any:
        whole = types.UniTuple(types.int64, 2 * operands)
        given = types.UniTuple(types.float64, scalars) if scalars else numbers
        return types.void(memory, types.int64, types.int64, whole, given), emit

    typed.__name__ = typed.__qualname__ = function.__name__
    return numba_intrinsic(typed)


def pointer_to(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """Where the numbers of an array begin."""
    return context.make_array(kind)(context, builder, array).data


def broadcast(builder: Any, number: Any, lanes: int) -> Any:
    """A vector of one number."""
    from llvmlite import ir

    kind = ir.VectorType(number.type, lanes)
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), number, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [ir.IntType(32)(0)] * lanes)
    return builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), zeros)


def item_size(pointer: Any) -> int:
    """Bytes of the number that something points to."""
    return 4 if str(pointer.type.pointee) == "float" else 8


# exp(x) - 1 loses no digits near zero. It is computed as usual: x = n log(2) + r, a polynomial for
# exp(r) - 1, and n put into the exponent bits. Adding 1.5 * 2^(mantissa bits) rounds to the
# nearest whole number, which the low bits of the sum then hold. log(2) is the sum of a part with
# few bits, whose product with n is exact, and the rest.
def exp_minus_1(x: Vector) -> Vector:
    """``exp(x) - 1``, to 3e-7 in float32 and 1e-15 in float64."""
    if x.single:
        limit, shift, terms = 87.0, 1.5 * 2**23, 7
        high, low = 0.693359375, math.log(2) - 0.693359375
    else:
        limit, shift, terms = 708.0, 1.5 * 2**52, 13
        high, low = 0.693147180369123816490, 1.90821492927058770002e-10
    x = x.clipped(-limit, limit)
    shifted = x * math.log2(math.e) + shift
    n = shifted - shift
    r = (x - n * high) - n * low
    squared = r * r
    # Pairs of terms first: the sums then wait less for one another (Estrin 1960).
    pairs = [r * (1 / math.factorial(k + 1)) + 1 / math.factorial(k) for k in range(2, terms, 2)]
    p = pairs.pop()
    for pair in reversed(pairs):
        p = p * squared + pair
    scale = shifted.power_of_two()
    return scale * (r + squared * p) + (scale - 1.0)


def sigmoid(x: Vector) -> Vector:
    """``1 / (1 + exp(-x))``."""
    return 1.0 / (exp_minus_1(0.0 - x) + 2.0)


def tanh(x: Vector) -> Vector:
    """The hyperbolic tangent."""
    e = exp_minus_1(x + x)
    return e / (e + 2.0)
