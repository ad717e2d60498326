"""A network of sparse linear layers and its gradient for a batch, on one core of a CPU, compiled by numba.

The weights are sparse matrices in compressed rows (CSR), those of all layers one after the other: the entries of row i
are `indptr[i]` to `indptr[i + 1]`, each with its column in `indices` and, in `value_index`, the index of its value in
`values`, which a matrix and its transpose share. `layers` has a line for each layer: its first unit, which is its first
row in `indptr`, the end of its units, the index of its first bias in `values` (-1: none), and the first row of its
transpose in `indptr_t`. Activations are (units, examples), with a multiple of 32 examples, so that the innermost loops
run over contiguous memory. One call computes all layers.

Outputs are a sparse matrix times a dense one (SpMM); the gradient of the values is the product of two dense matrices at
the sparse one's entries alone (SDDMM). Their innermost loops are written as vector instructions (instructions.py).
"""

# numba and llvmlite call these functions in other ways than they are written.
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false, reportArgumentType=false
from __future__ import annotations

from collections.abc import Callable, Sequence

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from lth_core.engine.instructions import INDEX, LANES, ZERO, Code, compiled

TILE = 4
"""Vectors of a row that are computed at a time, to keep the arithmetic units busy; of the rest, two at a time."""


@intrinsic
def spmm_row(typing, first, end, indices, value_index, values, inputs, start, total):
    """total (B) = start + the sum of values[value_index[e]] * inputs (n, B)[indices[e]] for e from `first` to `end`."""
    arrays = (indices, value_index, values, inputs)
    signature = types.void(types.int64, types.int64, *arrays, types.float32, total)

    def generate(context, builder, signature, arguments):
        code = _RowCode(context, builder, signature, arguments)
        first, end, indices, value_index, values, inputs, start, total = code.arguments

        def of_tile(offset, vectors):
            sums = [cgutils.alloca_once_value(builder, code.spread(start)) for _ in range(vectors)]
            with code.each(first, end) as (entry, _):
                weight = code.spread(code.number(values, code.index(value_index, entry)))
                row = code.vectors(inputs, code.index(indices, entry), offset, vectors)
                for register, vector in zip(sums, row, strict=True):
                    builder.store(code.add_product(builder.load(register), weight, code.load(vector)), register)
            for register, vector in zip(sums, code.vectors(total, INDEX(0), offset, vectors), strict=True):
                code.store(builder.load(register), vector)

        code.tiles(of_tile)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def sddmm_row(typing, first, end, indices, value_index, row, inputs, gradient):
    """gradient[value_index[e]] += row (B) . inputs (n, B)[indices[e]] for the entries e from `first` to `end`."""
    signature = types.void(types.int64, types.int64, indices, value_index, row, inputs, gradient)

    def generate(context, builder, signature, arguments):
        code = _RowCode(context, builder, signature, arguments)
        first, end, indices, value_index, row, inputs, gradient = code.arguments

        def of_tile(offset, vectors):
            row_vectors = [code.load(vector) for vector in code.vectors(row, INDEX(0), offset, vectors)]
            with code.each(first, end) as (entry, _):
                column = code.vectors(inputs, code.index(indices, entry), offset, vectors)
                total = builder.fmul(row_vectors[0], code.load(column[0]))
                for vector, other in zip(row_vectors[1:], column[1:], strict=True):
                    total = code.add_product(total, vector, code.load(other))
                pointer = builder.gep(gradient.data, [code.index(value_index, entry)])
                builder.store(builder.fadd(builder.load(pointer), code.sum(total)), pointer)

        code.tiles(of_tile)
        return context.get_dummy_value()

    return signature, generate


