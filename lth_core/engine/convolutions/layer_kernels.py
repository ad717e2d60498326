"""Layers of kept weights and their gradients, compiled.

Maps are (chunks, channels, rows, columns, LANES) with borders of zeros, flat in memory: a chunk is LANES examples,
which lie innermost, so that a pixel is a vector. A kept weight adds one scaled vector to every pixel of its results,
from a pixel at a fixed distance. A pattern lists the kept weights as a sparse matrix in compressed rows does: those of
row r are `indptr[r]` to `indptr[r + 1]`, each with its distance in the source and its value; row r's results begin at
`targets[r]`. An output channel, a unit, and an input channel in the gradient by inputs are such rows. `layout`:

    rows and columns of the results,
    in the source: numbers between chunks, rows and columns, and the first,
    in the target: numbers between chunks, rows and columns.

A tile of pixels is computed at a time, for all rows of the pattern; tiles go down the columns, so that what two rows of
pixels share is in the nearest cache.
"""

# numba and llvmlite call these functions in other ways than they are written.
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false, reportArgumentType=false
from __future__ import annotations

from functools import partial

import numba
from numba.core import cgutils, types
from numba.extending import intrinsic

from lth_core.engine.instructions import INDEX, LANES, OPTIONS, ZERO, Code, compiled

TILE = 8
"""Vectors that are computed at a time: their sums stay in registers."""
SHAPES = [(outer, inner) for outer in (1, 2, 4, 8) for inner in (1, 2, 4, 8) if outer * inner <= TILE]
"""Of tiles: chunks x columns."""
COUNT = types.int64


class TileCode(Code):
    """Instructions for tiles of vectors."""

    def tile(self, shape, source, target, of_tile):
        """Do `of_tile(shape, from_source, to_target)` for the one of SHAPES; the latter are numbers between its pixels.

        Where columns follow one another, as they do unless there are strides, this is written into the instructions.
        """
        builder = self.builder
        near = builder.and_(*(builder.icmp_signed("==", step, INDEX(LANES)) for _, step in (source, target)))
        for known in SHAPES:
            same = builder.and_(*(builder.icmp_signed("==", n, INDEX(m)) for n, m in zip(shape, known, strict=True)))
            with builder.if_then(same), builder.if_else(near) as (then, otherwise):
                with then:
                    of_tile(known, *((step, INDEX(LANES)) for step, _ in (source, target)))
                with otherwise:
                    of_tile(known, source, target)

    def pixels(self, array, at, shape, steps):
        """Point to the pixels of a tile."""
        between_chunks, between_columns = (partial(self.builder.mul, step) for step in steps)
        starts = [self.builder.add(at, between_chunks(INDEX(outer))) for outer in range(shape[0])]
        indices = (self.builder.add(start, between_columns(INDEX(n))) for start in starts for n in range(shape[1]))
        return [self.vector(array, index) for index in indices]

    def rows(self, indptr, targets, target_at):
        """Go through a pattern's rows: the first of its weights, the end, and where its results begin in the target."""
        count = cgutils.unpack_tuple(self.builder, targets.shape, 1)[0]
        with self.each(INDEX(0), count) as (row, _):
            first, end = (self.index(indptr, self.builder.add(row, INDEX(step))) for step in (0, 1))
            yield row, first, end, self.builder.add(target_at, self.index(targets, row))


