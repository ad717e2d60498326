"""Batch norm, sums and pooling of maps, and their gradients, compiled; layer_kernels.py says how maps lie in memory.

`layout` of a map: channels, rows, columns, numbers between chunks, planes and rows, the first number, and how many
examples there are. `kept` has a vector of ones, and one that is 0 for the examples by which the last chunk is padded.
Sums over a batch are those of rows, in float32, added up in float64; variances are of the distances from the mean.
"""

# numba calls these functions in other ways than they are written.
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false, reportArgumentType=false
from __future__ import annotations

import numba
import numpy as np

from lth_core.engine.convolutions.row_instructions import (
    add_row,
    average_plane,
    gradient_row,
    normalize_row,
    pool_row,
    product_row,
    spread_row,
    sum_row,
    unpool_row,
)
from lth_core.engine.instructions import LANES, OPTIONS, ZERO, compiled


@numba.njit(**OPTIONS)
def at_row(layout, chunk, channel, row):
    """Where a row begins."""
    return layout[6] + chunk * layout[3] + channel * layout[4] + row * layout[5]


@numba.njit(**OPTIONS)
def weights_of(layout, chunk):
    """Where the weights of a chunk's examples begin."""
    return 0 if layout[7] - chunk * LANES >= LANES else LANES


@numba.njit(**OPTIONS)
def examples_of(layout, chunk):
    """How many examples of a chunk count."""
    return min(layout[7] - chunk * LANES, LANES)


@numba.njit(**OPTIONS)
def pixels_of(layout):
    """How many pixels there are in one channel of all examples."""
    return np.float64(layout[7] * layout[1] * layout[2])


