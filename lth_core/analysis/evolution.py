"""The evolution of weight-agnostic networks (Gaier & Ha 2019, arXiv 1906.04358, section 3).

Topologies are measured with several weights that all of their connections share, ranked by what they reach and by their
number of connections, and the better ones get mutated offspring. No weight is trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lth_core.analysis.topologies import Topology, minimal, mutate
from lth_core.config import Evolution
from lth_core.randomness import random_generator
from lth_core.training.resume import State

BY_CONNECTIONS = 0.8
"""How often the number of connections counts besides the mean; otherwise the best performance does."""
KEPT, LEFT_OUT, TOURNAMENT = 0.2, 0.2, 4
"""Parts of a generation that go on as they are, and that have no offspring; parents are the best of that many."""


@dataclass
class Search(State):
    """An evolution in progress for one seed after another: `step` counts generations of all seeds."""

    step: int = 0
    history: list[Any] = field(default_factory=list)
    """One row for each generation."""
    measured: list[Any] = field(default_factory=list)
    """The rows of seeds whose evolution has ended."""
    population: list[Any] = field(default_factory=list)
    """The topologies of the present generation, as JSON."""

    def rows(self) -> dict[str, list[Any]]:
        """Return all rows so far, by the attribute that holds them."""
        return {"history": self.history, "measured": self.measured, "population": self.population}

    @property
    def topologies(self) -> list[Topology]:
        """The present generation."""
        return [Topology.from_json(fields) for fields in self.population]

    @topologies.setter
    def topologies(self, topologies: Sequence[Topology]) -> None:
        self.population = [topology.as_json() for topology in topologies]


def first_generation(inputs: int, outputs: int, settings: Evolution, seed: int) -> list[Topology]:
    """Draw topologies of inputs and outputs alone."""
    rng = random_generator(seed, "evolution", "first generation")
    return [minimal(inputs, outputs, settings.connected, rng) for _ in range(settings.population)]


def next_generation(topologies: Sequence[Topology], performances: np.ndarray, seed: int, step: int) -> list[Topology]:
    """Let the best go on, and the better ones have offspring; `performances` (P, weights) are better if higher."""
    rng = random_generator(seed, "evolution", step)
    order = ranking(topologies, performances, by_connections=bool(rng.random() < BY_CONNECTIONS))
    kept = [topologies[index] for index in order[: max(1, round(KEPT * len(order)))]]
    parents = order[: max(1, round((1 - LEFT_OUT) * len(order)))]
    offspring = []
    for _ in range(len(order) - len(kept)):
        best = int(rng.integers(len(parents), size=TOURNAMENT).min())  # parents are in order
        offspring.append(mutate(topologies[parents[best]], rng))
    return [*kept, *offspring]


def ranking(topologies: Sequence[Topology], performances: np.ndarray, by_connections: bool) -> np.ndarray:
    """Order topologies from the best: by their Pareto front, and within one by how lonely they are on it.

    The mean performance counts, and either the number of connections or the best performance. Fronts and distances on
    them are those of NSGA-II (Deb et al. 2002).
    """
    connections = np.array([-len(topology.connections) for topology in topologies], dtype=np.float64)
    second = connections if by_connections else performances.max(axis=1)
    goals = np.column_stack([performances.mean(axis=1), second])
    fronts = pareto_fronts(goals)
    return np.lexsort((-crowding(goals, fronts), fronts))


def pareto_fronts(goals: np.ndarray) -> np.ndarray:
    """Number the Pareto fronts (N,) of points (N, goals): 0 where no other is at least as high in all and better."""
    differences = goals[:, None] - goals[None]
    dominates = np.logical_and(differences.min(axis=-1) >= 0, differences.max(axis=-1) > 0)
    fronts, number = np.full(len(goals), -1), 0
    while (fronts < 0).any():
        left = fronts < 0
        fronts[left & ~dominates[left].any(axis=0)] = number
        number += 1
    return fronts


def crowding(goals: np.ndarray, fronts: np.ndarray) -> np.ndarray:
    """Return how far the neighbours of each point on its front are from each other (N,); infinite at the ends."""
    distances = np.zeros(len(goals))
    for front in np.unique(fronts):
        members = np.flatnonzero(fronts == front)
        for goal in goals[members].T:
            order = np.argsort(goal, kind="stable")
            span = (goal[order[-1]] - goal[order[0]]) or 1.0
            distances[members[order[1:-1]]] += (goal[order[2:]] - goal[order[:-2]]) / span
            distances[members[order[[0, -1]]]] = np.inf
    return distances


def champion(topologies: Sequence[Topology], performances: Mapping[str, np.ndarray]) -> int:
    """Return the position of the topology with the highest mean performance on validation data; of equals, the smaller.

    `performances`: split -> (P, weights).
    """
    means = performances["validation"].mean(axis=1)
    return min(range(len(topologies)), key=lambda index: (-means[index], len(topologies[index].connections)))
