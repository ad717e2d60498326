"""A sparse matrix times the activations of a batch, on one core of a CPU, compiled by numba.

The sparse matrix (rows, columns) is stored row by row: the entries of row i are `ends[i]` to `ends[i + 1]`, each with
its column and the place of its value in `values`. Activations have the examples of a batch as columns, so that the
innermost loops run over contiguous memory and become vector instructions. Four entries at a time save loads and stores.

The order of every sum is fixed when the code is compiled (`reassoc` lets it be a vector's), so the same inputs give the
same bits. Compiled code is kept in __pycache__ beside this file or, where that cannot be written, in the user's cache.
"""

from __future__ import annotations

from collections.abc import Callable

import numba
import numpy as np

OPTIONS = {"fastmath": {"contract", "reassoc", "nsz"}}  # nan and infinity keep their meaning
ZERO = np.float32(0)


def compiled(signature: str) -> Callable[[Callable], Callable]:
    """Compile at import for one signature, or load what an earlier process compiled."""

    def compile_for(function: Callable) -> Callable:
        try:
            return numba.njit(signature, cache=True, **OPTIONS)(function)
        except RuntimeError:  # no folder for the cache
            return numba.njit(signature, **OPTIONS)(function)

    return compile_for


@numba.njit(**OPTIONS)
def add_row(first, end, columns, places, values, inputs, total):
    """total (B) += the entries `first` to `end` @ inputs (columns, B)."""
    entry = first
    while entry + 4 <= end:
        a, b = values[places[entry]], values[places[entry + 1]]
        c, d = values[places[entry + 2]], values[places[entry + 3]]
        of_a, of_b = inputs[columns[entry]], inputs[columns[entry + 1]]
        of_c, of_d = inputs[columns[entry + 2]], inputs[columns[entry + 3]]
        for example in range(len(total)):
            total[example] += (a * of_a[example] + b * of_b[example]) + (c * of_c[example] + d * of_d[example])
        entry += 4
    while entry < end:
        a, of_a = values[places[entry]], inputs[columns[entry]]
        for example in range(len(total)):
            total[example] += a * of_a[example]
        entry += 1


@compiled("void(f4[:,:], f4[:,::1])")
def transpose(examples, columns):
    """columns (features, B or more) = examples (B, features) transposed, then zeros."""
    for feature in range(len(columns)):
        of_feature = columns[feature]
        for example in range(len(examples)):
            of_feature[example] = examples[example, feature]
        of_feature[len(examples) :] = ZERO


@compiled("void(i8[::1], u4[::1], u4[::1], f4[::1], f4[::1], b1, f4[:,::1], f4[:,::1])")
def forward(ends, columns, places, values, bias, relu, inputs, outputs):
    """outputs (rows, B) = matrix @ inputs (columns, B) + bias (rows, or none), then ReLU if asked for."""
    for row in range(len(outputs)):
        total = outputs[row]
        total[:] = bias[row] if len(bias) else ZERO
        add_row(ends[row], ends[row + 1], columns, places, values, inputs, total)
        if relu:
            for example in range(len(total)):
                if total[example] <= ZERO:
                    total[example] = ZERO


@compiled("void(i8[::1], u4[::1], u4[::1], f4[::1], f4[:,::1], f4[:,::1], f4[:,::1])")
def backward(ends, columns, places, values, gradient, activations, found):
    """found (rows, B) = matrix @ gradient (columns, B) where activations (rows, B) are above 0, else 0.

    The matrix is the transpose of the layer's; activations are the layer's inputs, which come from a ReLU.
    """
    for row in range(len(found)):
        total, active = found[row], activations[row]
        total[:] = ZERO
        add_row(ends[row], ends[row + 1], columns, places, values, gradient, total)
        for example in range(len(total)):
            if active[example] <= ZERO:
                total[example] = ZERO


@compiled("void(i8[::1], u4[::1], f4[:,::1], f4[:,::1], f4[::1], f4[::1])")
def weight_gradients(ends, columns, gradient, inputs, by_values, by_bias):
    """by_values[entry] = gradient (rows, B) @ inputs (columns, B)^T at the entry; by_bias (rows, or none) likewise."""
    for row in range(len(gradient)):
        of_row = gradient[row]
        entry, end = ends[row], ends[row + 1]
        while entry + 4 <= end:
            of_a, of_b = inputs[columns[entry]], inputs[columns[entry + 1]]
            of_c, of_d = inputs[columns[entry + 2]], inputs[columns[entry + 3]]
            a, b, c, d = ZERO, ZERO, ZERO, ZERO
            for example in range(len(of_row)):
                value = of_row[example]
                a += value * of_a[example]
                b += value * of_b[example]
                c += value * of_c[example]
                d += value * of_d[example]
            by_values[entry], by_values[entry + 1], by_values[entry + 2], by_values[entry + 3] = a, b, c, d
            entry += 4
        while entry < end:
            of_a, a = inputs[columns[entry]], ZERO
            for example in range(len(of_row)):
                a += of_row[example] * of_a[example]
            by_values[entry] = a
            entry += 1
        if len(by_bias):
            a = ZERO
            for example in range(len(of_row)):
                a += of_row[example]
            by_bias[row] = a