@compiled("void(i8[::1], f4[:,:,:,:], f4[::1])")
def pack(layout, images, maps):
    """Lay out images (examples, channels, rows, columns), and fill up the last chunk with zeros."""
    for chunk in range((len(images) + LANES - 1) // LANES):
        lanes = examples_of(layout, chunk)
        for channel in range(layout[0]):
            for row in range(layout[1]):
                for column in range(layout[2]):
                    at = at_row(layout, chunk, channel, row) + column * LANES
                    for lane in range(lanes):
                        maps[at + lane] = images[chunk * LANES + lane, channel, row, column]
                    for lane in range(lanes, LANES):
                        maps[at + lane] = ZERO


@compiled("void(i8, i8, i8[::1], f4[::1], f4[::1], f8[:,:,::1])")
def moments(chunk, end, layout, maps, kept, sums):
    """Of every chunk and channel: sums[0] = the mean, sums[1] = the sum of squared distances from it."""
    for number in range(chunk, end):
        weights = weights_of(layout, number)
        for channel in range(layout[0]):
            center = ZERO
            for squares in range(2):
                total = np.float64(0)
                for row in range(layout[1]):
                    at = at_row(layout, number, channel, row)
                    total += sum_row(maps, at, layout[2], center, kept, weights, squares)
                if squares == 0:
                    total /= examples_of(layout, number) * layout[1] * layout[2]
                    center = np.float32(total)
                    total = np.float64(center)
                sums[squares, number, channel] = total


@compiled("void(i8, i8, i8[::1], f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], i8, i8)")
def normalize(chunk, end, layout, maps, results, kept, mean, scale, shift, added, add, relu):
    """results = (maps - mean) * scale + shift, of every channel, + added; then ReLU."""
    for number in range(chunk, end):
        weights = weights_of(layout, number)
        for channel in range(layout[0]):
            center, factor, offset = mean[channel], scale[channel], shift[channel]
            for row in range(layout[1]):
                at = at_row(layout, number, channel, row)
                normalize_row(maps, results, at, layout[2], center, factor, offset, kept, weights, added, add, relu)


@compiled("void(i8, i8, i8[::1], f4[::1], f4[::1], f4[::1], f4[::1], f8[:,:,::1])")
def normalize_sums(chunk, end, layout, maps, by_results, kept, mean, sums):
    """Of every chunk and channel: sums[0] = of the gradient by results, sums[1] = of its product with maps - mean."""
    for number in range(chunk, end):
        for channel in range(layout[0]):
            total, along = np.float64(0), np.float64(0)
            for row in range(layout[1]):
                at = at_row(layout, number, channel, row)
                total += sum_row(by_results, at, layout[2], ZERO, kept, 0, 0)
                along += product_row(maps, by_results, at, layout[2], mean[channel])
            sums[0, number, channel], sums[1, number, channel] = total, along


@compiled(
    "void(i8, i8, i8[::1], f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], i8, i8)"
)
def normalize_backward(
    chunk, end, layout, maps, by_results, by_maps, kept, mean, deviation, scale, by_scale, by_shift, add, masked
):
    """by_maps = the gradient by maps, given that by results, which may be the same array, and by scale and shift."""
    for number in range(chunk, end):
        weights = weights_of(layout, number)
        for channel in range(layout[0]):
            center, factor = mean[channel], scale[channel] * deviation[channel]
            offset = np.float32(by_shift[channel] / pixels_of(layout))
            slope = np.float32(by_scale[channel] * np.float64(deviation[channel]) / pixels_of(layout))
            for row in range(layout[1]):
                at = at_row(layout, number, channel, row)
                gradient_row(
                    maps, by_results, by_maps, at, layout[2], center, slope, offset, factor, kept, weights, add, masked
                )


@compiled("void(i8, i8, i8[::1], f4[::1], f4[::1], f4[::1], i8, i8, i8, f4[::1])")
def combine(chunk, end, layout, maps, added, results, add, relu, masked, active):
    """results = maps + added, then ReLU, or 0 where `active` is. Any of them may be the same array."""
    for number in range(chunk, end):
        for channel in range(layout[0]):
            for row in range(layout[1]):
                at = at_row(layout, number, channel, row)
                add_row(maps, added, results, at, layout[2], add, relu, masked, active)


@compiled("void(i8, i8, i8[::1], f4[::1], f4[::1], f4[::1])")
def sum_channels(chunk, end, layout, maps, kept, totals):
    """Add the sum of every channel of the chunks to totals."""
    if chunk == 0:
        totals[:] = ZERO
    for channel in range(layout[0]):
        total = np.float64(0)
        for number in range(chunk, end):
            for row in range(layout[1]):
                total += sum_row(maps, at_row(layout, number, channel, row), layout[2], ZERO, kept, 0, 0)
        totals[channel] += total


@compiled("void(i8, i8, i8[::1], i8[::1], i8, i8, f4[::1], f4[::1])")
def max_pool(chunk, end, layout, layout_to, high, wide, maps, results):
    """results = the largest of every window of high x wide pixels."""
    for number in range(chunk, end):
        for channel in range(layout[0]):
            for row in range(layout_to[1]):
                at, to = at_row(layout, number, channel, row * high), at_row(layout_to, number, channel, row)
                pool_row(maps, at, layout[5], high, wide, results, to, layout_to[2])


@compiled("void(i8, i8, i8[::1], i8[::1], i8, i8, f4[::1], f4[::1], f4[::1], f4[::1], i8, i8)")
def max_pool_backward(chunk, end, layout, layout_to, high, wide, maps, results, by_results, by_maps, add, masked):
    """by_maps = by_results at the first of every window's largest pixels, 0 at the others and outside of windows."""
    if not add and (layout_to[1] * high < layout[1] or layout_to[2] * wide < layout[2]):
        by_maps[chunk * layout[3] : end * layout[3]] = ZERO
    for number in range(chunk, end):
        for channel in range(layout[0]):
            for row in range(layout_to[1]):
                at, to = at_row(layout, number, channel, row * high), at_row(layout_to, number, channel, row)
                unpool_row(maps, by_maps, at, layout[5], high, wide, results, by_results, to, layout_to[2], add, masked)


@compiled("void(i8, i8, i8[::1], i8[::1], f4[::1], f4[::1])")
def average(chunk, end, layout, layout_to, maps, results):
    """results = the mean over all pixels."""
    factor = np.float32(1 / (layout[1] * layout[2]))
    for number in range(chunk, end):
        for channel in range(layout[0]):
            at, to = at_row(layout, number, channel, 0), at_row(layout_to, number, channel, 0)
            average_plane(maps, at, layout[1], layout[5], layout[2], results, to, factor)


@compiled("void(i8, i8, i8[::1], i8[::1], f4[::1], f4[::1], f4[::1], i8, i8)")
def average_backward(chunk, end, layout, layout_to, maps, by_results, by_maps, add, masked):
    """by_maps = the gradient by maps, given that by their means."""
    factor = np.float32(1 / (layout[1] * layout[2]))
    for number in range(chunk, end):
        for channel in range(layout[0]):
            to = at_row(layout_to, number, channel, 0)
            for row in range(layout[1]):
                at = at_row(layout, number, channel, row)
                spread_row(maps, by_maps, at, layout[2], by_results, to, factor, add, masked)
