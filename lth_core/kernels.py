"""A network of sparse linear layers and its gradient for a batch, on one core of a CPU, compiled by numba.

The sparse matrices (rows, columns) of all layers are stored one after the other, row by row: the entries of row i are
`ends[i]` to `ends[i + 1]`, each with its column and the place of its value in `values`. `layers` has a line for each:
its first unit, which is its first row in `ends`, the end of its units, the place of its first bias (-1: none), and the
first row of its transpose in `ends_t`. Activations have the examples of a batch as columns, so that the innermost loops run
over contiguous memory and become vector instructions. Four entries at a time save loads and stores. All layers in one
call, as the call costs as much as a layer of a small network.

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


@numba.njit(**OPTIONS)
def add_products(first, end, columns, places, gradient, inputs, found):
    """found[places[entry]] = gradient (B) . inputs (columns, B)[column] for the entries `first` to `end`."""
    entry = first
    while entry + 4 <= end:
        of_a, of_b = inputs[columns[entry]], inputs[columns[entry + 1]]
        of_c, of_d = inputs[columns[entry + 2]], inputs[columns[entry + 3]]
        a, b, c, d = ZERO, ZERO, ZERO, ZERO
        for example in range(len(gradient)):
            value = gradient[example]
            a += value * of_a[example]
            b += value * of_b[example]
            c += value * of_c[example]
            d += value * of_d[example]
        found[places[entry]], found[places[entry + 1]] = a, b
        found[places[entry + 2]], found[places[entry + 3]] = c, d
        entry += 4
    while entry < end:
        of_a, a = inputs[columns[entry]], ZERO
        for example in range(len(gradient)):
            a += gradient[example] * of_a[example]
        found[places[entry]] = a
        entry += 1


@compiled("void(f4[:,:,:], f4[:,:,::1])")
def transpose(examples, columns):
    """columns (R, features, B or more) = examples (R, B, features) transposed, then zeros."""
    for replicate in range(len(examples)):
        of_replicate, found = examples[replicate], columns[replicate]
        for feature in range(len(found)):
            of_feature = found[feature]
            for example in range(len(of_replicate)):
                of_feature[example] = of_replicate[example, feature]
            of_feature[len(of_replicate) :] = ZERO


@compiled("void(i8[:,::1], i8[::1], u4[::1], u4[::1], f4[::1], f4[:,::1], f4[:,::1])")
def forward(layers, ends, columns, places, values, inputs, units):
    """units (all of them, B) = every layer's matrix @ the units before, or inputs (features, B), + bias; then ReLU.

    Outputs, the units of the last layer, are left as they are.
    """
    before = inputs
    for layer in range(len(layers)):
        first, end, bias, _ = layers[layer]
        found = units[first:end]
        for row in range(len(found)):
            total = found[row]
            total[:] = values[bias + row] if bias >= 0 else ZERO
            add_row(ends[first + row], ends[first + row + 1], columns, places, values, before, total)
            if layer + 1 < len(layers):
                for example in range(len(total)):
                    if total[example] <= ZERO:
                        total[example] = ZERO
        before = found


@compiled(
    "void(i8[:,::1], i8[::1], u4[::1], u4[::1], i8[::1], u4[::1], u4[::1],"
    " f4[::1], f4[:,::1], f4[:,::1], f4[:,::1], f4[:,::1], f4[::1])"
)
def backward(
    layers, ends, columns, places, ends_t, columns_t, places_t, values, inputs, units, by_outputs, by_units, gradient
):
    """gradient = the loss's by `values`, given its gradient by the outputs (outputs, B).

    Uses the transposed matrices (`..._t`) of all layers but the first; by_units (units, B) is room for the gradient by
    hidden units, which is 0 where these are.
    """
    by_layer = by_outputs
    for layer in range(len(layers) - 1, -1, -1):
        row_at, _, bias, row_at_t = layers[layer]
        first, end = (layers[layer - 1, 0], row_at) if layer else (0, 0)
        before = units[first:end] if layer else inputs
        for row in range(len(by_layer)):
            of_row = by_layer[row]
            add_products(ends[row_at + row], ends[row_at + row + 1], columns, places, of_row, before, gradient)
            if bias >= 0:
                total = ZERO
                for example in range(len(of_row)):
                    total += of_row[example]
                gradient[bias + row] = total
        found = by_units[first:end]
        for row in range(len(found)):
            by_unit, active = found[row], before[row]
            by_unit[:] = ZERO
            add_row(ends_t[row_at_t + row], ends_t[row_at_t + row + 1], columns_t, places_t, values, by_layer, by_unit)
            for example in range(len(by_unit)):
                if active[example] <= ZERO:
                    by_unit[example] = ZERO
        by_layer = found
