"""The evolution of weight-agnostic networks: topologies, their outputs, mutations, ranking."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from lth_core.analysis.evolution import champion, crowding, first_generation, next_generation, pareto_fronts, ranking
from lth_core.analysis.shared_weights import SharedWeights
from lth_core.analysis.topologies import (
    FUNCTIONS,
    Topology,
    add_connection,
    change_function,
    insert_node,
    minimal,
    mutate,
)
from lth_core.config import Evolution

VALUES = {
    "linear": lambda x: x,
    "step": lambda x: float(x > 0),
    "sine": lambda x: math.sin(math.pi * x),
    "gaussian": lambda x: math.exp(-(x**2) / 2),
    "tanh": math.tanh,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "inverse": lambda x: -x,
    "absolute": abs,
    "relu": lambda x: max(x, 0.0),
    "cosine": lambda x: math.cos(math.pi * x),
}


def grown(rng: np.random.Generator, mutations: int = 80) -> Topology:
    topology = minimal(4, 3, 0.4, rng)
    for _ in range(mutations):
        topology = mutate(topology, rng)
    return topology


def by_hand(topology: Topology, weight: float, inputs: np.ndarray) -> list[float]:
    """The outputs of one example, node by node."""
    values = dict(enumerate([*inputs.tolist(), 1.0]))
    for node in sorted(range(topology.fixed, topology.nodes), key=topology.depth):
        total = sum(values[source] for source, target in topology.connections if target == node)
        values[node] = VALUES[FUNCTIONS[topology.functions[node - topology.fixed]]](weight * total)
    return [values[topology.fixed + output] for output in range(topology.outputs)]


@pytest.mark.parametrize("shared", [True, False])
def test_outputs_are_those_of_one_node_after_the_other(shared: bool) -> None:
    rng = np.random.default_rng(0)
    topologies, weights = [grown(rng) for _ in range(5)], [-2.0, 0.5, 1.0]
    inputs = rng.normal(size=(1 if shared else 15, 6, 4)).astype(np.float32)
    outputs = SharedWeights(topologies, weights)(inputs)
    assert outputs.shape == (15, 6, 3)
    for network in range(15):
        for example in range(6):
            seen = inputs[0 if shared else network, example]
            wanted = by_hand(topologies[network // 3], weights[network % 3], seen)
            assert outputs[network, example] == pytest.approx(wanted, abs=1e-9)


def test_mutations_keep_connections_forward_and_single() -> None:
    rng = np.random.default_rng(1)
    for _ in range(10):
        topology = grown(rng, 150)
        assert topology.nodes > topology.fixed + 3
        assert all(topology.depth(source) < topology.depth(target) for source, target in topology.connections)
        assert len(set(topology.connections)) == len(topology.connections)
        assert Topology.from_json(json.loads(json.dumps(topology.as_json()))) == topology


def test_each_mutation_changes_one_thing() -> None:
    rng = np.random.default_rng(2)
    before = grown(rng, 10)
    split = insert_node(before, rng)
    assert split.nodes == before.nodes + 1 and len(split.connections) == len(before.connections) + 1
    (removed,) = set(before.connections) - set(split.connections)
    assert set(split.connections) - set(before.connections) == {(removed[0], before.nodes), (before.nodes, removed[1])}
    joined = add_connection(before, rng)
    assert len(joined.connections) == len(before.connections) + 1 and joined.functions == before.functions
    changed = change_function(before, rng)
    assert sum(a != b for a, b in zip(before.functions, changed.functions, strict=True)) == 1
    assert changed.connections == before.connections


def test_what_cannot_be_mutated_stays_as_it_is() -> None:
    rng = np.random.default_rng(0)
    empty, full = minimal(2, 1, 1e-9, rng), minimal(2, 1, 1.0, rng)
    assert insert_node(empty, rng) == empty and add_connection(full, rng) == full


def test_fronts_hold_what_nothing_on_them_is_better_than() -> None:
    goals = np.array([[3, 1], [1, 3], [2, 2], [1, 1], [2, 1], [0, 0], [3, 1]])
    assert pareto_fronts(goals).tolist() == [0, 0, 0, 2, 1, 3, 0]


def test_lonely_points_of_a_front_come_first() -> None:
    goals = np.array([[0.0, 10.0], [1.0, 9.0], [2.0, 8.0], [9.0, 1.0], [10.0, 0.0]])
    distances = crowding(goals, np.zeros(5, dtype=int))
    assert np.isinf(distances[[0, 4]]).all() and distances[3] > distances[1]


def test_the_middle_of_a_front_comes_after_its_ends() -> None:
    rng = np.random.default_rng(0)
    topologies = [minimal(4, 3, 0.5, rng)] * 3
    between = np.array([[0.5, 8.6], [0.0, 9.0], [4.5, 4.7]])  # means 4.55, 4.5, 4.6: the first lies between the others
    assert ranking(topologies, between, by_connections=False)[2] == 0


def test_fewer_connections_or_the_best_weight_decide_between_equal_means() -> None:
    rng = np.random.default_rng(0)
    small, large = minimal(4, 3, 0.2, rng), minimal(4, 3, 1.0, rng)
    performances = np.array([[0.0, 1.0], [0.5, 0.5]])
    assert ranking([large, small], performances, by_connections=True).tolist() == [1, 0]
    assert ranking([large, small], performances, by_connections=False).tolist() == [0, 1]
    assert champion([large, small], {"validation": performances}) == 1


def test_the_best_go_on_as_they_are_and_everything_follows_from_the_seed() -> None:
    settings = Evolution(population=10, connected=0.5)
    first = first_generation(4, 3, settings, seed=7)
    assert first == first_generation(4, 3, settings, seed=7) != first_generation(4, 3, settings, seed=8)
    performances = np.linspace(0, 1, 10)[:, None].repeat(2, axis=1)
    second = next_generation(first, performances, seed=7, step=0)
    assert len(second) == 10 and first[9] in second[:2]
    assert second == next_generation(first, performances, seed=7, step=0)
    assert second != next_generation(first, performances, seed=7, step=1)
