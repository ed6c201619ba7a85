"""Products of a few vectors with a matrix, in the layout that vectorises."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seqfit.compiling import compiled, compiled_fused

Array = npt.NDArray[Any]

ROWS = 4  # rows of a matrix are taken four at a time, so that fewer sums go through memory
COLUMNS = 16  # one vector of float32 at 512 bits; no loop then has a scalar rest


@compiled
def rounded_up(count: int, multiple: int) -> int:
    """The least multiple of a number that is not below `count`."""
    return (count + multiple - 1) // multiple * multiple


@compiled
def padded(weight: Array) -> Array:
    """The matrix with zeros after its rows and columns, as `add_products` wants it."""
    rows, columns = weight.shape
    matrix = np.zeros((rounded_up(rows, ROWS), rounded_up(columns, COLUMNS)), weight.dtype)
    for row in range(rows):
        for column in range(columns):
            matrix[row, column] = weight[row, column]
    return matrix


@compiled
def padded_transpose(weight: Array) -> Array:
    """The transposed matrix, padded likewise."""
    columns, rows = weight.shape
    matrix = np.zeros((rounded_up(rows, ROWS), rounded_up(columns, COLUMNS)), weight.dtype)
    for row in range(rows):
        written = matrix[row]
        for column in range(columns):
            written[column] = weight[column, row]
    return matrix


@compiled_fused
def add_products(vectors: Array, first: int, matrix: Array, sums: Array) -> None:
    """``sums += vectors[:, first:] @ matrix``; two vectors share each pass over the matrix.

    Args:
        vectors: (count, first + rows or more), finite where the rows of the matrix are padding.
        first: the column of the vectors that meets the first row of the matrix.
        matrix: (rows, columns), from `padded` or `padded_transpose`.
        sums: (count, columns).
    """
    count = len(vectors)
    for i in range(0, count - 1, 2):
        u, v = vectors[i, first:], vectors[i + 1, first:]
        sum_u, sum_v = sums[i], sums[i + 1]
        for row in range(0, len(matrix), ROWS):
            m0, m1, m2, m3 = matrix[row], matrix[row + 1], matrix[row + 2], matrix[row + 3]
            u0, u1, u2, u3 = u[row], u[row + 1], u[row + 2], u[row + 3]
            v0, v1, v2, v3 = v[row], v[row + 1], v[row + 2], v[row + 3]
            for j in range(matrix.shape[1]):
                a0, a1, a2, a3 = m0[j], m1[j], m2[j], m3[j]
                sum_u[j] += u0 * a0 + u1 * a1 + u2 * a2 + u3 * a3
                sum_v[j] += v0 * a0 + v1 * a1 + v2 * a2 + v3 * a3
    if count % 2:
        u, sum_u = vectors[count - 1, first:], sums[count - 1]
        for row in range(0, len(matrix), ROWS):
            m0, m1, m2, m3 = matrix[row], matrix[row + 1], matrix[row + 2], matrix[row + 3]
            u0, u1, u2, u3 = u[row], u[row + 1], u[row + 2], u[row + 3]
            for j in range(matrix.shape[1]):
                sum_u[j] += u0 * m0[j] + u1 * m1[j] + u2 * m2[j] + u3 * m3[j]
