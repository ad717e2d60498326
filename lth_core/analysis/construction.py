"""A target network as a part of a wide random one: weights are pruned, and nothing is trained.

Malach et al. 2020 (arXiv 2002.00585) replace each layer of the target by two random ones; Pensia et al. 2020 (arXiv
2006.07990) and Orseau et al. 2020 (arXiv 2006.12156) choose what is kept by subset sums. A unit j of the first random
layer keeps its weight a_j of a single input x. As relu(a_j x) is a_j relu(x) for a_j > 0 and -a_j relu(-x) for a_j < 0,
the second layer's weights b_oj of some of these units add up to any weight w_o that is wanted, once for positive and
once for negative x: the sum of a_j b_oj over the subset must be near w_o. A bias is the weight of an input that is 1.

Pensia et al. draw all weights from [-1, 1], for targets of weights of at most 1/2. Here the second of two layers is
multiplied by a number, twice the largest weight of the target's layer, so that any target may be approximated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from lth_core.analysis.subset_sums import nearest_subsets

SPARE = 4
"""For how many inputs more than there are units are drawn: the last input must still get its units of both signs."""
PIECE = 2**22
"""Subset sums that are computed at a time."""


class ConstructionError(ValueError):
    """A network that no construction approximates, in one line."""


@dataclass(frozen=True)
class Layer:
    """Weights (outputs, inputs) and biases (outputs,) of a linear layer, float64."""

    weight: np.ndarray
    bias: np.ndarray

    @property
    def scale(self) -> float:
        """Twice the largest of its numbers."""
        return 2 * float(max(np.abs(self.weight).max(), np.abs(self.bias).max()))


@dataclass(frozen=True)
class Gadget:
    """Two random layers that stand for one layer of the target, and their masks.

    A hidden unit keeps one weight at most: of the input that it serves, or its bias where it serves the target's.
    """

    first: np.ndarray
    """(hidden, inputs + 1): weights, and the biases as the last column."""
    second: np.ndarray
    """(outputs, hidden)."""
    first_mask: np.ndarray
    second_mask: np.ndarray
    errors: np.ndarray
    """How far the weights, of positive and of negative inputs, are from those of the target."""

    @property
    def density(self) -> tuple[int, int]:
        """Count the weights that are kept, and all."""
        masks = (self.first_mask, self.second_mask)
        return sum(int(mask.sum()) for mask in masks), sum(mask.size for mask in masks)


def target_layers(module: nn.Module) -> list[Layer]:
    """Take a network of linear layers with ReLU between them apart. Raises ConstructionError for any other."""
    layers = []
    kinds = [child for child in module.modules() if not isinstance(child, nn.Sequential | nn.Flatten | nn.Dropout)]
    for position, child in enumerate(kinds):
        if not isinstance(child, nn.ReLU if position % 2 else nn.Linear) or len(kinds) % 2 == 0:
            raise ConstructionError(
                f"only linear layers with ReLU between them are approximated, not {type(child).__name__}: use 'lenet'"
            )
        if isinstance(child, nn.Linear):
            weight = child.weight.detach().cpu().double().numpy()
            bias = np.zeros(len(weight)) if child.bias is None else child.bias.detach().cpu().double().numpy()
            layers.append(Layer(weight, bias))
    return layers


def random_layers(
    inputs: int, outputs: int, units: int, positive: bool, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw two layers, uniform on [-1, 1], with `units` hidden units for each sign of each input and for the bias."""
    hidden = units * ((1 if positive else 2) * inputs + 1 + SPARE)
    return rng.uniform(-1, 1, (hidden, inputs + 1)), rng.uniform(-1, 1, (outputs, hidden))


