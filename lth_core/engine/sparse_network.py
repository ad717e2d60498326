"""Networks of linear layers and ReLU, trained on their kept weights alone, on a CPU.

What is pruned is neither stored nor computed, so a step gets cheaper as the mask gets sparser. The numbers are those of
linear_network.py up to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lth_core.engine.linear_network import LinearNetwork

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int, UInt32

DENSEST = 1 / 3
"""Share of kept weights up to which a network is trained on them alone. Measured on LeNet-300-100 at batches of 60 and
128 on one core: steps break even between a third and a half (benchmarks/linear_step.py). It is one number for all
networks: a choice by the clock could take the other path, with other roundings, when a run is repeated."""
DENSEST_EVALUATED = 0.2
"""Share up to which it is evaluated on them alone, too, which breaks even at a fifth: dense products gain more from
many examples."""

WIDTH = 32
"""Batches are padded with zeros to a multiple of this many examples, as the kernels take them."""
AT_ONCE = 128
"""Examples that are evaluated at a time: what a layer needs of them fits into a core's nearer caches."""


def columns(examples: Float[Tensor, "replicate batch features"]) -> Float[np.ndarray, "replicate features padded"]:
    """Transpose examples, and pad the batch with zeros, as the kernels take them."""
    from lth_core.engine import kernels

    replicates, count, features = examples.shape
    padded = np.empty((replicates, features, -(-count // WIDTH) * WIDTH), np.float32)
    kernels.transpose(examples.numpy(), padded)
    return padded


def pieces(examples: Float[Tensor, "batch features"]) -> list[Float[np.ndarray, "features _"]]:
    """Split examples for an evaluation into pieces of AT_ONCE, as the kernels take them."""
    return [columns(piece[None])[0] for piece in examples.split(AT_ONCE)]


def kept_share(network: LinearNetwork | None, weights: Mapping[str, Tensor], mask: Mapping[str, np.ndarray]) -> float:
    """Return the share of a cohort's weights that are kept, given its tensors (R, ...) and masks of their shapes.

    It is infinite where the kernels cannot take them: without a network, too.
    """
    if network is None:
        return math.inf
    layers = {name: weights[name] for name, _ in network.layers}
    if any(layer.device.type != "cpu" or layer.dtype != torch.float32 for layer in layers.values()):
        return math.inf
    kept = sum(np.count_nonzero(mask[name]) if name in mask else layer.numel() for name, layer in layers.items())
    return kept / sum(layer.numel() for layer in layers.values())


class CsrMatrices(NamedTuple):
    """Sparse matrices in compressed rows, all in the same arrays, one after the other.

    Values lie elsewhere, in an order of their own, so that a matrix and its transpose share them.
    """

    indptr: Int[np.ndarray, " rows+1"]
    """The entries of row i are those from indptr[i] to indptr[i + 1]."""
    indices: UInt32[np.ndarray, " entries"]
    """The column of each entry in its matrix."""
    value_index: UInt32[np.ndarray, " entries"]
    """The index of each entry's value."""

    @classmethod
    def of(cls, matrices: Sequence[tuple[Bool[np.ndarray, "_ _"], Int[np.ndarray, "_ _"]]]) -> CsrMatrices:
        """Compress matrices, each given by where it has entries and by the index of every entry's value."""
        counts = [kept.sum(axis=1) for kept, _ in matrices]
        indices = [np.nonzero(kept)[1] for kept, _ in matrices]
        value_index = [numbers[kept] for kept, numbers in matrices]
        indptr = np.concatenate([[0], *counts]).cumsum()
        return cls(indptr, *(np.concatenate([[], *parts]).astype(np.uint32) for parts in (indices, value_index)))


class SparseNetwork:
    """One replicate: `trained` holds its kept weights and its biases, `gradient` the loss's gradient by them.

    Its units are those of every hidden layer after its ReLU, then the outputs.
    """

    trained: Float[Tensor, " values"]
    gradient: Float[Tensor, " values"]

    def __init__(self, network: LinearNetwork, weights: Mapping[str, Tensor], mask: Mapping[str, np.ndarray]):
        """From the tensors of one replicate, which are 0 where a mask is False; tensors without one are all kept."""
        names = [name for layer in network.layers for name in layer if name]
        kept = {name: mask.get(name, np.ones(weights[name].shape, dtype=bool)) for name in names}
        self.flat_indices = {name: torch.from_numpy(np.flatnonzero(entries)) for name, entries in kept.items()}
        self.trained = torch.cat([weights[name].flatten()[self.flat_indices[name]] for name in names])
        self.gradient = torch.zeros_like(self.trained)
        sizes = [len(self.flat_indices[name]) for name in names]
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
        self.matrices = CsrMatrices.of(matrices)
        self.transposes = CsrMatrices.of([(matrix.T, value_index.T) for matrix, value_index in matrices[1:]])

    def write_into(self, weights: Mapping[str, Tensor]) -> None:
        """Write the present values into the replicate's tensors, in place."""
        for name, values in self._slices.items():
            weights[name].view(-1).index_copy_(0, self.flat_indices[name], values)

    def units(self, inputs: Float[np.ndarray, "features batch"]) -> Float[np.ndarray, "units batch"]:
        """Compute the activations of all units."""
        from lth_core.engine import kernels

        units = np.empty((self.layers[-1, 1], inputs.shape[1]), np.float32)
        kernels.forward(self.layers, *self.matrices, self._values, inputs, units)
        return units

    def outputs(self, units: Float[np.ndarray, "units padded"], count: int) -> Float[np.ndarray, "{count} outputs"]:
        """Take the outputs of the first `count` examples from the units' activations."""
        return units[self.layers[-1, 0] :, :count].T

    def evaluated(
        self, pieces: Sequence[Float[np.ndarray, "features _"]], count: int
    ) -> Float[np.ndarray, "{count} outputs"]:
        """Compute the outputs of `count` examples, given in pieces."""
        return np.concatenate([self.outputs(self.units(piece), piece.shape[1]) for piece in pieces])[:count]

    def fill_gradient(
        self,
        inputs: Float[np.ndarray, "features batch"],
        units: Float[np.ndarray, "units batch"],
        by_outputs: Float[np.ndarray, "outputs batch"],
    ) -> None:
        """Fill `gradient`, given the units' activations and the loss's gradient by the outputs."""
        from lth_core.engine import kernels

        workspace = np.empty_like(units)
        matrices = (*self.matrices, *self.transposes)
        kernels.backward(self.layers, *matrices, self._values, inputs, units, by_outputs, workspace, self._gradient)


def outputs_of_all(
    networks: Sequence[SparseNetwork], examples: Float[Tensor, "batch features"]
) -> list[Float[Tensor, "batch outputs"]]:
    """Compute every network's outputs on the same examples."""
    flat = pieces(examples)
    return [torch.from_numpy(network.evaluated(flat, len(examples))) for network in networks]


def gradients_of_all(
    networks: Sequence[SparseNetwork],
    examples: Float[Tensor, "replicate batch features"],
    output_gradient: Callable[[Tensor], Tensor],
) -> list[Tensor]:
    """Compute every network's gradient on examples of its own; `output_gradient` gives the loss's by the outputs."""
    count, inputs = examples.shape[1], columns(examples)
    units = [network.units(piece) for network, piece in zip(networks, inputs, strict=True)]
    outputs = [network.outputs(values, count) for network, values in zip(networks, units, strict=True)]
    by_outputs = columns(output_gradient(torch.from_numpy(np.stack(outputs))))
    for network, *arguments in zip(networks, inputs, units, by_outputs, strict=True):
        network.fill_gradient(*arguments)
    return [network.gradient for network in networks]
