"""Batch norm in training of images with channels last, compiled.

Values are rows, one for every pixel, of a number for each channel; channels are a multiple of LANES. Rows are taken in
blocks that stay in the nearest cache: sums over a block are in float32, those over blocks in float64, and variances are
sums of squared distances from the mean of a block, which are put together exactly. torch adds up all rows in float32.
"""

# numba and llvmlite call these functions in other ways than they are written.
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false, reportArgumentType=false
from __future__ import annotations

import numba
import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic

from lth_core.engine.instructions import INDEX, LANES, NOTHING, OPTIONS, VECTOR, Code, compiled

COUNT = types.int64
NUMBERS = 8192
"""Of a block: 32 KB."""


class ColumnCode(Code):
    """Instructions for LANES channels of a block of rows."""

    def sum_of(self, rows, value_of):
        """Sum `value_of(row)`: in four sums, which do not wait for one another."""
        builder = self.builder
        totals = [cgutils.alloca_once(builder, VECTOR) for _ in range(4)]
        for total in totals:
            builder.store(NOTHING, total)
        whole = builder.and_(rows, INDEX(-4))
        with self.each(INDEX(0), whole, 4) as (row, _):
            for step, total in enumerate(totals):
                builder.store(builder.fadd(builder.load(total), value_of(builder.add(row, INDEX(step)))), total)
        with self.each(whole, rows) as (row, _):
            builder.store(builder.fadd(builder.load(totals[0]), value_of(row)), totals[0])
        first, second, third, fourth = (builder.load(total) for total in totals)
        return builder.fadd(builder.fadd(first, second), builder.fadd(third, fourth))

    def at(self, array, first, row, channels):
        """Load the channels of a row."""
        return self.load(self.vector(array, self.builder.add(first, self.builder.mul(row, channels))))


@intrinsic
def sum_block(typing, values, others, first, rows, channels, center, at, product, totals):
    """totals = over a block, the sum of values, or of (values - center) * (others - center or others)."""
    signature = types.void(values, others, COUNT, COUNT, COUNT, center, COUNT, COUNT, totals)

    def generate(context, builder, signature, arguments):
        code = ColumnCode(context, builder, signature, arguments)
        values, others, first, rows, channels, center, at, product, totals = code.arguments
        middle = code.load(code.vector(center, at))

        def distance(row):
            return builder.fsub(code.at(values, first, row, channels), middle)

        def squared(row):
            return builder.fmul(distance(row), distance(row))

        def multiplied(row):
            return builder.fmul(distance(row), code.at(others, first, row, channels))

        kinds = (lambda row: code.at(values, first, row, channels), squared, multiplied)
        for number, value_of in enumerate(kinds):
            with builder.if_then(builder.icmp_signed("==", product, INDEX(number))):
                code.store(code.sum_of(rows, value_of), code.vector(totals, INDEX(0)))
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def scale_block(typing, values, results, first, rows, channels, center, scale, shift):
    """results = (values - center) * scale + shift, of all channels of a block."""
    signature = types.void(values, results, COUNT, COUNT, COUNT, center, scale, shift)

    def generate(context, builder, signature, arguments):
        code = ColumnCode(context, builder, signature, arguments)
        values, results, first, rows, channels, center, scale, shift = code.arguments
        with code.each(INDEX(0), channels, LANES) as (channel, _):
            middle, factor, offset = (code.load(code.vector(array, channel)) for array in (center, scale, shift))
            start = builder.add(first, channel)
            with code.each(INDEX(0), rows) as (row, _):
                distance = builder.fsub(code.at(values, start, row, channels), middle)
                pointer = code.vector(results, builder.add(start, builder.mul(row, channels)))
                code.store(code.add_product(offset, distance, factor), pointer)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def gradient_block(typing, values, by_results, by_values, first, rows, channels, center, scale, offset, slope):
    """by_values = (by_results - offset - (values - center) * slope) * scale, of all channels of a block."""
    signature = types.void(values, by_results, by_values, COUNT, COUNT, COUNT, center, scale, offset, slope)

    def generate(context, builder, signature, arguments):
        code = ColumnCode(context, builder, signature, arguments)
        values, by_results, by_values, first, rows, channels, center, scale, offset, slope = code.arguments
        with code.each(INDEX(0), channels, LANES) as (channel, _):
            middle, factor, mean, along = (
                code.load(code.vector(array, channel)) for array in (center, scale, offset, slope)
            )
            start = builder.add(first, channel)
            with code.each(INDEX(0), rows) as (row, _):
                distance = builder.fsub(middle, code.at(values, start, row, channels))
                gradient = builder.fsub(code.at(by_results, start, row, channels), mean)
                gradient = builder.fmul(code.add_product(gradient, distance, along), factor)
                code.store(gradient, code.vector(by_values, builder.add(start, builder.mul(row, channels))))
        return context.get_dummy_value()

    return signature, generate


