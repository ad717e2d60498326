"""What it costs to find a mask and to train its ticket, in floating-point operations of one replicate.

The convention of Gale et al. 2019 and Evci et al. 2020 (appendix): a training step costs three forward passes (one, and
two products of the backward pass), a forward pass two operations per weight that is kept and use of it. What no weight
takes part in counts as measured; biases, normalization, activations and optimizers do not count. It is what sparse
hardware would do, and no statement of time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

GRADIENT = 3
"""Forward passes that a gradient by weights costs: one, and two for the backward pass."""

Counts = Mapping[str, float]
"""Weights that are kept, by layer; layers that a method does not prune need not be named."""


@dataclass(frozen=True)
class Network:
    """What a forward pass of one example costs a network."""

    weights: Mapping[str, int]
    """Weights by layer."""
    per_weight: Mapping[str, float]
    """Operations of each weight of a layer."""
    others: float = 0.0
    """Operations without a prunable weight, such as those of attention."""

    def forward(self, kept: Counts) -> float:
        """Count the operations of a forward pass with the weights of a mask."""
        return self.others + sum(self.per_weight[name] * kept.get(name, count) for name, count in self.weights.items())

    @property
    def dense(self) -> float:
        """Count the operations of a forward pass with all weights."""
        return self.forward({})


def step(network: Network, kept: Counts) -> float:
    """Count the operations of a training step, per example."""
    return GRADIENT * network.forward(kept)


def scored_step(network: Network, kept: Counts) -> float:
    """Count the operations of a step that learns scores of weights which stay as they are, per example.

    It costs 2 f_S + f_D, as with a dense gradient (Evci et al. 2020, appendix): a forward pass and the gradient by
    activations with the weights that are kept, and the gradient by the scores of all; layers that are not pruned have
    no scores.
    """
    without_scores = {name: 0 for name in network.weights if name not in kept}
    return 2 * network.forward(kept) + network.forward(without_scores)


def levels_before(network: Network, masks: Iterable[Counts], steps: int) -> float:
    """Count the operations of training the tickets of earlier levels for `steps` each, per example of a batch."""
    return sum(steps * step(network, kept) for kept in masks)


@dataclass(frozen=True)
class Period:
    """Steps of a training between two changes of its mask."""

    steps: int
    """Steps from a change to the next one; none where a mask changes at once."""
    density: float
    """The density of the whole mask."""
    dense_gradient: bool = False
    """Whether the change took the gradient by all weights, in the position of its step."""


def changing(network: Network, last: Counts, periods: Sequence[Period]) -> float:
    """Count the operations of a training whose mask changes, per example of a batch.

    `last` counts its final mask. Of masks of another density every layer is taken to have lost the same part of what it
    loses in all, as in gradual pruning of each layer. A step that is given to a dense gradient costs 2 f_S + f_D, one
    forward pass, the gradient by activations and the dense one by weights (Evci et al. 2020, appendix).
    """
    total = 0.0
    for period in periods:
        kept = between(network, last, period.density)
        sparse = network.forward(kept)
        taken = 2 * sparse + network.dense if period.dense_gradient else 0.0
        total += taken + (period.steps - period.dense_gradient) * GRADIENT * sparse
    return total


def between(network: Network, last: Counts, density: float) -> dict[str, float]:
    """Interpolate the weights of each layer between the dense network and a mask, to a density of the masked layers."""
    everything = sum(network.weights[name] for name in last)
    lost = everything - sum(last.values())
    part = (1 - density) * everything / lost if lost else 0.0
    return {name: network.weights[name] - part * (network.weights[name] - count) for name, count in last.items()}


def scoring(
    network: Network, first: Counts, last: Counts, rounds: int, passes: float, spacing: str = "exponential"
) -> float:
    """Count the operations of all rounds of scores from one mask to another, per example that is scored.

    `passes`: forward passes that the scores of one example cost. Round n scores what round n - 1 left.
    """
    total = 0.0
    for done in range(rounds):
        kept = {name: _after(first[name], count, done / rounds, spacing) for name, count in last.items()}
        total += passes * network.forward(kept)
    return total


def _after(first: float, last: float, part: float, spacing: str) -> float:
    """The weights of a layer that are left after a part of the rounds."""
    if spacing == "linear" or not last:
        return first + part * (last - first)
    return first * (last / first) ** part if first else 0.0
