"""What batch norm, sums and pooling do with one row of pixels, as vector instructions, for map_kernels.py.

`at` and `to` are the indices at which rows begin, `columns` is their number of pixels; `kept` at `weights` is a vector
of ones, or of zeros for examples that count for nothing. What is not a number is passed on.
"""

# numba and llvmlite call these functions in other ways than they are written.
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false, reportArgumentType=false
from __future__ import annotations

from numba.core import cgutils, types
from numba.extending import intrinsic

from lth_core.engine.instructions import INDEX, LANES, NOTHING, VECTOR, Code

COUNT, NUMBER = types.int64, types.float32


class RowCode(Code):
    """Instructions for rows of pixels."""

    def pixel(self, array, at, column):
        """Point to a pixel of the row that begins at `at`."""
        return self.vector(array, self.builder.add(at, self.builder.mul(column, INDEX(LANES))))

    def sum_of(self, columns, value_of):
        """Sum `value_of(column)`: in two sums, which do not wait for one another."""
        builder = self.builder
        totals = [cgutils.alloca_once(builder, VECTOR) for _ in range(2)]
        for total in totals:
            builder.store(NOTHING, total)
        pairs = builder.and_(columns, INDEX(-2))
        with self.each(INDEX(0), pairs, 2) as (column, _):
            for step, total in enumerate(totals):
                builder.store(builder.fadd(builder.load(total), value_of(builder.add(column, INDEX(step)))), total)
        with self.each(pairs, columns) as (column, _):
            builder.store(builder.fadd(builder.load(totals[0]), value_of(column)), totals[0])
        return builder.fadd(*(builder.load(total) for total in totals))

    def if_set(self, flag, value, change):
        """Return `change(value)` if a flag is set, else the value."""
        result = cgutils.alloca_once_value(self.builder, value)
        with self.builder.if_then(flag):
            self.builder.store(change(value), result)
        return self.builder.load(result)


def instructions(write):
    """Give numba a function that writes instructions: `write(code, *arguments)`."""

    def generate(context, builder, signature, arguments):
        code = RowCode(context, builder, signature, arguments)
        result = write(code, *code.arguments)
        return context.get_dummy_value() if result is None else result

    return generate


@intrinsic
def sum_row(typing, maps, at, columns, center, kept, weights, squares):
    """The sum over a row of maps - center, or its squares, times the weights of examples."""

    def write(code, maps, at, columns, center, kept, weights, squares):
        builder, squares = code.builder, code.flag(squares)
        center, weight = code.spread(center), code.load(code.vector(kept, weights))

        def value_of(column):
            distance = builder.fmul(builder.fsub(code.load(code.pixel(maps, at, column)), center), weight)
            return builder.select(squares, builder.fmul(distance, distance), distance)

        return code.sum(code.sum_of(columns, value_of))

    return NUMBER(maps, COUNT, COUNT, NUMBER, kept, COUNT, COUNT), instructions(write)


@intrinsic
def product_row(typing, maps, others, at, columns, center):
    """The sum over a row of (maps - center) * others."""

    def write(code, maps, others, at, columns, center):
        center = code.spread(center)

        def value_of(column):
            distance = code.builder.fsub(code.load(code.pixel(maps, at, column)), center)
            return code.builder.fmul(distance, code.load(code.pixel(others, at, column)))

        return code.sum(code.sum_of(columns, value_of))

    return NUMBER(maps, others, COUNT, COUNT, NUMBER), instructions(write)


@intrinsic
def normalize_row(typing, maps, results, at, columns, center, scale, shift, kept, weights, added, add, relu):
    """results = ((maps - center) * scale + shift + added) * the weights of examples, then ReLU."""

    def write(code, maps, results, at, columns, center, scale, shift, kept, weights, added, add, relu):
        builder, add, relu = code.builder, code.flag(add), code.flag(relu)
        center, scale, shift = (code.spread(number) for number in (center, scale, shift))
        weight = code.load(code.vector(kept, weights))
        with code.each(INDEX(0), columns) as (column, _):
            distance = builder.fsub(code.load(code.pixel(maps, at, column)), center)
            value = code.add_product(shift, distance, scale)
            value = code.if_set(add, value, lambda v: builder.fadd(v, code.load(code.pixel(added, at, column))))
            value = builder.fmul(value, weight)
            value = builder.select(code.spread(relu), code.active(value, value), value)
            code.store(value, code.pixel(results, at, column))

    kinds = (maps, results, COUNT, COUNT, NUMBER, NUMBER, NUMBER, kept, COUNT, added, COUNT, COUNT)
    return types.void(*kinds), instructions(write)


@intrinsic
def gradient_row(typing, maps, by_results, by_maps, at, columns, center, slope, offset, factor, kept, weights, add,
                 masked):  # fmt: skip
    """by_maps = (by_results - offset - (maps - center) * slope) * factor * the weights of examples."""

    def write(code, maps, by_results, by_maps, at, columns, center, slope, offset, factor, kept, weights, add, masked):
        builder, add, masked = code.builder, code.flag(add), code.flag(masked)
        center, slope, offset, factor = (code.spread(number) for number in (center, slope, offset, factor))
        factor = builder.fmul(factor, code.load(code.vector(kept, weights)))
        with code.each(INDEX(0), columns) as (column, _):
            value, pointer = code.load(code.pixel(maps, at, column)), code.pixel(by_maps, at, column)
            distance = builder.fsub(center, value)
            gradient = builder.fsub(code.load(code.pixel(by_results, at, column)), offset)
            gradient = builder.fmul(code.add_product(gradient, distance, slope), factor)
            gradient = code.if_set(add, gradient, lambda g: builder.fadd(g, code.load(pointer)))
            code.store(builder.select(code.spread(masked), code.active(gradient, value), gradient), pointer)

    kinds = (maps, by_results, by_maps, COUNT, COUNT, NUMBER, NUMBER, NUMBER, NUMBER, kept, COUNT, COUNT, COUNT)
    return types.void(*kinds), instructions(write)


