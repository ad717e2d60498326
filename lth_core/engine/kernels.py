"""A network of sparse linear layers and its gradient for a batch, on one core of a CPU, compiled by numba.

The sparse matrices (rows, columns) of all layers are stored one after the other, row by row: the entries of row i are
`ends[i]` to `ends[i + 1]`, each with its column and the place of its value in `values`. `layers` has a line for each:
its first unit, which is its first row in `ends`, the end of its units, the place of its first bias (-1: none), and the
first row of its transpose in `ends_t`. Activations have the examples of a batch as columns, a multiple of 32 of them,
so that the innermost loops run over contiguous memory. One call is for all layers.

Those loops are written down as LLVM's vector instructions (`weigh`, `multiply`), which keep sums in registers: a numba
loop would load and store every sum for a few entries each, and ask each time whether the arrays overlap, which at
batches of 60 costs more than the arithmetic.

The order of every sum is fixed when the code is compiled (`reassoc` lets that over examples be a vector's), so the same
inputs give the same bits. Compiled code is kept in __pycache__ beside this file or, where that cannot be written, in
the user's cache; numba compiles again when this file changes, so everything compiled is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

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


# ---------------------------------------------------------------- vector instructions

LANES = 16
"""Of a vector: 512 bits, which a processor with shorter ones takes in several."""
TILE = 4
"""Vectors of a row that are done at a time, to keep the arithmetic units busy; two of what is left over."""
VECTOR = ir.VectorType(ir.FloatType(), LANES)
INDEX = ir.IntType(64)
FUSED = ("contract",)
"""Products and sums may be one instruction."""


@intrinsic
def weigh(typing, first, end, columns, places, values, inputs, start, total):
    """total (B) = start + the sum of values[places[entry]] * inputs (n, B)[columns[entry]] from `first` to `end`."""
    arrays = (columns, places, values, inputs)
    signature = types.void(types.int64, types.int64, *arrays, types.float32, total)

    def generate(context, builder, signature, arguments):
        code = _Code(context, builder, signature, arguments)
        first, end, columns, places, values, inputs, start, total = code.arguments

        def of_tile(offset, vectors):
            sums = [cgutils.alloca_once_value(builder, code.spread(start)) for _ in range(vectors)]
            with cgutils.for_range_slice(builder, first, end, INDEX(1), INDEX) as (entry, _):
                weight = code.spread(code.number(values, code.index(places, entry)))
                row = code.row(inputs, code.index(columns, entry), offset)
                for position, found in enumerate(sums):
                    product = builder.fmul(weight, code.load(row, position), flags=FUSED)
                    builder.store(builder.fadd(builder.load(found), product, flags=FUSED), found)
            row = code.row(total, INDEX(0), offset)
            for position, found in enumerate(sums):
                code.store(row, position, builder.load(found))

        code.tiles(of_tile)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def multiply(typing, first, end, columns, places, row, inputs, found):
    """found[places[entry]] += row (B) . inputs (n, B)[columns[entry]] for the entries from `first` to `end`."""
    signature = types.void(types.int64, types.int64, columns, places, row, inputs, found)

    def generate(context, builder, signature, arguments):
        code = _Code(context, builder, signature, arguments)
        first, end, columns, places, row, inputs, found = code.arguments

        def of_tile(offset, vectors):
            ours = code.row(row, INDEX(0), offset)
            ours = [code.load(ours, position) for position in range(vectors)]
            with cgutils.for_range_slice(builder, first, end, INDEX(1), INDEX) as (entry, _):
                theirs = code.row(inputs, code.index(columns, entry), offset)
                total = builder.fmul(ours[0], code.load(theirs, 0))
                for position, vector in enumerate(ours[1:], 1):
                    product = builder.fmul(vector, code.load(theirs, position), flags=FUSED)
                    total = builder.fadd(total, product, flags=FUSED)
                place = builder.gep(found.data, [code.index(places, entry)])
                builder.store(builder.fadd(builder.load(place), code.sum(total)), place)

        code.tiles(of_tile)
        return context.get_dummy_value()

    return signature, generate


class _Code:
    """Instructions for the arguments of a function, of which `inputs`, the only matrix, has the rows' length."""

    def __init__(self, context, builder: ir.IRBuilder, signature, arguments: Sequence[ir.Value]):
        self.builder = builder
        self.arguments = [
            context.make_array(kind)(context, builder, value) if isinstance(kind, types.Array) else value
            for kind, value in zip(signature.args, arguments, strict=True)
        ]
        [inputs] = (
            array
            for array, kind in zip(self.arguments, signature.args, strict=True)
            if isinstance(kind, types.Array) and kind.ndim == 2
        )
        self.width = cgutils.unpack_tuple(builder, inputs.shape, 2)[1]

    def tiles(self, of_tile: Callable[[ir.Value, int], None]) -> None:
        """`of_tile(offset, vectors)` for all of a row."""
        whole = self.builder.and_(self.width, INDEX(-TILE * LANES))
        with cgutils.for_range_slice(self.builder, INDEX(0), whole, INDEX(TILE * LANES), INDEX) as (offset, _):
            of_tile(offset, TILE)
        with cgutils.for_range_slice(self.builder, whole, self.width, INDEX(2 * LANES), INDEX) as (offset, _):
            of_tile(offset, 2)

    def number(self, array, place: ir.Value) -> ir.Value:
        return self.builder.load(self.builder.gep(array.data, [place]))

    def index(self, array, place: ir.Value) -> ir.Value:
        """A number of 32 bits as an index."""
        return self.builder.zext(self.number(array, place), INDEX)

    def row(self, array, number: ir.Value, offset: ir.Value) -> ir.Value:
        """Where the vectors of a row begin, from an offset on."""
        place = self.builder.add(self.builder.mul(number, self.width), offset)
        return self.builder.bitcast(self.builder.gep(array.data, [place]), VECTOR.as_pointer())

    def load(self, row: ir.Value, position: int) -> ir.Value:
        return self.builder.load(self.builder.gep(row, [INDEX(position)]), align=4)

    def store(self, row: ir.Value, position: int, vector: ir.Value) -> None:
        self.builder.store(vector, self.builder.gep(row, [INDEX(position)]), align=4)

    def spread(self, number: ir.Value) -> ir.Value:
        """A vector of a number."""
        nothing, first = ir.Constant(VECTOR, ir.Undefined), ir.IntType(32)(0)
        return self._shuffle(self.builder.insert_element(nothing, number, first), [0] * LANES)

    def sum(self, vector: ir.Value) -> ir.Value:
        """Of a vector's numbers: halves are added until one is left."""
        lanes = LANES
        while lanes > 1:
            lanes //= 2
            low, high = (self._shuffle(vector, range(start, start + lanes)) for start in (0, lanes))
            vector = self.builder.fadd(low, high)
        return self.builder.extract_element(vector, ir.IntType(32)(0))

    def _shuffle(self, vector: ir.Value, lanes: Sequence[int]) -> ir.Value:
        mask = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), list(lanes))
        return self.builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), mask)


# ---------------------------------------------------------------- the kernels


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
            start = values[bias + row] if bias >= 0 else ZERO
            weigh(ends[first + row], ends[first + row + 1], columns, places, values, before, start, total)
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
    gradient[:] = ZERO
    by_layer = by_outputs
    for layer in range(len(layers) - 1, -1, -1):
        row_at, _, bias, row_at_t = layers[layer]
        first, end = (layers[layer - 1, 0], row_at) if layer else (0, 0)
        before = units[first:end] if layer else inputs
        for row in range(len(by_layer)):
            of_row = by_layer[row]
            multiply(ends[row_at + row], ends[row_at + row + 1], columns, places, of_row, before, gradient)
            if bias >= 0:
                total = ZERO
                for example in range(len(of_row)):
                    total += of_row[example]
                gradient[bias + row] = total
        found = by_units[first:end]
        for row in range(len(found)):
            by_unit, active = found[row], before[row]
            entries = ends_t[row_at_t + row], ends_t[row_at_t + row + 1]
            weigh(entries[0], entries[1], columns_t, places_t, values, by_layer, ZERO, by_unit)
            for example in range(len(by_unit)):
                if active[example] <= ZERO:
                    by_unit[example] = ZERO
        by_layer = found
