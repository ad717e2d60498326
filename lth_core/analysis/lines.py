"""The networks on a straight line between two: their weights, their outputs on a batch, what they are measured by."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lth_core.engine.cohort import Cohort
from lth_core.engine.linear_network import LinearNetwork, linear
from lth_core.models.tensors import call
from lth_core.tasks.base import Task

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Line:
    """The networks (1 - alpha) first + alpha second of one replicate at the points `alphas`, on the task's device."""

    first: Weights
    second: Weights
    alphas: Sequence[float]

    def at(self, alpha: float) -> Weights:
        """Return the network at a point: parameters and float buffers interpolated, integer buffers of the first."""
        return {name: self.value(name, alpha) for name in self.first}

    def value(self, name: str, alpha: float) -> Tensor:
        """Return one tensor of the network at a point."""
        first = self.first[name]
        return torch.lerp(first, self.second[name], alpha) if first.is_floating_point() else first


def outputs_along(task: Task, line: Line, inputs: Tensor, statistics: Sequence[Weights] | None) -> Iterator[Tensor]:
    """Compute the outputs of the network at every point; `statistics` are buffers to use instead of its values."""
    for point, alpha in enumerate(line.alphas):
        buffers = statistics[point] if statistics else {}
        yield call(task.module, {**line.at(alpha), **buffers}, inputs.clone())  # which it may change


def linear_outputs(network: LinearNetwork, line: Line, inputs: Tensor) -> Iterator[Tensor]:
    """Compute the same as `outputs_along`, but much faster.

    The first layer is linear in its weights too, so that its values can be computed for the ends and
    interpolated. It has most of the weights.
    """
    inputs = inputs.flatten(1)
    weight, bias = network.layers[0]
    first, second = (linear(inputs, end[weight], end[bias] if bias else None) for end in (line.first, line.second))
    others = LinearNetwork(network.layers[1:])
    names = [name for layer in others.layers for name in layer if name]
    for alpha in line.alphas:
        values = torch.lerp(first, second, alpha)
        if others.layers:
            values = others.activations({name: line.value(name, alpha) for name in names}, values.relu_())[-1]
        yield values


def of_policies(task: Task, line: Line, split: str, statistics: Sequence[Weights] | None) -> Tensor:
    """Measure the policy at every point on the split's episodes: loss, metric and no predictions (3, points)."""
    networks = [line.at(alpha) | (statistics[point] if statistics else {}) for point, alpha in enumerate(line.alphas)]
    weights = {name: torch.stack([network[name] for network in networks]) for name in networks[0]}
    measured = Cohort(task, weights).evaluate(split)
    unpredicted = [math.nan] * len(networks)
    rows = [measured["loss"], measured[task.metrics[0].name], unpredicted]
    return torch.tensor(rows, dtype=torch.float64, device=task.device)
