"""Planetoid: the citation graphs Cora, Citeseer and PubMed in the files that Yang et al. 2016 published."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lth_core.data.downloads import find_or_fetch
from lth_core.data.graphs import UNLABELLED, Graph
from lth_core.data.opcodes import read_pickled
from lth_core.data.splits import DataError
from lth_core.metrics import counted
from lth_core.registry import dataset

VALIDATION = 500
"""The nodes after the training nodes that are for validation (Kipf & Welling 2017, section 5.1)."""
PARTS = ("x", "tx", "allx", "y", "ty", "ally", "graph", "test.index")
PUBLISHED = "https://raw.githubusercontent.com/kimiyoung/planetoid/master/data/ind.{}"
SUMS = {
    "cora.x": "23cfa55d91c6f624233f5eb7b6e3f141f1bd2b2ae39608a63cf5d084bb27baab",
    "cora.tx": "b9afbaa4a400df991f6f02ef677e1e44da55ffc04801fd02f9e673987829226a",
    "cora.allx": "9419ba2f26f5c35243db64aba110e0f35a04851609e0dc5433450676ca6b8543",
    "cora.y": "94465c14eb53e04ca262198dcbb2521ee8af60fb3f3d546cd6ca24a511b0e7d1",
    "cora.ty": "41f5ac76596a1699cc33f53084a2419e92961c42bb75f36fc38e616d348532ad",
    "cora.ally": "2b998f5cc7fedc86e7f97ca2498f47a1ffc1462c29e2d578b23bf3f62b6e7d71",
    "cora.graph": "58f13302f39dde8852dad6fe6d15b89b077b6d7f837626bce671ef80344b383d",
    "cora.test.index": "297ce89af2b51a6a194181c7dbe1796c6a1cf9cd9349a88383b1b1e227867875",
}
"""SHA-256 sums of the published files, where they are known."""
KNOWN = {
    "cora": {"train_examples": 140, "classes": 7},
    "citeseer": {"train_examples": 120, "classes": 6},
    "pubmed": {"train_examples": 60, "classes": 3},
}


def known_of_planetoid(graph: str) -> dict[str, Any]:
    """Return the facts of a graph that never changes."""
    return KNOWN[graph]


def watched_files(root: str, graph: str) -> list[str]:
    """List the files of a graph, below `root`: what the workflow watches."""
    return [str(Path(graph, f"ind.{graph}.{part}")) for part in PARTS]


@dataset("planetoid", kind="graph", known=known_of_planetoid, watched=watched_files)
def planetoid(root: str, graph: Literal["cora", "citeseer", "pubmed"]) -> Graph:
    """Cora, Citeseer or PubMed: articles that cite each other, and the words in them; read from ROOT/GRAPH/ind.GRAPH.*.

    Nodes are articles, edges citations in either direction, and classes fields; the published splits are 20 training
    nodes per class, 500 for validation and 1,000 for test. Every article's words are scaled to a sum of 1 (Kipf &
    Welling 2017, section 5.2). Files of Cora that are missing are downloaded and compared with their checksums; put
    those of the others there yourself. They are pickled, so their opcodes are interpreted, and nothing of them is
    executed. Raises DataError for files that are missing, damaged, hostile or do not fit together.
    """
    folder = Path(root, graph)
    contents = {part: _read(folder / f"ind.{graph}.{part}", f"{graph}.{part}") for part in PARTS}
    try:
        made = assembled(graph, contents)
        _check_known(graph, {"train_examples": len(made.train), "classes": made.classes})
    except DataError as error:
        raise DataError(f"{folder}: {error}") from error
    return made


def _check_known(graph: str, facts: Mapping[str, int]) -> None:
    """Refuse another graph under a known name: networks are planned by what is known of it."""
    if facts != KNOWN[graph]:
        numbers = "{train_examples} training nodes and {classes} classes"
        known, other = numbers.format(**KNOWN[graph]), numbers.format(**facts)
        raise DataError(f"{graph} has {known}, but these files have {other}: put those of {graph} there")


def _read(path: Path, part: str) -> Any:
    if part in SUMS:
        find_or_fetch(path, PUBLISHED.format(part), SUMS[part])
    elif not path.is_file():
        raise DataError(f"{path}: missing: put the published file there ({PUBLISHED.format(part)})")
    return read_index(path) if part.endswith("test.index") else read_pickled(path)


def read_index(path: Path) -> np.ndarray:
    """Read the numbers of the test nodes, one a line. Raises DataError."""
    try:
        return np.array([int(line) for line in path.read_text().split()], dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise DataError(f"{path}: is no list of node numbers, one a line: put the published file there") from error


def assembled(name: str, contents: Mapping[str, Any]) -> Graph:
    """Put the parts of a graph together: their contents by name, as PARTS has them.

    `allx` and `ally` are the features and one-hot labels of all nodes but the test nodes, `x` and `y` those of the
    first of them, the training nodes. `tx` and `ty` are those of the test nodes in the order of `test.index`. Numbers
    that are missing there are nodes without edges (Citeseer has 15): their features are 0, and they are in no split.
    Raises DataError where the files do not fit together, a node has several labels or negative features, or an edge has
    one direction only.
    """
    parts = {part: _numbers(part, contents[part]) for part in PARTS if part != "graph"}
    index, training = parts["test.index"], len(parts["x"])
    for features, labels in (("x", "y"), ("tx", "ty"), ("allx", "ally")):
        _same_length(features, parts[features], labels, parts[labels])
    _same_length("tx", parts["tx"], "test.index", index)
    for part, whole in (("x", "allx"), ("tx", "allx"), ("y", "ally"), ("ty", "ally")):
        if parts[part].shape[1] != parts[whole].shape[1]:
            widths = f"{parts[part].shape[1]} columns, {whole} {parts[whole].shape[1]}"
            raise DataError(f"{part} has {widths}: put the files of one graph there")
    _check_values(parts)
    labelled = len(parts["allx"])
    if len(np.unique(index)) != len(index) or index.min() != labelled:
        raise DataError(f"test.index must have different numbers from {labelled}, the number of nodes in allx")
    if labelled < training + VALIDATION:
        raise DataError(f"allx has {labelled} nodes: {training} to train on and {VALIDATION} for validation are needed")
    nodes = int(index.max()) + 1
    if nodes > labelled + 10 * len(index):
        raise DataError(f"test.index goes up to {nodes - 1}, but has {counted(len(index), 'nodes')}")
    features, classes = (_all_nodes(parts[f"all{part}"], parts[f"t{part}"], index, nodes) for part in ("x", "y"))
    return Graph(
        features=features / np.maximum(features.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny),
        edges=edges_of(contents["graph"], nodes),
        labels=np.where(classes.any(axis=1), classes.argmax(axis=1), UNLABELLED),
        train=np.arange(training),
        validation=np.arange(training, training + VALIDATION),
        test=np.sort(index),
        classes=classes.shape[1],
        source=f"{name.capitalize()}: {nodes:,} articles",
    )


def _numbers(part: str, values: Any) -> np.ndarray:
    wanted = 1 if part == "test.index" else 2
    if not isinstance(values, np.ndarray) or values.ndim != wanted or not values.size:
        what = f"an array of shape {values.shape}" if isinstance(values, np.ndarray) else f"a {type(values).__name__}"
        raise DataError(f"{part} must be numbers of {wanted} axes, not {what}: put the published file there")
    return values


def _same_length(first: str, one: np.ndarray, second: str, other: np.ndarray) -> None:
    if len(one) != len(other):
        raise DataError(
            f"{first} has {counted(len(one), 'nodes')}, {second} {len(other)}: put the files of one graph there"
        )


def _check_values(parts: Mapping[str, np.ndarray]) -> None:
    for part, whole in (("x", "allx"), ("y", "ally")):
        if not np.array_equal(parts[part], parts[whole][: len(parts[part])]):
            raise DataError(f"{part} is not the beginning of {whole}: put the files of one graph there")
    for part in ("allx", "tx"):
        if (parts[part] < 0).any():
            raise DataError(f"{part} has negative features, which no words have: put the published file there")
    for part in ("ally", "ty"):
        labels = parts[part]
        if not np.isin(labels, (0, 1)).all() or labels.sum(axis=1).max() > 1:
            raise DataError(
                f"{part} must have a 1 at one class of each node, and 0 elsewhere: put the published file there"
            )


def _all_nodes(known: np.ndarray, test: np.ndarray, index: np.ndarray, nodes: int) -> np.ndarray:
    """Values of all nodes (N, ...): those before the test nodes, and the test nodes' in the order of their numbers."""
    values = np.zeros((nodes, known.shape[1]), dtype=np.float32)
    values[: len(known)], values[index] = known, test
    return values


def edges_of(neighbours: Any, nodes: int) -> np.ndarray:
    """Return the edges (E, 2) of a dictionary from each node to its neighbours. Raises DataError.

    Neighbours may be listed twice, and a node among its own. Every edge must be listed by both of its nodes.
    """
    if not isinstance(neighbours, dict) or not all(isinstance(listed, list) for listed in neighbours.values()):
        raise DataError("graph must be a dictionary of lists: put the published file there")
    pairs = [(node, other) for node, listed in neighbours.items() for other in listed]
    if not all(type(number) is int and 0 <= number < nodes for pair in pairs for number in pair):
        raise DataError(f"graph has edges of nodes that are not among the {nodes}: put the files of one graph there")
    listed = {*pairs}
    for node, other in sorted(listed):
        if (other, node) not in listed:
            raise DataError(
                f"graph is directed: node {node} lists {other}, but {other} does not list {node}: put the "
                "published file there, or list each edge at both of its nodes"
            )
    return np.array(sorted(listed), dtype=np.int64).reshape(-1, 2)
