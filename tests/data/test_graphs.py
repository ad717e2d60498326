"""Graphs as data: undirected edges, nodes in splits, and what is refused in one line; the graph of the digits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lth_core.config import Choice
from lth_core.data.facts import known_facts
from lth_core.data.graphs import undirected
from lth_core.data.reading import open_data, read_facts
from lth_core.data.sets.digits import digits
from lth_core.data.sets.digits_graph import digits_graph, nearest
from lth_core.data.splits import DataError
from lth_core.data.stored import StoredGraph
from lth_core.storage.tensors import read_header, write_tensors
from tests.support.graphs import communities


def test_an_edge_counts_once_in_whichever_direction_and_a_node_is_not_its_own_neighbour() -> None:
    edges = np.array([[3, 1], [1, 3], [1, 3], [2, 2], [0, 4]])
    assert undirected(edges).tolist() == [[0, 4], [1, 3]]
    assert communities(edges=edges).edges.tolist() == [[0, 4], [1, 3]]


def test_the_data_file_has_the_graph_once_and_the_nodes_of_every_split(tmp_path: Path) -> None:
    graph = communities()
    arrays, facts = graph.tensors(), graph.facts()
    assert {name: value.shape for name, value in arrays.items()} == {
        "features": (24, 5),
        "edges": (41, 2),
        "labels": (24,),
        "train_nodes": (6,),
        "validation_nodes": (6,),
        "test_nodes": (12,),
    }
    assert arrays["features"].dtype == np.float32
    assert facts == {
        "kind": "graph",
        "source": "three communities",
        "nodes": 24,
        "edges": 41,
        "features": 5,
        "classes": 3,
    }


def test_an_example_is_a_node_and_networks_are_offered_the_whole_graph(tmp_path: Path) -> None:
    graph, path = communities(), tmp_path / "data.safetensors"
    write_tensors(path, graph.tensors(), graph.facts() | {"provenance": {}})
    data = open_data(path)
    assert isinstance(data, StoredGraph)
    assert [data.size(split) for split in ("train", "validation", "test")] == [6, 6, 12]
    [(nodes, labels)] = data.batches("test", [np.array([[3, 0], [1, 2]])])
    assert nodes.tolist() == [[15, 12], [13, 14]] and labels.tolist() == [[0, 0], [1, 2]]
    for facts in (data.facts, read_facts(path)):
        assert torch.equal(facts["graph"].features, torch.from_numpy(graph.features))
        assert torch.equal(facts["graph"].edges, torch.from_numpy(graph.edges))
    assert "graph" not in read_header(path)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"features": np.zeros((24, 0))}, "features must be numbers (N, D), not float64 of shape (24, 0)"),
        ({"features": [[1], [1, 2]]}, "features must be one array of numbers"),
        ({"features": np.full((24, 2), np.nan)}, "has features that are not finite numbers"),
        ({"edges": np.zeros((2, 3), int)}, "edges must be pairs of nodes (E, 2), not int64 of shape (2, 3)"),
        ({"edges": np.array([[2, 2]])}, "has no edge between two nodes"),
        ({"edges": np.zeros((0, 2), int)}, "has no edge between two nodes"),
        ({"edges": np.array([[0, 24]])}, "has edges of nodes 0..24, but its nodes are 0..23"),
        ({"edges": np.array([[-1, 3]])}, "has edges of nodes -1..3, but its nodes are 0..23"),
        ({"labels": np.zeros(23, int)}, "needs an integer label for each of its 24 nodes, not int64 (23,)"),
        ({"train": np.array([], int)}, "the train split must be numbers of nodes, not int64 of shape (0,)"),
        ({"test": np.array([24])}, "the test split has nodes 24..24, but there are 0..23"),
        ({"classes": 2}, "the train split has labels 0..2, but 2 classes are labelled 0..1"),
        ({"labels": np.full(24, -1)}, "the train split has labels -1..-1, but 3 classes are labelled 0..2"),
        ({"validation": np.array([5, 6])}, "node 5 is in a split twice, or in two"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_one_line(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(DataError) as caught:
        communities(**changes)
    assert str(caught.value).startswith(f"three communities: {problem}") and "\n" not in str(caught.value)


def test_a_label_may_be_unknown_where_a_node_is_in_no_split() -> None:
    labels = np.arange(24) % 3
    labels[23] = -1
    assert communities(labels=labels, test=np.arange(12, 23)).labels[23] == -1


# ---------------------------------------------------------------- the graph of the digits


def test_points_are_joined_to_their_nearest_and_the_first_of_equally_near_ones() -> None:
    line = np.array([[0.0], [1.0], [3.0], [5.0]])
    assert nearest(line, 1).tolist() == [[0, 1], [1, 0], [2, 1], [3, 2]]
    assert undirected(nearest(line, 1)).tolist() == [[0, 1], [1, 2], [2, 3]]


def test_its_splits_are_those_of_the_digits_and_few_training_images_have_labels() -> None:
    graph, images = digits_graph(neighbours=4, labelled=7), digits()
    for split in ("validation", "test"):
        nodes, part = getattr(graph, split), getattr(images, split)
        assert np.array_equal(graph.features[nodes] * 16, part.images.reshape(len(nodes), -1))
        assert np.array_equal(graph.labels[nodes], part.labels)
    assert np.bincount(graph.labels[graph.train]).tolist() == [7] * 10
    assert graph.train.max() < len(images.train.labels)
    degrees = np.bincount(graph.edges.ravel(), minlength=1797)
    assert degrees.min() >= 4 and len(graph.edges) < 4 * 1797


def test_fewer_labels_are_some_of_more() -> None:
    few, more = digits_graph(labelled=2), digits_graph(labelled=5)
    assert {*few.train.tolist()} < {*more.train.tolist()} and np.array_equal(few.edges, more.edges)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"labelled": 122}, "labelled: some class has 121 training images, not 122"),
        ({"neighbours": 1797}, "neighbours: an image has 1796 others, not 1797"),
    ],
)
def test_more_than_there_is_is_refused_before_anything_runs(options: dict[str, int], problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        known_facts(Choice.of("digits-graph", **options))
    with pytest.raises(DataError, match=problem):
        digits_graph(**options)


def test_what_options_tell_is_known_before_reading() -> None:
    facts = known_facts(Choice.of("digits-graph", labelled=3))
    assert facts == {"kind": "graph", "train_examples": 30, "classes": 10}
    assert len(digits_graph(labelled=3).train) == 30
    assert len(digits_graph(labelled=121).train) == 1210