@intrinsic
def add_weighted(typing, outer, inner, indptr, distances, values, source, source_at, source_outer, source_inner, start,
                 target, targets, target_at, target_outer, target_inner, relu, add, masked, active):  # fmt: skip
    """target = start, or what it is, + the weighted sum of source's pixels, for one tile: see `convolve`."""
    signature = types.void(COUNT, COUNT, indptr, distances, values, source, COUNT, COUNT, COUNT, start, target, targets,
                           *[COUNT] * 6, active)  # fmt: skip

    def generate(context, builder, signature, arguments):
        code = TileCode(context, builder, signature, arguments)
        (outer, inner, indptr, distances, values, source, source_at, source_outer, source_inner, start, target, targets,
         target_at, target_outer, target_inner, relu, add, masked, active) = code.arguments  # fmt: skip
        relu, add, masked = (code.flag(number) for number in (relu, add, masked))

        def of_tile(shape, from_source, to_target):
            for row, first, end, at in code.rows(indptr, targets, target_at):
                results = code.pixels(target, at, shape, to_target)
                begin = code.spread(code.number(start, row))
                sums = [cgutils.alloca_once_value(builder, begin) for _ in results]
                with builder.if_then(add):
                    for total, pixel in zip(sums, results, strict=True):
                        builder.store(code.load(pixel), total)
                with code.each(first, end) as (entry, _):
                    weight = code.spread(code.number(values, entry))
                    index = builder.add(source_at, code.index(distances, entry))
                    for total, pixel in zip(sums, code.pixels(source, index, shape, from_source), strict=True):
                        builder.store(code.add_product(builder.load(total), weight, code.load(pixel)), total)
                with builder.if_then(relu):
                    for total in sums:
                        builder.store(code.active(builder.load(total), builder.load(total)), total)
                with builder.if_then(masked):
                    for total, pixel in zip(sums, code.pixels(active, at, shape, to_target), strict=True):
                        builder.store(code.active(builder.load(total), code.load(pixel)), total)
                for total, pixel in zip(sums, results, strict=True):
                    code.store(builder.load(total), pixel)

        code.tile((outer, inner), (source_outer, source_inner), (target_outer, target_inner), of_tile)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def add_products(typing, outer, inner, indptr, distances, source, source_at, source_outer, source_inner, by_target,
                 targets, target_at, target_outer, target_inner, gradient):  # fmt: skip
    """gradient[entry] += the results' gradients . the pixels of the source, for one tile: see `correlate`."""
    signature = types.void(COUNT, COUNT, indptr, distances, source, COUNT, COUNT, COUNT, by_target, targets,
                           *[COUNT] * 3, gradient)  # fmt: skip

    def generate(context, builder, signature, arguments):
        code = TileCode(context, builder, signature, arguments)
        (outer, inner, indptr, distances, source, source_at, source_outer, source_inner, by_target, targets, target_at,
         target_outer, target_inner, gradient) = code.arguments  # fmt: skip

        def of_tile(shape, from_source, to_target):
            for _, first, end, at in code.rows(indptr, targets, target_at):
                gradients = [code.load(pixel) for pixel in code.pixels(by_target, at, shape, to_target)]
                with code.each(first, end) as (entry, _):
                    index = builder.add(source_at, code.index(distances, entry))
                    sources = code.pixels(source, index, shape, from_source)
                    totals = []  # two, which do not wait for one another
                    for number, pixel in enumerate(sources):
                        if number < 2:
                            totals.append(builder.fmul(gradients[number], code.load(pixel)))
                        else:
                            total = code.add_product(totals[number % 2], gradients[number], code.load(pixel))
                            totals[number % 2] = total
                    total = code.sum(builder.fadd(*totals) if len(totals) == 2 else totals[0])
                    pointer = builder.gep(gradient.data, [entry])
                    builder.store(builder.fadd(builder.load(pointer), total), pointer)

        code.tile((outer, inner), (source_outer, source_inner), (target_outer, target_inner), of_tile)
        return context.get_dummy_value()

    return signature, generate


@numba.njit(**OPTIONS)
def largest(limit):
    """The largest power of two that is not above a limit, nor above TILE."""
    size = 1
    while 2 * size <= min(limit, TILE):
        size *= 2
    return size


@compiled("void(i8, i8, i8[::1], u4[::1], u4[::1], f4[::1], f4[::1], f4[::1], f4[::1], u4[::1], i8, i8, i8, f4[::1])")
def convolve(chunk, end, layout, indptr, distances, values, source, start, target, targets, relu, add, masked, active):
    """Compute the results of a pattern, from one chunk to another.

    They are start, one number for each row, or with `add` what the target holds, + the weighted sum of the source's
    pixels. With `relu`, 0 where that is negative; with `masked`, 0 where a map like the target is not active.
    """
    rows, columns, source_chunk, source_row, source_column = layout[0], layout[1], layout[2], layout[3], layout[4]
    source_first, target_chunk, target_row, target_column = layout[5], layout[6], layout[7], layout[8]
    while chunk < end:
        outer = largest(min(end - chunk, TILE // largest(columns)))
        column = 0
        while column < columns:
            inner = largest(columns - column)
            for row in range(rows):
                source_at = source_first + chunk * source_chunk + row * source_row + column * source_column
                target_at = chunk * target_chunk + row * target_row + column * target_column
                add_weighted(
                    outer, inner, indptr, distances, values, source, source_at, source_chunk, source_column, start,
                    target, targets, target_at, target_chunk, target_column, relu, add, masked, active,
                )  # fmt: skip
            column += inner
        chunk += outer


@compiled("void(i8, i8, i8[::1], u4[::1], u4[::1], f4[::1], f4[::1], u4[::1], f4[::1])")
def correlate(chunk, end, layout, indptr, distances, source, by_target, targets, gradient):
    """Add to the gradient of every kept weight what comes from the chunks: results' gradients . source's pixels."""
    rows, columns, source_chunk, source_row, source_column = layout[0], layout[1], layout[2], layout[3], layout[4]
    source_first, target_chunk, target_row, target_column = layout[5], layout[6], layout[7], layout[8]
    if chunk == 0:
        gradient[:] = ZERO
    while chunk < end:
        outer = largest(min(end - chunk, TILE // largest(columns)))
        column = 0
        while column < columns:
            inner = largest(columns - column)
            for row in range(rows):
                source_at = source_first + chunk * source_chunk + row * source_row + column * source_column
                target_at = chunk * target_chunk + row * target_row + column * target_column
                add_products(
                    outer, inner, indptr, distances, source, source_at, source_chunk, source_column, by_target, targets,
                    target_at, target_chunk, target_column, gradient,
                )  # fmt: skip
            column += inner
        chunk += outer
