"""The outputs of networks whose connections all share one weight, for many networks and weights at a time."""

# numba calls the compiled function in another way than it is written.
# pyright: reportCallIssue=false
from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lth_core.analysis.topologies import Topology
from lth_core.engine.instructions import compiled

OUTPUTS_OF = "void(f4[:, :, ::1], f8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[::1], f8[:, :, ::1])"


class SharedWeights:
    """Topologies (P) with each of several weights (S): P x S networks, those of one topology side by side."""

    def __init__(self, topologies: Sequence[Topology], weights: Sequence[float]):
        self.weights = np.array(weights, dtype=np.float64)
        self.size = len(topologies) * len(weights)
        self.inputs, self.outputs = topologies[0].inputs, topologies[0].outputs
        flat = [_in_order(topology) for topology in topologies]
        counts = [len(nodes) for nodes, _, _, _ in flat]
        self._arrays = (
            np.cumsum([0, *counts]),  # where a topology's nodes begin
            np.concatenate([nodes for nodes, _, _, _ in flat]),
            np.concatenate([functions for _, functions, _, _ in flat]),
            np.cumsum([0, *np.concatenate([lengths for _, _, lengths, _ in flat])]),  # where a node's sources begin
            np.concatenate([sources for _, _, _, sources in flat]),
            np.array([self.inputs, self.outputs, max(topology.nodes for topology in topologies)]),
        )

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Compute the outputs (P x S, B, outputs) of inputs (P x S, B, inputs), or (1, B, inputs) for all."""
        outputs = np.empty((self.size, inputs.shape[1], self.outputs))
        _outputs_of(np.ascontiguousarray(inputs, dtype=np.float32), self.weights, *self._arrays, outputs)
        return outputs


def _in_order(topology: Topology) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The nodes that are no inputs, from the lowest depth, their functions, how many sources each has, and these."""
    order = sorted(range(topology.fixed, topology.nodes), key=lambda node: (topology.depth(node), node))
    sources: dict[int, list[int]] = {node: [] for node in order}
    for source, target in topology.connections:
        sources[target].append(source)
    functions = [topology.functions[node - topology.fixed] for node in order]
    lengths = [len(sources[node]) for node in order]
    flat = [source for node in order for source in sources[node]]
    order, functions, lengths, flat = (np.array(values, dtype=np.int64) for values in (order, functions, lengths, flat))
    return order, functions, lengths, flat


@compiled("f8(i8, f8)")
def activation(function, x):
    """Compute a function of `topologies.FUNCTIONS`, by its number."""
    if function == 1:
        return 1.0 if x > 0 else 0.0
    if function == 2:
        return math.sin(math.pi * x)
    if function == 3:
        return math.exp(-x * x / 2)
    if function == 4:
        return math.tanh(x)
    if function == 5:
        return (math.tanh(x / 2) + 1) / 2
    if function == 6:
        return -x
    if function == 7:
        return abs(x)
    if function == 8:
        return max(x, 0.0)
    if function == 9:
        return math.cos(math.pi * x)
    return x


@compiled(OUTPUTS_OF)
def _outputs_of(inputs, weights, firsts, nodes, functions, starts, sources, sizes, outputs):
    features, examples = sizes[0], inputs.shape[1]
    values = np.empty((sizes[2], examples))
    for network in range(outputs.shape[0]):
        seen = inputs[network if inputs.shape[0] > 1 else 0]
        for feature in range(features):
            for example in range(examples):
                values[feature, example] = seen[example, feature]
        values[features] = 1.0
        topology, weight = network // len(weights), weights[network % len(weights)]
        for index in range(firsts[topology], firsts[topology + 1]):
            node = values[nodes[index]]
            node[:] = 0.0
            for edge in range(starts[index], starts[index + 1]):
                source = values[sources[edge]]
                for example in range(examples):
                    node[example] += source[example]
            for example in range(examples):
                node[example] = activation(functions[index], weight * node[example])
        for output in range(sizes[1]):
            for example in range(examples):
                outputs[network, example, output] = values[features + 1 + output, example]
