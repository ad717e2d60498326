"""Networks of linear layers and ReLU, trained on their kept weights alone, on a CPU.

What is pruned is neither stored nor computed, so a step gets cheaper as the mask gets sparser. The numbers are those of
linear_network.py up to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lth_core.engine.linear_network import LinearNetwork

DENSEST = 0.25
"""Share of kept weights up to which a network is trained on them alone. Measured on LeNet-300-100 at batches of 60 and
128 on one core: at a fifth a step is 1.5 times as fast as a masked dense one and an evaluation of MNIST breaks even
(benchmarks/linear_step.py), between a third and a half steps do, too. It is one number for all networks: a choice by
the clock could take the other path, with other roundings, when a run is repeated."""

WIDTH = 32
"""Batches are padded with zeros to a multiple of this many examples, as the kernels take them."""
AT_ONCE = 128
"""Examples that are evaluated at a time: what a layer needs of them fits into a core's nearer caches."""


def columns(examples: Tensor) -> np.ndarray:
    """Examples (R, B, features) as the kernels take them: (R, features, B), padded."""
    from lth_core.engine import kernels

    replicates, count, features = examples.shape
    padded = np.empty((replicates, features, -(-count // WIDTH) * WIDTH), np.float32)
    kernels.transpose(examples.numpy(), padded)
    return padded


def pieces(examples: Tensor) -> list[np.ndarray]:
    """Examples (B, features) for an evaluation: some of them at a time (features, ...), padded."""
    return [columns(piece[None])[0] for piece in examples.split(AT_ONCE)]


def pays(network: LinearNetwork, weights: Mapping[str, Tensor], mask: Mapping[str, np.ndarray]) -> bool:
    """Whether few enough of a cohort's weights are kept, given its tensors (R, ...) and masks of their shapes."""
    layers = {name: weights[name] for name, _ in network.layers}
    if any(layer.device.type != "cpu" or layer.dtype != torch.float32 for layer in layers.values()):
        return False
    kept = sum(np.count_nonzero(mask[name]) if name in mask else layer.numel() for name, layer in layers.items())
    return kept <= DENSEST * sum(layer.numel() for layer in layers.values())


class Patterns(NamedTuple):
    """The entries of sparse matrices, one after the other, row by row, as the kernels take them."""

    ends: np.ndarray
    columns: np.ndarray
    places: np.ndarray

    @classmethod
    def of(cls, matrices: Sequence[tuple[np.ndarray, np.ndarray]]) -> Patterns:
        """Of each matrix: where an entry is kept, and the place of its value."""
        counts = [kept.sum(axis=1) for kept, _ in matrices]
        columns = [np.nonzero(kept)[1] for kept, _ in matrices]
        places = [found[kept] for kept, found in matrices]
        ends = np.concatenate([[0], *counts]).cumsum()
        return cls(ends, *(np.concatenate([[], *parts]).astype(np.uint32) for parts in (columns, places)))


class SparseNetwork:
    """One replicate: `trained` holds its kept weights and its biases, `gradient` the loss's gradient by them.

    Its units are those of every hidden layer after its ReLU, then the outputs.
    """

    def __init__(self, network: LinearNetwork, weights: Mapping[str, Tensor], mask: Mapping[str, np.ndarray]):
        """From the tensors of one replicate, which are 0 where a mask is False; tensors without one are all kept."""
        names = [name for layer in network.layers for name in layer if name]
        kept = {name: mask.get(name, np.ones(weights[name].shape, dtype=bool)) for name in names}
        self.places = {name: torch.from_numpy(np.flatnonzero(found)) for name, found in kept.items()}
        self.trained = torch.cat([weights[name].flatten()[self.places[name]] for name in names])
        self.gradient = torch.zeros_like(self.trained)
        sizes = [len(self.places[name]) for name in names]
        self._slices = dict(zip(names, self.trained.split(sizes), strict=True))
        self._values, self._gradient = self.trained.numpy(), self.gradient.numpy()

        first = dict(zip(names, np.cumsum([0, *sizes]), strict=False))
        matrices = [
            (kept[name], kept[name].cumsum().reshape(kept[name].shape) - 1 + first[name]) for name, _ in network.layers
        ]
        units = np.cumsum([0, *(len(matrix) for matrix, _ in matrices)])
        rows_of_transposes = np.cumsum([0, 0, *(matrix.shape[1] for matrix, _ in matrices[1:])])
        biases = [first[bias] if bias else -1 for _, bias in network.layers]
        self.layers = np.stack([units[:-1], units[1:], biases, rows_of_transposes[:-1]], axis=1)
        self.matrices = Patterns.of(matrices)
        self.transposes = Patterns.of([(matrix.T, places.T) for matrix, places in matrices[1:]])

    def write_into(self, weights: Mapping[str, Tensor]) -> None:
        """Put the present values into the replicate's tensors."""
        for name, values in self._slices.items():
            weights[name].view(-1).index_copy_(0, self.places[name], values)

    def units(self, inputs: np.ndarray) -> np.ndarray:
        """The units' activations (units, B), given the inputs (features, B): all as columns."""
        from lth_core.engine import kernels

        found = np.empty((self.layers[-1, 1], inputs.shape[1]), np.float32)
        kernels.forward(self.layers, *self.matrices, self._values, inputs, found)
        return found

    def outputs(self, units: np.ndarray, count: int) -> np.ndarray:
        """The outputs (count, outputs) of as many examples, given the units' activations."""
        return units[self.layers[-1, 0] :, :count].T

    def evaluated(self, pieces: Sequence[np.ndarray], count: int) -> np.ndarray:
        """The outputs (count, outputs) of as many examples in `pieces` (features, B)."""
        return np.concatenate([self.outputs(self.units(piece), piece.shape[1]) for piece in pieces])[:count]

    def find_gradient(self, inputs: np.ndarray, units: np.ndarray, by_outputs: np.ndarray) -> None:
        """Fill `gradient`, given the loss's gradient by the outputs (outputs, B): all as columns."""
        from lth_core.engine import kernels

        room = np.empty_like(units)
        patterns = (*self.matrices, *self.transposes)
        kernels.backward(self.layers, *patterns, self._values, inputs, units, by_outputs, room, self._gradient)
