"""Patterns: where the kept weights of a layer are and what they connect, as layer_kernels.py takes them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from lth_core.engine.convolutions.network import Convolution, Weighted
from lth_core.engine.convolutions.workspace import LANES, Maps

if TYPE_CHECKING:
    from jaxtyping import Bool, Int, Int64, UInt32


@dataclass(frozen=True)
class Pattern:
    """Kept weights as a sparse matrix in compressed rows, and where pixels lie."""

    layout: Int64[np.ndarray, "9"]
    indptr: UInt32[np.ndarray, " rows+1"]
    distances: UInt32[np.ndarray, " entries"]
    targets: UInt32[np.ndarray, " rows"]
    order: Int[np.ndarray, " entries"]
    """The index of every entry's value among those of the layer's kept weights."""

    @classmethod
    def of(cls, layout: list[int], rows: np.ndarray, distances: np.ndarray, targets: np.ndarray) -> Pattern:
        """Make one of entries in any order, each in a row and at a distance; rows keep the order of their entries."""
        order = np.argsort(rows, kind="stable")
        indptr = np.concatenate([[0], np.bincount(rows, minlength=len(targets))]).cumsum()
        pointers, far, results = (array.astype(np.uint32) for array in (indptr, distances[order], targets))
        return cls(np.array(layout, np.int64), pointers, far, results, order)

    def of_entries(self, entries: np.ndarray) -> Pattern:
        """Return it with values that are numbered otherwise: entry e's is that of entries[e]."""
        return Pattern(self.layout, self.indptr, self.distances, self.targets, entries[self.order])


def patterns(
    step: Weighted, source: Maps, target: Maps, kept: Bool[np.ndarray, "outputs ..."]
) -> tuple[Pattern, list[Pattern]]:
    """Make the pattern of a layer, and those of its gradient by inputs, which together cover all of these."""
    if isinstance(step, Convolution):
        return _convolution(step, source, target, kept), _convolution_backward(step, source, target, kept)
    return _linear(source, target, kept)


def _convolution(step: Convolution, source: Maps, target: Maps, kept: np.ndarray) -> Pattern:
    output, channel, below, beside = np.nonzero(kept)
    first = source.at(-step.padding[0], -step.padding[1])
    steps = (source.chunk, step.stride[0] * source.row, step.stride[1] * LANES, first)
    layout = [target.rows, target.columns, *steps, target.chunk, target.row, LANES]
    distances = channel * source.plane + below * source.row + beside * LANES
    return Pattern.of(layout, output, distances, np.arange(target.channels) * target.plane + target.at(0, 0))


def _convolution_backward(step: Convolution, source: Maps, target: Maps, kept: np.ndarray) -> list[Pattern]:
    """One pattern for the inputs of every parity, as strides make them: those meet other weights."""
    output, channel, *taps = np.nonzero(kept)
    sides, parts = (source.rows, source.columns), []
    for first in product(*map(range, np.minimum(step.stride, sides))):
        # Row first + j * stride of the inputs meets row j + ahead of the outputs, where that is a whole number.
        meets = [start + padding - tap for start, padding, tap in zip(first, step.padding, taps, strict=True)]
        met = np.flatnonzero(np.all([m % stride == 0 for m, stride in zip(meets, step.stride, strict=True)], axis=0))
        down, across = (m[met] // stride for m, stride in zip(meets, step.stride, strict=True))
        distances = output[met] * target.plane + target.at(0, 0) + down * target.row + across * LANES
        steps = zip(sides, first, step.stride, strict=True)
        rows, columns = (-(-(side - start) // stride) for side, start, stride in steps)
        layout = [rows, columns, target.chunk, target.row, LANES, 0]
        layout += [source.chunk, step.stride[0] * source.row, step.stride[1] * LANES]
        targets = np.arange(source.channels) * source.plane + source.at(*first)
        parts.append(Pattern.of(layout, channel[met], distances, targets).of_entries(met))
    return parts


def _linear(source: Maps, target: Maps, kept: np.ndarray) -> tuple[Pattern, list[Pattern]]:
    output, feature = np.nonzero(kept)
    shape = (source.channels, source.rows, source.columns)
    channel, row, column = np.unravel_index(np.arange(prod(shape)), shape)
    features = channel * source.plane + source.at(0, 0) + row * source.row + column * LANES
    units = np.arange(target.channels) * target.plane + target.at(0, 0)
    layout = [1, 1, source.chunk, 0, LANES, 0, target.chunk, 0, LANES]
    back = [1, 1, target.chunk, 0, LANES, 0, source.chunk, 0, LANES]
    backward = Pattern.of(back, feature, units[output], features)
    return Pattern.of(layout, output, features[feature], units), [backward]
