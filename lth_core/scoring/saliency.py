"""Synaptic saliency S = (dR/dw) w at theta_0, and its conservation (Tanaka et al. 2020, sections 4 and 5).

Where a network's activations are homogeneous and R is a function of its outputs, what a hidden unit's incoming weights
and its bias have together equals what its outgoing weights have; so all layers have the same sum, and weights of large
layers have little each. The functions here see one replicate; numbers are float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from lth_core.pruning.probe import Probe
from lth_core.pruning.structured import Consumers

EXAMPLES_PER_CLASS, BATCH_SIZE = 10, 256
TEMPERATURE = 200.0
"""Of the outputs, where GraSP computes its gradients (Wang et al. 2020, section 4)."""

Saliency = dict[str, Tensor]
"""S of every parameter, by name."""


def magnitude(probe: Probe) -> Saliency:
    """Compute |w|, which is no saliency: the score that nothing conserves."""
    return {name: weight.abs() for name, weight in probe.weights.items()}


def snip(probe: Probe) -> Saliency:
    """Compute w g with its sign, where g is the gradient of the loss, summed over batches."""
    leaves = _leaves(probe.weights)
    loss = sum(probe.loss(leaves, batch) for batch in probe.batches(EXAMPLES_PER_CLASS, BATCH_SIZE))
    return _times_weights(torch.as_tensor(loss), leaves)


def grasp(probe: Probe) -> Saliency:
    """Compute w H g with its sign: R is the product of the gradient with itself, held constant once."""
    leaves, total = _leaves(probe.weights), 0.0
    for batch in probe.batches(EXAMPLES_PER_CLASS, BATCH_SIZE):
        loss = probe.loss(leaves, batch, TEMPERATURE)
        gradient = torch.autograd.grad(loss, [*leaves.values()], create_graph=True, materialize_grads=True)
        total = total + sum((slope.detach() * slope).sum() for slope in gradient)
    return _times_weights(torch.as_tensor(total), leaves)


def synflow(probe: Probe) -> Saliency:
    """Compute |w| dR/d|w|, where R is the sum of outputs on inputs of 1, of absolute weights."""
    leaves = _leaves({name: weight.abs() for name, weight in probe.weights.items()})
    return _times_weights(probe.outputs(leaves, probe.inputs_of_ones()).sum(), leaves)


SCORES: dict[str, Callable[[Probe], Saliency]] = {
    "magnitude": magnitude,
    "snip": snip,
    "grasp": grasp,
    "synflow": synflow,
}


class Sums(NamedTuple):
    """Sums of one score over a layer. `unit_difference` is the largest difference between a unit's sides."""

    layer: str
    size: int
    total: float
    """Of all weights of the layer."""
    absolute: float
    """Of their absolute values."""
    unit_difference: float
    """Of what comes in and goes out, as a part of the largest of either; nan where no single layer reads the units."""


def sums(saliency: Mapping[str, Tensor], layers: Mapping[str, str], consumers: Consumers) -> Iterator[Sums]:
    """Sum a saliency over every layer, and compare both sides of its hidden units.

    `consumers` maps the weights whose units one layer reads to that one, and the columns of each unit in it.
    """
    for name in layers:
        score = saliency[name]
        difference = float("nan")
        if name in consumers:
            difference = unit_difference(saliency, name, *consumers[name])
        yield Sums(name, score.numel(), float(score.sum()), float(score.abs().sum()), difference)


def unit_difference(saliency: Mapping[str, Tensor], name: str, consumer: str, columns: int) -> float:
    """Return the largest difference between the sums of incoming and outgoing weights of a layer's units.

    A bias counts as incoming. The difference is a part of the largest sum of a unit; 0 where all are 0.
    """
    incoming = saliency[name].flatten(1).sum(dim=1)
    bias = f"{name.removesuffix('weight')}bias"
    if bias != name and bias in saliency:
        incoming = incoming + saliency[bias]
    outgoing = saliency[consumer].transpose(0, 1).flatten(1).sum(dim=1).reshape(-1, columns).sum(dim=1)
    largest = torch.maximum(incoming.abs(), outgoing.abs()).max()
    return float((incoming - outgoing).abs().max() / largest) if largest > 0 else 0.0


def _leaves(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: weight.detach().requires_grad_() for name, weight in weights.items()}


def _times_weights(value: Tensor, leaves: Mapping[str, Tensor]) -> Saliency:
    """The derivative of a value by every leaf, times the leaf."""
    slopes = torch.autograd.grad(value, [*leaves.values()], materialize_grads=True)
    return {name: leaf.detach() * slope for (name, leaf), slope in zip(leaves.items(), slopes, strict=True)}
