"""Topologies of weight-agnostic networks: nodes with a function each, connections without weights, and mutations.

Gaier & Ha 2019 (arXiv 1906.04358), section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

FUNCTIONS = ("linear", "step", "sine", "gaussian", "tanh", "sigmoid", "inverse", "absolute", "relu", "cosine")
"""What nodes may compute, by number."""
MUTATIONS = {"insert_node": 0.25, "add_connection": 0.25, "change_function": 0.5}
"""The three mutations, and how often each is tried."""


@dataclass(frozen=True)
class Topology:
    """A network of nodes: `inputs` of them, one that is always 1, `outputs`, then those that were inserted.

    Connections lead from a node of a lower depth to one of a higher depth, so there is no circle: inputs have depth 0,
    outputs depth 1, and a node that is inserted the mean of the two between which it is.
    """

    inputs: int
    outputs: int
    functions: tuple[int, ...]
    """Of each node that is no input."""
    depths: tuple[float, ...]
    """Of each node that is no input."""
    connections: tuple[tuple[int, int], ...]
    """Source and target of each connection."""

    @property
    def fixed(self) -> int:
        """Count the inputs, and the node that is always 1."""
        return self.inputs + 1

    @property
    def nodes(self) -> int:
        """Count all nodes."""
        return self.fixed + len(self.functions)

    def depth(self, node: int) -> float:
        """Return how deep a node is."""
        return self.depths[node - self.fixed] if node >= self.fixed else 0.0

    def as_json(self) -> dict[str, Any]:
        """Return what JSON can hold of it."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Topology:
        """Read what `as_json` returned."""
        lists = {name: tuple(fields[name]) for name in ("functions", "depths")}
        connections = tuple((source, target) for source, target in fields["connections"])
        return cls(fields["inputs"], fields["outputs"], **lists, connections=connections)


def minimal(inputs: int, outputs: int, connected: float, rng: np.random.Generator) -> Topology:
    """Connect inputs with outputs, each pair with a probability; there are no other nodes."""
    drawn = rng.random((inputs + 1, outputs)) < connected
    connections = tuple((int(source), int(inputs + 1 + output)) for source, output in np.argwhere(drawn))
    return Topology(inputs, outputs, (0,) * outputs, (1.0,) * outputs, connections)


def mutate(topology: Topology, rng: np.random.Generator) -> Topology:
    """Change a topology by one mutation; one that is not possible leaves it as it is."""
    name = rng.choice(list(MUTATIONS), p=list(MUTATIONS.values()))
    return {"insert_node": insert_node, "add_connection": add_connection, "change_function": change_function}[name](
        topology, rng
    )


def insert_node(topology: Topology, rng: np.random.Generator) -> Topology:
    """Split a connection: a node with a random function is inserted into it."""
    if not topology.connections:
        return topology
    position = int(rng.integers(len(topology.connections)))
    source, target = topology.connections[position]
    low, high = topology.depth(source), topology.depth(target)
    depth = (low + high) / 2
    if not low < depth < high:  # no number is between them
        return topology
    others = topology.connections[:position] + topology.connections[position + 1 :]
    return replace(
        topology,
        functions=(*topology.functions, int(rng.integers(len(FUNCTIONS)))),
        depths=(*topology.depths, depth),
        connections=(*others, (source, topology.nodes), (topology.nodes, target)),
    )


def add_connection(topology: Topology, rng: np.random.Generator) -> Topology:
    """Connect two nodes that are not connected, the second deeper than the first."""
    depths = np.array([0.0] * topology.fixed + list(topology.depths))
    possible = depths[:, None] < depths[None, :]
    for source, target in topology.connections:
        possible[source, target] = False
    pairs = np.argwhere(possible)
    if not len(pairs):
        return topology
    source, target = pairs[rng.integers(len(pairs))]
    return replace(topology, connections=(*topology.connections, (int(source), int(target))))


def change_function(topology: Topology, rng: np.random.Generator) -> Topology:
    """Give a node, which is no input, another function."""
    node = int(rng.integers(len(topology.functions)))
    function = (topology.functions[node] + int(rng.integers(1, len(FUNCTIONS)))) % len(FUNCTIONS)
    return replace(topology, functions=(*topology.functions[:node], function, *topology.functions[node + 1 :]))