class _RowCode(Code):
    """Instructions for rows of numbers. `inputs`, the only matrix among the arguments, has the rows' length."""

    def __init__(self, context, builder: ir.IRBuilder, signature, arguments: Sequence[ir.Value]):
        super().__init__(context, builder, signature, arguments)
        [inputs] = (
            array
            for array, kind in zip(self.arguments, signature.args, strict=True)
            if isinstance(kind, types.Array) and kind.ndim == 2
        )
        self.width = cgutils.unpack_tuple(builder, inputs.shape, 2)[1]

    def tiles(self, of_tile: Callable[[ir.Value, int], None]) -> None:
        """Call `of_tile(offset, vectors)` for all of a row."""
        whole = self.builder.and_(self.width, INDEX(-TILE * LANES))
        with self.each(INDEX(0), whole, TILE * LANES) as (offset, _):
            of_tile(offset, TILE)
        with self.each(whole, self.width, 2 * LANES) as (offset, _):
            of_tile(offset, 2)

    def vectors(self, array, number: ir.Value, offset: ir.Value, count: int) -> list[ir.Value]:
        """Point to some vectors of a row, from an offset on."""
        start = self.builder.add(self.builder.mul(number, self.width), offset)
        return [self.vector(array, self.builder.add(start, INDEX(LANES * position))) for position in range(count)]


# ---------------------------------------------------------------- the kernels


@compiled("void(f4[:,:,:], f4[:,:,::1])")
def transpose(examples, columns):
    """columns (R, features, B or more) = examples (R, B, features) transposed, then zeros."""
    for replicate in range(len(examples)):
        of_replicate, features = examples[replicate], columns[replicate]
        for feature in range(len(features)):
            of_feature = features[feature]
            for example in range(len(of_replicate)):
                of_feature[example] = of_replicate[example, feature]
            of_feature[len(of_replicate) :] = ZERO


@compiled("void(i8[:,::1], i8[::1], u4[::1], u4[::1], f4[::1], f4[:,::1], f4[:,::1])")
def forward(layers, indptr, indices, value_index, values, inputs, units):
    """units (all of them, B) = every layer's matrix @ the units before, or inputs (features, B), + bias; then ReLU.

    No ReLU follows the last layer, whose units are the outputs.
    """
    before = inputs
    for layer in range(len(layers)):
        first, end, bias, _ = layers[layer]
        after = units[first:end]
        for row in range(len(after)):
            total = after[row]
            start = values[bias + row] if bias >= 0 else ZERO
            spmm_row(indptr[first + row], indptr[first + row + 1], indices, value_index, values, before, start, total)
            if layer + 1 < len(layers):
                for example in range(len(total)):
                    if total[example] <= ZERO:
                        total[example] = ZERO
        before = after


@compiled(
    "void(i8[:,::1], i8[::1], u4[::1], u4[::1], i8[::1], u4[::1], u4[::1],"
    " f4[::1], f4[:,::1], f4[:,::1], f4[:,::1], f4[:,::1], f4[::1])"
)
def backward(
    layers,
    indptr,
    indices,
    value_index,
    indptr_t,
    indices_t,
    value_index_t,
    values,
    inputs,
    units,
    by_outputs,
    by_units,
    gradient,
):
    """gradient = the loss's by `values`, given its gradient by the outputs (outputs, B).

    Uses the transposed matrices (`..._t`) of all layers but the first; by_units (units, B) is workspace for the
    gradient by hidden units, which is 0 where these are.
    """
    gradient[:] = ZERO
    by_layer = by_outputs
    for layer in range(len(layers) - 1, -1, -1):
        row_at, _, bias, row_at_t = layers[layer]
        first, end = (layers[layer - 1, 0], row_at) if layer else (0, 0)
        before = units[first:end] if layer else inputs
        for row in range(len(by_layer)):
            of_row = by_layer[row]
            sddmm_row(indptr[row_at + row], indptr[row_at + row + 1], indices, value_index, of_row, before, gradient)
            if bias >= 0:
                total = ZERO
                for example in range(len(of_row)):
                    total += of_row[example]
                gradient[bias + row] = total
        by_before = by_units[first:end]
        for row in range(len(by_before)):
            by_unit, active = by_before[row], before[row]
            entries = indptr_t[row_at_t + row], indptr_t[row_at_t + row + 1]
            spmm_row(entries[0], entries[1], indices_t, value_index_t, values, by_layer, ZERO, by_unit)
            for example in range(len(by_unit)):
                if active[example] <= ZERO:
                    by_unit[example] = ZERO
        by_layer = by_before
