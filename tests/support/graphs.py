"""A small graph of three communities, for tests of what works on graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from lth_core.config import Recipe
from lth_core.data.graphs import Graph
from lth_core.data.stored import GraphTensors, StoredGraph
from lth_core.runtime.shares import ALONE, Share
from lth_core.tasks.base import Task
from lth_core.tasks.opening import build_task

RECIPE = {
    "optimizer": {"name": "adam", "learning_rate": 0.05},
    "batch_size": 6,
    "steps": 4,
    "evaluate_every": 4,
}


def communities(**changes: Any) -> Graph:
    """Make 24 nodes of 3 classes in turn, most edges within a class, with noisy features: 6, 6 and 12 nodes a split."""
    rng = np.random.default_rng(0)
    labels = np.arange(24) % 3
    same = [(node, node + 3) for node in range(21)] + [(node, node + 6) for node in range(18)]
    parts: dict[str, Any] = {
        "features": rng.normal(size=(24, 5)) + labels[:, None] * (rng.random((24, 5)) < 0.5),
        "edges": np.array([*same, (0, 1), (10, 14)]),
        "labels": labels,
        "train": np.arange(6),
        "validation": np.arange(6, 12),
        "test": np.arange(12, 24),
        "classes": 3,
        "source": "three communities",
    }
    return Graph(**parts | changes)


def tensors(graph: Graph | None = None) -> GraphTensors:
    """Return what networks are built of."""
    graph = graph or communities()
    return GraphTensors(torch.from_numpy(graph.features), torch.from_numpy(graph.edges))


def stored(share: Share = ALONE) -> StoredGraph:
    """Return the graph as a task reads it."""
    graph = communities()
    arrays = {name: torch.from_numpy(value) for name, value in graph.tensors().items()}
    return StoredGraph(arrays, graph.facts(), torch.device("cpu"), share)


def task(module: nn.Module, share: Share = ALONE, **recipe: Any) -> Task:
    """Put a module on the graph."""
    return build_task(module, stored(share), Recipe.model_validate(RECIPE | recipe), torch.device("cpu"))
