"""Batch norm in training of images with channels last, compiled.

Values are rows of pixels, which have a number for each channel; a row's width is a multiple of LANES. Kernels read four
neighbouring rows at a time, which is fastest from main memory where each is a page or more. Sums over a block of rows
are in float32, those over blocks in float64, where torch adds up all pixels in float32.

Variances take one pass: sums of distances, and of their squares, from the mean of the rows before. Blocks are put
together from these exactly (Chan, Golub & LeVeque 1983). The first rows are gone through twice, to have a mean, and no
block is larger than all before it together: the square of its distance from them is then a part of the variance itself,
so that differences lose little however the values drift.
"""

# numba and llvmlite call these functions in other ways than they are written.
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false, reportArgumentType=false
from __future__ import annotations

import numba
import numpy as np
from numba.core import types
from numba.extending import intrinsic

from lth_core.engine.instructions import INDEX, LANES, OPTIONS, ZERO, Code, compiled

COUNT = types.int64
AT_ONCE = 4
FIRST, MOST = 32, 256
"""Rows of the first block, and of the largest."""


class RowCode(Code):
    """Instructions for a block of rows."""

    def each_vector(self, first, rows, width, compute):
        """Call compute(column, [index of its LANES columns in a row, for every one of AT_ONCE rows])."""
        builder, whole = self.builder, self.builder.and_(rows, INDEX(-AT_ONCE))
        for start, end, step in ((INDEX(0), whole, AT_ONCE), (whole, rows, 1)):
            with self.each(start, end, step) as (row, _):
                at = builder.add(first, builder.mul(row, width))
                with self.each(INDEX(0), width, LANES) as (column, _):
                    starts = [builder.add(at, column)]
                    for _ in range(step - 1):
                        starts.append(builder.add(starts[-1], width))
                    compute(column, starts)

    def at(self, array, index):
        return self.load(self.vector(array, index))

    def put(self, value, array, index):
        self.store(value, self.vector(array, index))

    def sum_of(self, vectors):
        """Sum vectors, in pairs."""
        while len(vectors) > 1:
            vectors = [self.builder.fadd(*vectors[i : i + 2]) for i in range(0, len(vectors), 2)]
        return vectors[0]

    def add_to(self, array, index, vectors):
        """Add the sum of vectors to a part of an array."""
        self.put(self.builder.fadd(self.at(array, index), self.sum_of(vectors)), array, index)


@intrinsic
def add_moments(typing, values, first, rows, width, center, totals, squares):
    """totals += values - center, squares += (values - center)^2, over a block."""
    signature = types.void(values, COUNT, COUNT, COUNT, center, totals, squares)

    def generate(context, builder, signature, arguments):
        code = RowCode(context, builder, signature, arguments)
        values, first, rows, width, center, totals, squares = code.arguments

        def compute(column, starts):
            middle = code.at(center, column)
            distances = [builder.fsub(code.at(values, start), middle) for start in starts]
            code.add_to(totals, column, distances)
            code.add_to(squares, column, [builder.fmul(distance, distance) for distance in distances])

        code.each_vector(first, rows, width, compute)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def add_gradients(typing, values, by_results, first, rows, width, center, totals, alongs):
    """totals += by_results, alongs += by_results * (values - center), over a block."""
    signature = types.void(values, by_results, COUNT, COUNT, COUNT, center, totals, alongs)

    def generate(context, builder, signature, arguments):
        code = RowCode(context, builder, signature, arguments)
        values, by_results, first, rows, width, center, totals, alongs = code.arguments

        def compute(column, starts):
            middle = code.at(center, column)
            distances = [builder.fsub(code.at(values, start), middle) for start in starts]
            gradients = [code.at(by_results, start) for start in starts]
            code.add_to(totals, column, gradients)
            code.add_to(alongs, column, [builder.fmul(*pair) for pair in zip(distances, gradients, strict=True)])

        code.each_vector(first, rows, width, compute)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def scale_rows(typing, values, results, rows, width, center, scale, shift):
    """results = (values - center) * scale + shift."""
    signature = types.void(values, results, COUNT, COUNT, center, scale, shift)

    def generate(context, builder, signature, arguments):
        code = RowCode(context, builder, signature, arguments)
        values, results, rows, width, center, scale, shift = code.arguments

        def compute(column, starts):
            middle, factor, offset = (code.at(array, column) for array in (center, scale, shift))
            loaded = [code.at(values, start) for start in starts]
            for start, value in zip(starts, loaded, strict=True):
                code.put(code.add_product(offset, builder.fsub(value, middle), factor), results, start)

        code.each_vector(INDEX(0), rows, width, compute)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def gradient_rows(typing, values, by_results, by_values, rows, width, center, scale, offset, slope):
    """by_values = (by_results - offset - (values - center) * slope) * scale."""
    signature = types.void(values, by_results, by_values, COUNT, COUNT, center, scale, offset, slope)

    def generate(context, builder, signature, arguments):
        code = RowCode(context, builder, signature, arguments)
        values, by_results, by_values, rows, width, center, scale, offset, slope = code.arguments

        def compute(column, starts):
            middle, factor, mean, along = (code.at(array, column) for array in (center, scale, offset, slope))
            loaded = [(code.at(values, start), code.at(by_results, start)) for start in starts]
            for start, (value, gradient) in zip(starts, loaded, strict=True):
                less = code.add_product(builder.fsub(gradient, mean), builder.fsub(middle, value), along)
                code.put(builder.fmul(less, factor), by_values, start)

        code.each_vector(INDEX(0), rows, width, compute)
        return context.get_dummy_value()

    return signature, generate


