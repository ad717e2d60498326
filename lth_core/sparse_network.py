"""Networks of linear layers and ReLU, trained on their kept weights alone, on a CPU.

What is pruned is neither stored nor computed, so a step gets cheaper as the mask gets sparser. The numbers are those of
linear_network.py up to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lth_core.linear_network import LinearNetwork

DENSEST = 0.2
"""Share of kept weights up to which a network is trained on them alone. Measured on LeNet-300-100 at batches of 60 and
128 on one core (benchmarks/linear_step.py): a step is then 1.3 to 1.5 times as fast as a masked dense one, at a quarter
hardly faster; an evaluation, which has longer batches, breaks even at about 0.15. It is one number for all networks: a
choice by the clock could take the other path, with other roundings, when a run is repeated."""

WIDTH = 32
"""Batches are padded with zeros to a multiple of this many examples (two vectors of 512 bits): remainders are slow."""


def columns(examples: Tensor) -> Tensor:
    """Examples (B, features) as the kernels take them: (features, B), padded."""
    from lth_core import kernels

    count, features = examples.shape
    padded = torch.empty(features, -(-count // WIDTH) * WIDTH)
    kernels.transpose(examples.numpy(), padded.numpy())
    return padded


def pays(network: LinearNetwork, weights: Mapping[str, Tensor], mask: Mapping[str, np.ndarray]) -> bool:
    """Whether few enough of a cohort's weights are kept, given its tensors (R, ...) and masks of their shapes."""
    layers = {name: weights[name] for name, _ in network.layers}
    if any(layer.device.type != "cpu" or layer.dtype != torch.float32 for layer in layers.values()):
        return False
    kept = sum(np.count_nonzero(mask[name]) if name in mask else layer.numel() for name, layer in layers.items())
    return kept <= DENSEST * sum(layer.numel() for layer in layers.values())


class Pattern(NamedTuple):
    """The entries of a sparse matrix, row by row, as the kernels take them."""

    ends: np.ndarray
    columns: np.ndarray
    places: np.ndarray

    @classmethod
    def of(cls, kept: np.ndarray, places: np.ndarray) -> Pattern:
        """Entries where `kept` is True; their values are at `places`, a matrix of the same shape."""
        ends = np.concatenate([[0], kept.sum(axis=1).cumsum()])
        return cls(ends, np.nonzero(kept)[1].astype(np.uint32), places[kept].astype(np.uint32))


@dataclass(frozen=True)
class SparseLayer:
    """One linear layer: its kept weights row by row, its bias (size 0: none), and the loss's gradients by them."""

    matrix: Pattern
    transpose: Pattern
    weight: np.ndarray
    bias: np.ndarray
    by_weight: np.ndarray
    by_bias: np.ndarray

    @property
    def units(self) -> int:
        return len(self.matrix.ends) - 1


class SparseNetwork:
    """One replicate: `trained` holds its kept weights and its biases, `gradient` the loss's gradient by them."""

    def __init__(self, network: LinearNetwork, weights: Mapping[str, Tensor], mask: Mapping[str, np.ndarray]):
        """From the tensors of one replicate, which are 0 where a mask is False; tensors without one are all kept."""
        names = [name for layer in network.layers for name in layer if name]
        kept = {name: mask.get(name, np.ones(weights[name].shape, dtype=bool)) for name in names}
        self.places = {name: torch.from_numpy(np.flatnonzero(found)) for name, found in kept.items()}
        self.trained = torch.cat([weights[name].flatten()[self.places[name]] for name in names])
        self.gradient = torch.zeros_like(self.trained)
        sizes = [len(self.places[name]) for name in names]
        self._values = dict(zip(names, self.trained.split(sizes), strict=True))
        gradients = dict(zip(names, self.gradient.split(sizes), strict=True))
        nothing = torch.empty(0)
        self.layers = []
        for weight, bias in network.layers:
            places = kept[weight].cumsum().reshape(kept[weight].shape) - 1
            self.layers.append(
                SparseLayer(
                    matrix=Pattern.of(kept[weight], places),
                    transpose=Pattern.of(kept[weight].T, places.T),
                    weight=self._values[weight].numpy(),
                    bias=self._values.get(bias, nothing).numpy(),
                    by_weight=gradients[weight].numpy(),
                    by_bias=gradients.get(bias, nothing).numpy(),
                )
            )

    def write_into(self, weights: Mapping[str, Tensor]) -> None:
        """Put the present values into the replicate's tensors."""
        for name, values in self._values.items():
            weights[name].view(-1).index_copy_(0, self.places[name], values)

    def activations(self, inputs: Tensor) -> list[Tensor]:
        """The inputs, every hidden layer after its ReLU, and the outputs: all as columns."""
        from lth_core import kernels

        values = [inputs]
        for layer in self.layers:
            outputs = torch.empty(layer.units, inputs.shape[1])
            hidden = layer is not self.layers[-1]
            kernels.forward(*layer.matrix, layer.weight, layer.bias, hidden, values[-1].numpy(), outputs.numpy())
            values.append(outputs)
        return values

    def find_gradient(self, activations: list[Tensor], gradient: Tensor) -> None:
        """Fill `gradient`, given the loss's gradient by the outputs: all as columns."""
        from lth_core import kernels

        found, values = gradient.numpy(), [value.numpy() for value in activations]
        for position, layer in reversed(list(enumerate(self.layers))):
            inputs = values[position]
            kernels.weight_gradients(*layer.matrix[:2], found, inputs, layer.by_weight, layer.by_bias)
            if position:
                by_outputs, found = found, np.empty_like(inputs)
                kernels.backward(*layer.transpose, layer.weight, by_outputs, inputs, found)
