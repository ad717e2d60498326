"""The citation graphs of Planetoid: how their files go together, isolated nodes, and what is refused in one line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lth_core.config import Choice
from lth_core.data import downloads
from lth_core.data.facts import known_facts
from lth_core.data.sets import planetoid as sets
from lth_core.data.sets.planetoid import PARTS, VALIDATION, assembled, edges_of, planetoid, watched_files
from lth_core.data.splits import DataError
from tests.support.pickled import array, mapping, sparse_rows

TRAIN, REST, TEST = 6, VALIDATION + 4, 5


def toy(missing: int | None = None) -> dict[str, Any]:
    """A ring of nodes with a self loop; features tell the node. `missing`: a number that test.index leaves out."""
    known = TRAIN + REST
    index = np.array([node for node in range(known, known + TEST + (missing is not None)) if node != missing])[::-1]
    nodes = known + TEST + (missing is not None)
    features = np.stack([np.arange(1, nodes + 1), np.ones(nodes)], axis=1).astype(np.float32)
    classes = np.eye(3, dtype=np.int32)[np.arange(nodes) % 3]
    joined = [node for node in range(nodes) if node != missing]
    pairs = zip(joined, [*joined[1:], joined[0]], strict=True)
    neighbours: dict[int, list[int]] = {node: [] for node in range(nodes)}
    for node, other in pairs:
        neighbours[node].append(other)
        neighbours[other].append(node)
    neighbours[2] += [2, 3]  # itself, and a neighbour for the second time
    return {
        "x": features[:TRAIN],
        "y": classes[:TRAIN],
        "allx": features[:known],
        "ally": classes[:known],
        "tx": features[index],
        "ty": classes[index],
        "graph": neighbours,
        "test.index": index,
    }


def write(folder: Path, contents: Mapping[str, Any], name: str = "citeseer") -> Path:
    (folder / name).mkdir(exist_ok=True)
    for part, content in contents.items():
        if part == "graph":
            written = mapping(content)
        elif part == "test.index":
            written = "".join(f"{node}\n" for node in content).encode()
        else:
            written = sparse_rows(content) if part.endswith("x") else array(content)
        (folder / name / f"ind.{name}.{part}").write_bytes(written)
    return folder


def refused(contents: Mapping[str, Any]) -> str:
    with pytest.raises(DataError) as caught:
        assembled("toy", contents)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(autouse=True)
def toy_for_citeseer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sets.KNOWN, "citeseer", {"train_examples": TRAIN, "classes": 3})


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []

    def fetch(path: Path, address: str, _: str) -> None:
        asked.append(address)
        raise DataError(f"{path}: missing; put {address} there, as the download failed (no network)")

    monkeypatch.setattr(downloads, "_fetch", fetch)
    return asked


# ---------------------------------------------------------------- how the files go together


def test_test_nodes_are_in_the_order_of_their_index_and_the_others_come_first(tmp_path: Path) -> None:
    graph = planetoid(str(write(tmp_path, toy())), "citeseer")
    nodes = TRAIN + REST + TEST
    numbers = np.arange(1, nodes + 1)
    assert np.allclose(graph.features, np.stack([numbers, np.ones(nodes)], 1) / (numbers + 1)[:, None])  # sums of 1
    assert np.array_equal(graph.labels, np.arange(nodes) % 3)
    assert graph.train.tolist() == [*range(TRAIN)]
    assert graph.validation.tolist() == [*range(TRAIN, TRAIN + VALIDATION)]
    assert graph.test.tolist() == [*range(TRAIN + REST, nodes)]
    assert graph.source == f"Citeseer: {nodes} articles"


def test_every_edge_is_there_once_without_self_loops() -> None:
    graph, nodes = assembled("toy", toy()), TRAIN + REST + TEST
    assert graph.edges.tolist() == sorted([[node, node + 1] for node in range(nodes - 1)] + [[0, nodes - 1]])


def test_a_number_that_the_index_leaves_out_is_a_node_without_features_edges_and_split() -> None:
    missing = TRAIN + REST + 2
    graph = assembled("toy", toy(missing))
    assert not graph.features[missing].any() and graph.features[missing + 1].any()
    assert missing not in graph.edges and missing not in graph.test
    assert graph.labels[missing] == -1 and len(graph.test) == TEST
    assert graph.features[missing + 1][0] == pytest.approx((missing + 2) / (missing + 3))


def test_what_is_known_before_reading_holds_for_cora(tmp_path: Path) -> None:
    assert known_facts(Choice.of("planetoid", graph="cora")) == {"kind": "graph", "train_examples": 140, "classes": 7}
    assert set(sets.SUMS) == {f"cora.{part}" for part in PARTS}
    assert watched_files("data", "pubmed")[0] == "pubmed/ind.pubmed.x"


@pytest.mark.skipif(not Path("data/cora/ind.cora.graph").exists(), reason="the published files are not in data/cora")
def test_cora_is_as_published() -> None:
    graph = planetoid("data", "cora")
    facts = graph.facts()
    assert (facts["nodes"], facts["edges"], facts["features"], facts["classes"]) == (2708, 5278, 1433, 7)
    assert np.bincount(graph.labels[graph.train]).tolist() == [20] * 7
    assert (len(graph.validation), len(graph.test)) == (500, 1000)
    assert np.allclose(graph.features.sum(axis=1), 1)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"y": np.eye(3, dtype=int)[:2]}, "x has 6 nodes, y 2: put the files of one graph there"),
        ({"tx": np.ones((4, 2), np.float32)}, "tx has 4 nodes, ty 5: put the files of one graph there"),
        ({"x": np.ones((6, 3), np.float32)}, "x has 3 columns, allx 2: put the files of one graph there"),
        ({"test.index": np.arange(3)}, "tx has 5 nodes, test.index 3: put the files of one graph there"),
        ({"test.index": np.arange(5)}, "test.index must have different numbers from 510, the number of nodes in allx"),
        ({"test.index": np.full(5, 510)}, "test.index must have different numbers from 510"),
        ({"test.index": np.array([510, 511, 512, 513, 10**9])}, "test.index goes up to 1000000000, but has 5 nodes"),
        ({"allx": {}}, "allx must be numbers of 2 axes, not a dict: put the published file there"),
        ({"graph": np.ones((2, 2))}, "graph must be a dictionary of lists: put the published file there"),
        ({"x": np.ones((6, 2), np.float32)}, "x is not the beginning of allx: put the files of one graph there"),
        ({"y": np.eye(3, dtype=int)[[1] * 6]}, "y is not the beginning of ally: put the files of one graph there"),
        (
            {"ty": np.ones((5, 3), int)},
            "ty must have a 1 at one class of each node, and 0 elsewhere: put the published",
        ),
        ({"ty": 2 * np.eye(3, dtype=int)[[1] * 5]}, "ty must have a 1 at one class of each node, and 0 elsewhere"),
        ({"tx": np.full((5, 2), -1.0)}, "tx has negative features, which no words have: put the published file there"),
    ],
)
def test_files_that_do_not_fit_together_are_refused_in_one_line(changes: dict[str, Any], problem: str) -> None:
    assert refused(toy() | changes).startswith(problem)


def test_without_nodes_for_validation_nothing_can_be_selected() -> None:
    contents = toy()
    short = {name: contents[name][:100] for name in ("allx", "ally")}
    assert refused(contents | short | {"test.index": np.arange(100, 105)}).startswith(
        "allx has 100 nodes: 6 to train on"
    )


@pytest.mark.parametrize(
    ("neighbours", "problem"),
    [
        (
            {0: [1], 1: []},
            "node 0 lists 1, but 1 does not list 0: put the published file there, or list each edge at both",
        ),
        ({0: [3], 3: [0]}, "graph has edges of nodes that are not among the 3"),
        ({0: [-1], -1: [0]}, "graph has edges of nodes that are not among the 3"),
        ({0: ["1"]}, "graph has edges of nodes that are not among the 3"),
        ({0: (1,)}, "graph must be a dictionary of lists"),
    ],
)
def test_edges_that_cannot_be_are_refused_in_one_line(neighbours: Any, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        edges_of(neighbours, 3)


def test_files_that_are_missing_are_downloaded_only_where_their_sum_is_known(tmp_path: Path, no_network: list) -> None:
    (tmp_path / "cora").mkdir()
    with pytest.raises(DataError, match=r"ind.cora.x: missing; put https://.*/ind.cora.x there"):
        planetoid(str(tmp_path), "cora")
    assert len(no_network) == 1
    with pytest.raises(DataError, match=r"ind.pubmed.x: missing: put the published file there \(https://.*"):
        planetoid(str(tmp_path), "pubmed")
    assert len(no_network) == 1


def test_another_file_than_the_published_one_is_refused_before_it_is_interpreted(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is damaged, or not the published file: delete it"):
        planetoid(str(write(tmp_path, toy(), "cora")), "cora")


def test_another_graph_under_a_known_name_is_refused_in_one_line(tmp_path: Path) -> None:
    problem = r"pubmed has 60 training nodes and 3 classes, but these files have 6 training nodes and 3 classes: put"
    with pytest.raises(DataError, match=problem):
        planetoid(str(write(tmp_path, toy(), "pubmed")), "pubmed")


def test_a_file_that_goes_on_after_its_end_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path, toy())
    with (folder / "citeseer" / "ind.citeseer.allx").open("ab") as file:
        file.write(b"\n")
    with pytest.raises(DataError, match=r"ind.citeseer.allx: goes on after its end; nothing of it was executed: put"):
        planetoid(str(folder), "citeseer")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path, toy())
    (folder / "citeseer" / "ind.citeseer.test.index").write_text("510\nnode\n")
    with pytest.raises(DataError, match=r"ind.citeseer.test.index: is no list of node numbers, one a line"):
        planetoid(str(folder), "citeseer")
    (folder / "citeseer" / "ind.citeseer.ty").write_bytes(b"\x80\x02cos\nsystem\n.")
    with pytest.raises(DataError, match=r"ind.citeseer.ty: names os.system, which no data set needs"):
        planetoid(str(folder), "citeseer")