@numba.njit(**OPTIONS)
def rows_of_block(first, count):
    """How many rows the block has that begins at a row."""
    return min(max(first, FIRST), MOST, count - first)


@numba.njit(**OPTIONS)
def moments(values, width):
    """Return the mean and the variance of every column of rows."""
    count, first = len(values) // width, 0
    means, squares = np.zeros(width), np.zeros(width)
    center, near, far = np.zeros(width, np.float32), np.zeros(width, np.float32), np.zeros(width, np.float32)
    while first < count:
        rows = rows_of_block(first, count)
        if first == 0:
            add_moments(values, 0, rows, width, center, near, far)
            center[:] = near / np.float32(rows)
        near[:], far[:] = ZERO, ZERO
        add_moments(values, first * width, rows, width, center, near, far)
        share = rows / (first + rows)
        for column in range(width):
            away = np.float64(near[column]) / rows  # of this block from the center
            inside = far[column] - away * near[column]
            away += center[column] - means[column]  # of this block from those before
            means[column] += away * share
            squares[column] += (np.float64(0) if inside < 0 else inside) + away * away * (first * share)
            center[column] = means[column]
        first += rows
    return means, squares / count


@numba.njit(**OPTIONS)
def sums(values, by_results, mean):
    """Return of every column the sum of the gradient by results, and of its product with values - mean."""
    width, first = len(mean), 0
    count, total, along = len(values) // width, np.zeros(width), np.zeros(width)
    of_block, along_block = np.zeros(width, np.float32), np.zeros(width, np.float32)
    while first < count:
        rows = rows_of_block(first, count)
        add_gradients(values, by_results, first * width, rows, width, mean, of_block, along_block)
        for column in range(width):
            total[column] += of_block[column]
            along[column] += along_block[column]
        of_block[:], along_block[:] = ZERO, ZERO
        first += rows
    return total, along


@numba.njit(**OPTIONS)
def repeated(values, width):
    """Repeat what is known of channels for all columns."""
    columns = np.empty(width, np.float32)
    for column in range(width):
        columns[column] = values[column % len(values)]
    return columns


@compiled("void(f4[::1], i8, f4[::1], f4[::1], f8, f4[::1], f4[::1], f4[::1], f8[::1])")
def normalize(values, width, weight, bias, eps, results, mean, variance, deviation):
    """results = (values - mean) * weight / deviation + bias, with the mean, variance and deviation of every channel."""
    channels = len(weight)
    means, variances = moments(values, width)
    scale = np.empty(channels)
    for channel in range(channels):
        middle = means[channel::channels].mean()
        mean[channel] = middle
        spread = (variances[channel::channels] + (means[channel::channels] - middle) ** 2).mean()
        variance[channel], deviation[channel] = spread, np.sqrt(spread + eps)
        scale[channel] = weight[channel] / deviation[channel]
    center, factor, shift = repeated(mean, width), repeated(scale, width), repeated(bias, width)
    scale_rows(values, results, len(values) // width, width, center, factor, shift)


@compiled("void(f4[::1], f4[::1], i8, f4[::1], f4[::1], f8[::1], f4[::1], f4[::1], f4[::1])")
def normalize_backward(values, by_results, width, weight, mean, deviation, by_values, by_weight, by_bias):
    """Compute the gradients by values, weight and bias, given that by results."""
    channels, middle = len(weight), repeated(mean, width)
    count = len(values) // channels
    totals, alongs = sums(values, by_results, middle)
    scale, offset, slope = np.empty(channels), np.empty(channels), np.empty(channels)
    for channel in range(channels):
        total, product = totals[channel::channels].sum(), alongs[channel::channels].sum()
        by_weight[channel], by_bias[channel] = product / deviation[channel], total
        scale[channel], offset[channel] = weight[channel] / deviation[channel], total / count
        slope[channel] = product / (deviation[channel] ** 2 * count)
    factor, less, along = repeated(scale, width), repeated(offset, width), repeated(slope, width)
    gradient_rows(values, by_results, by_values, len(values) // width, width, middle, factor, less, along)