@numba.njit(**OPTIONS)
def rows_of_block(channels):
    return max(1, NUMBERS // channels)


@compiled("void(f4[::1], i8, f4[::1], f8[::1])")
def moments(values, channels, mean, variance):
    """Compute the mean and the variance of every channel."""
    count, step = len(values) // channels, rows_of_block(channels)
    means, squares = np.zeros(channels), np.zeros(channels)
    center, totals = np.zeros(channels, np.float32), np.empty(LANES, np.float32)
    for first in range(0, count, step):
        rows = min(step, count - first)
        for channel in range(0, channels, LANES):
            at = first * channels + channel
            sum_block(values, values, at, rows, channels, center, channel, 0, totals)
            for lane in range(LANES):
                center[channel + lane] = totals[lane] / np.float32(rows)
            sum_block(values, values, at, rows, channels, center, channel, 1, totals)
            for lane in range(LANES):
                number = channel + lane
                away = center[number] - means[number]  # of this block from those before
                means[number] += away * rows / (first + rows)
                squares[number] += totals[lane] + away * away * (np.float64(first) * rows / (first + rows))
    for channel in range(channels):
        mean[channel], variance[channel] = means[channel], squares[channel] / count


@compiled("void(f4[::1], f4[::1], f4[::1], f4[::1], f4[::1])")
def normalize(values, results, mean, scale, shift):
    """results = (values - mean) * scale + shift."""
    channels = len(mean)
    count, step = len(values) // channels, rows_of_block(channels)
    for first in range(0, count, step):
        rows = min(step, count - first)
        scale_block(values, results, first * channels, rows, channels, mean, scale, shift)


@compiled("void(f4[::1], f4[::1], f4[::1], f8[::1], f8[::1])")
def sums(values, by_results, mean, total, along):
    """Of every channel: the sum of the gradient by results, and of its product with values - mean."""
    channels = len(mean)
    count, step, totals = len(values) // channels, rows_of_block(channels), np.empty(LANES, np.float32)
    for first in range(0, count, step):
        rows = min(step, count - first)
        for channel in range(0, channels, LANES):
            at = first * channels + channel
            sum_block(by_results, by_results, at, rows, channels, mean, channel, 0, totals)
            for lane in range(LANES):
                total[channel + lane] += totals[lane]
            sum_block(values, by_results, at, rows, channels, mean, channel, 2, totals)
            for lane in range(LANES):
                along[channel + lane] += totals[lane]


@compiled("void(f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], f4[::1])")
def normalize_backward(values, by_results, by_values, mean, scale, offset, slope):
    """by_values = (by_results - offset - (values - mean) * slope) * scale."""
    channels = len(mean)
    count, step = len(values) // channels, rows_of_block(channels)
    for first in range(0, count, step):
        rows = min(step, count - first)
        gradient_block(values, by_results, by_values, first * channels, rows, channels, mean, scale, offset, slope)
