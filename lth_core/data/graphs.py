"""Graphs as data: nodes with features, the undirected edges between them, and the classes of nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lth_core.data.splits import SPLITS, DataError
from lth_core.metrics import counted

UNLABELLED = -1
"""The label of a node whose class is not known, or not to be used."""


@dataclass(frozen=True)
class Graph:
    """One undirected graph of N nodes, some of which are the examples of three splits. `source` says what it is.

    Networks see all nodes and edges in every step, but the labels of the training nodes alone (transductive learning,
    Kipf & Welling 2017). Every edge is kept once, its lower node first, in rising order: an edge that is given twice,
    or in both directions, counts once. Edges from a node to itself are left out, because networks add these. Raises
    DataError for what does not fit together.
    """

    features: np.ndarray
    """(N, D) numbers, as networks see them."""
    edges: np.ndarray
    """(E, 2) numbers of nodes, from 0."""
    labels: np.ndarray
    """(N,) classes from 0, and UNLABELLED where a node is in no split."""
    train: np.ndarray
    """The numbers of the training nodes; no node is in two splits."""
    validation: np.ndarray
    test: np.ndarray
    classes: int
    source: str
    kind: ClassVar[str] = "graph"

    def __post_init__(self) -> None:
        for name in ("features", "edges", "labels", *SPLITS):
            try:
                object.__setattr__(self, name, np.asarray(getattr(self, name)))
            except (ValueError, TypeError, RuntimeError) as error:  # rows of several lengths, a tensor of a GPU
                reason = " ".join(str(error).split())
                raise DataError(f"{self.source}: {name} must be one array of numbers ({reason})") from error
        if problem := self._problem() or self._problem_of_splits():
            raise DataError(f"{self.source}: {problem}")
        object.__setattr__(self, "features", self.features.astype(np.float32))
        object.__setattr__(self, "edges", undirected(self.edges))
        for name in ("labels", *SPLITS):
            object.__setattr__(self, name, getattr(self, name).astype(np.int64))

    def _problem(self) -> str | None:
        features, edges, labels = self.features, self.edges, self.labels
        if features.ndim != 2 or not features.size or features.dtype.kind not in "biuf":
            return f"features must be numbers (N, D), not {features.dtype} of shape {features.shape}"
        if not np.isfinite(features).all():
            return "has features that are not finite numbers"
        if edges.ndim != 2 or edges.shape[1] != 2 or edges.dtype.kind not in "iu":
            return f"edges must be pairs of nodes (E, 2), not {edges.dtype} of shape {edges.shape}"
        if not len(undirected(edges)):
            return "has no edge between two nodes"
        if edges.min() < 0 or edges.max() >= len(features):
            return f"has edges of nodes {edges.min()}..{edges.max()}, but its nodes are 0..{len(features) - 1}"
        if labels.shape != (len(features),) or labels.dtype.kind not in "iu":
            nodes = counted(len(features), "nodes")
            return f"needs an integer label for each of its {nodes}, not {labels.dtype} {labels.shape}"
        return None

    def _problem_of_splits(self) -> str | None:
        last = len(self.features) - 1
        for name in SPLITS:
            nodes = getattr(self, name)
            if nodes.ndim != 1 or not nodes.size or nodes.dtype.kind not in "iu":
                return f"the {name} split must be numbers of nodes, not {nodes.dtype} of shape {nodes.shape}"
            if nodes.min() < 0 or nodes.max() > last:
                return f"the {name} split has nodes {nodes.min()}..{nodes.max()}, but there are 0..{last}"
            labels = self.labels[nodes]
            if labels.min() < 0 or labels.max() >= self.classes:
                what = f"labels {labels.min()}..{labels.max()}"
                return f"the {name} split has {what}, but {self.classes} classes are labelled 0..{self.classes - 1}"
        nodes, counts = np.unique(np.concatenate([getattr(self, name) for name in SPLITS]), return_counts=True)
        return f"node {nodes[counts > 1][0]} is in a split twice, or in two" if counts.max() > 1 else None

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays of the data file: features (N, D), edges (E, 2), labels (N,) and {split}_nodes."""
        nodes = {f"{name}_nodes": getattr(self, name) for name in SPLITS}
        return {"features": self.features, "edges": self.edges, "labels": self.labels, **nodes}

    def facts(self) -> dict[str, Any]:
        """Return the header of the data file; `nodes`, `edges` and `features` are their numbers."""
        nodes, features = self.features.shape
        counts = {"nodes": nodes, "edges": len(self.edges), "features": features, "classes": int(self.classes)}
        return {"kind": self.kind, "source": self.source, **counts}


def undirected(edges: np.ndarray) -> np.ndarray:
    """Return the edges (E, 2) between two nodes, each once: the lower node first, in rising order, int64."""
    pairs = np.unique(np.sort(edges.astype(np.int64), axis=1), axis=0)
    return pairs[pairs[:, 0] != pairs[:, 1]]
