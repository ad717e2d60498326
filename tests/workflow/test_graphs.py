"""Tickets of graph networks, as snakemake runs them.

The built-in one has edges, pruned at random and by masks that are learned with the weights. The other is documented.
"""

from __future__ import annotations

import csv
import re

import pytest
import torch

from lth_core.storage.tensors import read_header, read_tensors
from lth_core.tickets import load_mask, load_module
from tests.support.project import PAGE, ROOT, Project

CONFIG = """\
device: cpu
plugins: [graph_lab]
tasks:
  gcn: &gcn
    dataset: digits-graph
    model: {name: gcn, hidden: 8, prune_edges: true}
    train: {optimizer: {name: adam, learning_rate: 1e-2}, batch_size: 50, steps: 20, evaluate_every: 10}
    cohorts: ["0-1"]
  mine: {<<: *gcn, model: {name: my-graph-net, width: 8}}
methods:
  random: {criterion: random, scope: layer, rate: 0.5, levels: 2}
  ugs:
    iterative: true
    scope: global
    rate: 0.6
    rate_by_kind: {edge: 0.25}
    levels: 2
    search: {parametrization: soft-mask}
studies:
  graph-tickets: {tasks: {gcn: ugs}, levels: [2]}
  frankle2019: {tasks: {gcn: random, mine: random}, controls: [reinit], one_shot: false, continued: false}
"""
LEVEL = "results/gcn/0-1/random/level_2"
ALONE = {"weights": {"hidden.weight", "output.weight"}, "edges": {"edges"}}


def plugin() -> str:
    """The graph network of the documents."""
    examples = re.findall(r"```python\n(.*?)```", (ROOT / "docs/how-to/objective.md").read_text(), re.DOTALL)
    (example,) = (example for example in examples if "my-graph-net" in example)
    return example


@pytest.fixture(scope="module")
def ran(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.create(tmp_path_factory.mktemp("graphs"), finished.folder)
    (project.folder / "graph_lab.py").write_text(plugin())
    (project.folder / "config.yaml").write_text(CONFIG)
    project.run()
    return project


def test_the_core_study_runs_and_says_what_a_batch_is_of(ran: Project) -> None:
    with open(ran.folder / "results/tables/config/claims.csv") as file:
        claims = list(csv.DictReader(file))
    assert {claim["task"] for claim in claims} == {"gcn", "mine"}
    assert "percentage points" in {claim["unit"] for claim in claims}
    page = ran.read(PAGE)
    assert "20 steps of 50 nodes" in page and "each with its 8 nearest" in page
    assert ran.run().nothing_to_do


def test_kinds_of_weights_and_what_was_proved_stand_in_the_header_of_theta_0(ran: Project) -> None:
    header = read_header(ran.folder / "results/gcn/0-1/init.safetensors")
    assert header["layers"] == {"hidden.weight": "hidden", "output.weight": "output", "edges": "edge"}
    assert header["proved"]["paths"] == ["autograd"]
    mine = read_header(ran.folder / "results/mine/0-1/init.safetensors")
    assert mine["layers"] == {"hidden.weight": "hidden", "scores.weight": "output"}


def test_edges_are_pruned_in_pairs_and_stay_1_where_they_are_kept(ran: Project) -> None:
    mask = read_tensors(ran.folder / LEVEL / "mask.safetensors")
    trained = read_tensors(ran.folder / LEVEL / "trained.safetensors")
    data = read_tensors(ran.folder / "results/data/digits-graph.safetensors")
    assert mask["edges"].shape == (2, len(data["edges"]), 1)
    assert abs(mask["edges"].mean() - 0.25) < 1e-3
    assert (trained["edges"] == mask["edges"]).all()


def test_a_ticket_is_loaded_with_its_graph(ran: Project) -> None:
    network = load_module(ran.folder / LEVEL, seed=1).eval()
    mask = load_mask(ran.folder / LEVEL, seed=1)
    assert all((network.get_parameter(name)[~kept] == 0).all() for name, kept in mask.items())
    nodes = torch.arange(1437, 1797)  # the test split
    with torch.no_grad():
        right = network(nodes).argmax(dim=1) == labels(ran)[nodes]
    with open(ran.folder / LEVEL / "history.csv") as file:
        rows = [row for row in csv.DictReader(file) if (row["seed"], row["step"], row["split"]) == ("1", "20", "test")]
    assert float(rows[0]["accuracy"]) == pytest.approx(right.double().mean().item())


def labels(ran: Project) -> torch.Tensor:
    return torch.from_numpy(read_tensors(ran.folder / "results/data/digits-graph.safetensors")["labels"])


def test_learned_masks_of_edges_and_weights_nest_and_their_tickets_are_trained(ran: Project) -> None:
    init = read_tensors(ran.folder / "results/gcn/0-1/init.safetensors")
    levels = [read_tensors(ran.folder / f"results/gcn/0-1/ugs/level_{level}/mask.safetensors") for level in (1, 2)]
    for name, kept in levels[1].items():
        assert (kept <= levels[0][name]).all() and kept.any()
    shares = {name: kept.mean() for name, kept in levels[1].items()}
    assert abs(shares["edges"] - 0.75**2) < 1e-3
    weights = [kept for name, kept in levels[1].items() if name != "edges"]
    assert abs(sum(kept.sum() for kept in weights) / sum(kept.size for kept in weights) - 0.4**2) < 0.01
    assert shares["hidden.weight"] != shares["output.weight"], "all weights are ranked together"
    trained = read_tensors(ran.folder / "results/gcn/0-1/ugs/level_2/trained.safetensors")
    assert all((trained[name][~kept] == 0).all() for name, kept in levels[1].items())
    kept = levels[1]["hidden.weight"]
    assert (trained["hidden.weight"][kept] != init["hidden.weight"][kept]).mean() > 0.5


def test_masks_of_weights_or_edges_alone_leave_the_other_whole(ran: Project) -> None:
    masks = {how: read_tensors(ran.folder / f"results/gcn/0-1/ugs-{how}/level_2/mask.safetensors") for how in ALONE}
    assert {how: set(mask) for how, mask in masks.items()} == ALONE


def test_graph_tickets_are_compared_with_other_ways_of_pruning(ran: Project) -> None:
    with open(ran.folder / "results/tables/config/claims.csv") as file:
        claims = [claim for claim in csv.DictReader(file) if claim["study"] == "graph-tickets"]
    assert {claim["figure"] for claim in claims} == {"tickets-gcn"} and all(claim["n"] == "2" for claim in claims)
    with open(ran.folder / "results/tables/config/graph-tickets/tickets.csv") as file:
        rows = list(csv.DictReader(file))
    assert {row["pruned"] for row in rows} == {"dense", "ugs", "random", *ALONE, "magnitude"}