def prune_to(layer: Layer, first: np.ndarray, second: np.ndarray, units: int, positive: bool) -> Gadget:
    """Prune two random layers to a layer of the target; `positive`: whether its inputs are never negative.

    Each input is served, for each sign, by `units` hidden units that serve no other: those with the largest weights of
    it. With small ones no subset would come near a large weight of the target.
    """
    wanted = np.column_stack([layer.weight, layer.bias])
    first_mask, second_mask = np.zeros(first.shape, dtype=bool), np.zeros(second.shape, dtype=bool)
    free, errors, bias = np.ones(len(first), dtype=bool), [], wanted.shape[1] - 1
    for column, weights in enumerate(wanted.T):
        for sign in (1,) if positive or column == bias else (1, -1):
            strength = np.where(free, sign * first[:, column], 0)
            serving = np.argsort(-strength, kind="stable")[:units]
            serving = serving[strength[serving] > 0]
            members, missed = _subsets(sign * first[serving, column] * second[:, serving], sign * weights)
            second_mask[:, serving] = members
            first_mask[serving, column] = members.any(axis=0)
            free[serving] = False
            errors.append(missed)
    return Gadget(first, second, first_mask, second_mask, np.concatenate(errors))


def _subsets(products: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest subsets for a few targets at a time."""
    pieces = -(-len(targets) * 2 ** products.shape[1] // PIECE)
    split = zip(np.array_split(products, pieces), np.array_split(targets, pieces), strict=True)
    members, errors = zip(*(nearest_subsets(*piece) for piece in split if len(piece[0])), strict=True)
    return np.concatenate(members), np.concatenate(errors)


def construct(target: Sequence[Layer], units: int, rng: np.random.Generator) -> list[Gadget]:
    """Prune a random network of twice as many layers to the target; inputs of all layers but the first are ReLUs'."""
    gadgets = []
    for depth, layer in enumerate(target):
        outputs, inputs = layer.weight.shape
        first, second = random_layers(inputs, outputs, units, depth > 0, rng)
        gadgets.append(prune_to(layer, first, layer.scale * second, units, depth > 0))
    return gadgets


def pruned_network(gadgets: Sequence[Gadget]) -> nn.Sequential:
    """Build the pruned random network, float64: what its masks prune is 0."""
    layers: list[nn.Module] = [nn.Flatten()]
    for gadget in gadgets:
        first, second = gadget.first * gadget.first_mask, gadget.second * gadget.second_mask
        layers += [_linear(first[:, :-1], first[:, -1]), nn.ReLU(), _linear(second, np.zeros(len(second))), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _linear(weight: np.ndarray, bias: np.ndarray) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.copy_(torch.from_numpy(bias))
    return layer


def prune_neurons(first: np.ndarray, second: np.ndarray, inputs: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Choose the hidden units (H,) of a random network whose sum is near a target's outputs (B, O) on inputs (B, D).

    What Malach et al. (section 4) set against pruning weights: kept units keep all of their weights, as random features
    do. Units are added or taken away one by one, whichever brings the squared error down most, until no other one does.
    """
    features = np.maximum(inputs @ first[:, :-1].T + first[:, -1], 0)
    gains = 2 * np.einsum("bo,bh,oh->h", outputs, features, second, optimize=True)
    # Of unit j, f_j b_j. Products are computed for the unit that changes: those of all pairs would fill gigabytes.
    size = (features**2).sum(axis=0) * (second**2).sum(axis=0)
    overlap = np.zeros(len(first))  # with what is kept
    kept = np.zeros(len(first), dtype=bool)
    for _ in range(4 * len(kept)):
        changes = np.where(kept, gains - 2 * overlap + size, 2 * overlap + size - gains)
        best = int(changes.argmin())
        if changes[best] >= 0:
            break
        products = (features[:, best] @ features) * (second[:, best] @ second)
        overlap += -products if kept[best] else products
        kept[best] = not kept[best]
    return kept


def neuron_network(first: np.ndarray, second: np.ndarray, kept: np.ndarray) -> nn.Sequential:
    """Build a random network of one hidden layer with the units that are kept, float64."""
    hidden = _linear(first[kept, :-1], first[kept, -1])
    return nn.Sequential(nn.Flatten(), hidden, nn.ReLU(), _linear(second[:, kept], np.zeros(len(second))))
