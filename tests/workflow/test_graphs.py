"""Tickets of graph networks, as snakemake runs them: the built-in one with its edges, and that of CONTRIBUTING.md."""

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
studies:
  frankle2019: {tasks: {gcn: random, mine: random}, controls: [reinit], one_shot: false, continued: false}
"""
LEVEL = "results/gcn/0-1/random/level_2"


def plugin() -> str:
    """The graph network of the documents."""
    examples = re.findall(r"```python\n(.*?)```", (ROOT / "docs/how-to/objective.md").read_text(), re.DOTALL)
    (example,) = (example for example in examples if "my-graph-net" in example)
    return example


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.create(tmp_path_factory.mktemp("graphs"))
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