@intrinsic
def add_row(typing, maps, added, results, at, columns, add, relu, masked, active):
    """results = maps + added, then ReLU, or 0 where `active` is."""

    def write(code, maps, added, results, at, columns, add, relu, masked, active):
        builder, add, relu, masked = code.builder, code.flag(add), code.flag(relu), code.flag(masked)
        with code.each(INDEX(0), columns) as (column, _):
            value = code.load(code.pixel(maps, at, column))
            value = code.if_set(add, value, lambda v: builder.fadd(v, code.load(code.pixel(added, at, column))))
            value = builder.select(code.spread(relu), code.active(value, value), value)
            value = code.if_set(masked, value, lambda v: code.active(v, code.load(code.pixel(active, at, column))))
            code.store(value, code.pixel(results, at, column))

    return types.void(maps, added, results, *[COUNT] * 5, active), instructions(write)


@intrinsic
def pool_row(typing, maps, at, row, high, wide, results, to, columns):
    """results = the largest of every window of pixels, in rows that are `row` numbers apart; nan is the largest."""

    def write(code, maps, at, row, high, wide, results, to, columns):
        builder = code.builder
        with code.each(INDEX(0), columns) as (column, _):
            first = code.pixel(maps, at, builder.mul(column, wide))
            largest = cgutils.alloca_once_value(builder, code.load(first))
            with code.each(INDEX(0), high) as (below, _), code.each(INDEX(0), wide) as (beside, _):
                start = builder.add(at, builder.mul(below, row))
                value = code.load(code.pixel(maps, start, builder.add(builder.mul(column, wide), beside)))
                before = builder.load(largest)
                is_number = builder.fcmp_ordered("ord", before, before)
                larger = builder.and_(is_number, builder.fcmp_unordered(">", value, before))
                builder.store(builder.select(larger, value, before), largest)
            code.store(builder.load(largest), code.pixel(results, to, column))

    return types.void(maps, *[COUNT] * 4, results, COUNT, COUNT), instructions(write)


@intrinsic
def unpool_row(typing, maps, by_maps, at, row, high, wide, results, by_results, to, columns, add, masked):
    """by_maps = by_results at the first of the largest pixels of every window, 0 at the others."""

    def write(code, maps, by_maps, at, row, high, wide, results, by_results, to, columns, add, masked):
        builder, add, masked = code.builder, code.flag(add), code.flag(masked)
        with code.each(INDEX(0), columns) as (column, _):
            largest = code.load(code.pixel(results, to, column))
            left = cgutils.alloca_once_value(builder, code.load(code.pixel(by_results, to, column)))
            with code.each(INDEX(0), high) as (below, _), code.each(INDEX(0), wide) as (beside, _):
                start = builder.add(at, builder.mul(below, row))
                index = builder.add(builder.mul(column, wide), beside)
                value, pointer = code.load(code.pixel(maps, start, index)), code.pixel(by_maps, start, index)
                here, gradient = builder.fcmp_ordered("==", value, largest), builder.load(left)
                total = builder.select(here, gradient, NOTHING)
                total = code.if_set(add, total, lambda t: builder.fadd(t, code.load(pointer)))
                code.store(builder.select(code.spread(masked), code.active(total, value), total), pointer)
                builder.store(builder.select(here, NOTHING, gradient), left)

    return types.void(maps, by_maps, *[COUNT] * 4, results, by_results, *[COUNT] * 4), instructions(write)


@intrinsic
def average_plane(typing, maps, at, rows, row, columns, results, to, factor):
    """One pixel of results = the sum over a plane * factor."""

    def write(code, maps, at, rows, row, columns, results, to, factor):
        builder = code.builder
        total = cgutils.alloca_once_value(builder, NOTHING)
        with code.each(INDEX(0), rows) as (number, _):
            start = builder.add(at, builder.mul(number, row))
            of_row = code.sum_of(columns, lambda column: code.load(code.pixel(maps, start, column)))
            builder.store(builder.fadd(builder.load(total), of_row), total)
        code.store(builder.fmul(builder.load(total), code.spread(factor)), code.vector(results, to))

    return types.void(maps, *[COUNT] * 4, results, COUNT, NUMBER), instructions(write)


@intrinsic
def spread_row(typing, maps, by_maps, at, columns, by_results, to, factor, add, masked):
    """by_maps = one pixel of by_results * factor."""

    def write(code, maps, by_maps, at, columns, by_results, to, factor, add, masked):
        builder, add, masked = code.builder, code.flag(add), code.flag(masked)
        gradient = builder.fmul(code.load(code.vector(by_results, to)), code.spread(factor))
        with code.each(INDEX(0), columns) as (column, _):
            pointer = code.pixel(by_maps, at, column)
            total = code.if_set(add, gradient, lambda g: builder.fadd(g, code.load(pointer)))
            total = code.if_set(masked, total, lambda t: code.active(t, code.load(code.pixel(maps, at, column))))
            code.store(total, pointer)

    return types.void(maps, by_maps, COUNT, COUNT, by_results, COUNT, NUMBER, COUNT, COUNT), instructions(write)
