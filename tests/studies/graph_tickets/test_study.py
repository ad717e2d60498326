"""The study of graph tickets: what it asks for, its claims on known tables, its figure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from lth_core.config import Config
from lth_core.metrics import ACCURACY
from lth_core.storage.runs import Run
from lth_core.studies.graph_tickets import GraphTickets
from lth_core.studies.graph_tickets.tables import COLUMNS, at_best

SEEDS = (0, 1, 2)
GCN = {"name": "gcn", "hidden": 8, "prune_edges": True}
RECIPE = {"optimizer": {"name": "adam", "learning_rate": 1e-2}, "batch_size": 50, "steps": 10, "evaluate_every": 5}


def config(method: dict[str, Any] | None = None, **task: Any) -> Config:
    nodes = {"dataset": "digits-graph", "model": GCN, "train": RECIPE, "cohorts": ["0-1", "2-2"]}
    ugs = {"iterative": True, "scope": "global", "rate": 0.36, "rate_by_kind": {"edge": 0.0975}, "levels": 7}
    ugs |= {"search": {"parametrization": "soft-mask"}}
    settings = {"tasks": {"nodes": nodes | task}, "methods": {"ugs": ugs | (method or {})}}
    return Config.model_validate(settings | {"studies": {"graph-tickets": {}}})


def study(**options: Any) -> GraphTickets:
    return GraphTickets.model_validate({"tasks": {"nodes": "ugs"}} | options)


def tables() -> dict[str, pd.DataFrame]:
    """Accuracies of seven levels; seeds differ by a tenth of a point."""
    accuracies = {
        "ugs": [0.80, 0.796, 0.79, 0.78, 0.77, 0.76, 0.75],
        "random": [0.80, 0.79, 0.78, 0.77, 0.74, 0.70, 0.65],
        "edges": [0.80, 0.797, 0.79, 0.785, 0.78, 0.77, 0.76],
        "weights": [0.80, 0.80, 0.80, 0.80, 0.80, 0.80, 0.77],
        "magnitude": [0.80] * 7,
    }
    rows = [("nodes", "dense", 0, seed, 1.0, 1.0, 5.0, 0.8 + 0.001 * seed**2, 0.8) for seed in SEEDS]
    for number, (pruned, values) in enumerate(accuracies.items()):
        for level, accuracy in enumerate(values, 1):
            edges = 0.9025**level if pruned in ("ugs", "random", "edges") else 1.0
            weights = 0.64**level if pruned != "edges" else 1.0
            noise = 0.0005 * (number + 1)
            rows += [
                ("nodes", pruned, level, seed, edges, weights, 5.0, accuracy + noise * seed, 0.8) for seed in SEEDS
            ]
    return {"tickets": pd.DataFrame(rows, columns=list(COLUMNS))}


# ---------------------------------------------------------------- what is asked for


def test_the_other_ways_of_pruning_are_derived_from_the_tasks_method() -> None:
    methods = study().methods(config())
    assert set(methods) == {"ugs-weights", "ugs-edges", "ugs-magnitude"}
    weights, edges, magnitude = methods["ugs-weights"], methods["ugs-edges"], methods["ugs-magnitude"]
    assert weights.exclude == ["edge"] and weights.rate_by_kind == {} and weights.search
    assert edges.exclude == ["hidden", "output"] and edges.rate_by_kind == {"edge": 0.0975} and edges.search
    assert magnitude.search is None and magnitude.criterion.name == "magnitude" and magnitude.exclude == ["edge"]
    assert all(method.iterative and method.scope == "global" for method in methods.values())


def test_runs_are_dense_networks_and_tickets_of_the_levels() -> None:
    runs = study().runs(config())
    assert len(runs) == len(set(runs)) == 2 * (1 + 7 * 5)
    assert Run("nodes", "2-2", "ugs", 7, "random-mask-reinit") in runs
    assert {run.level for run in study(levels=[2, 5]).runs(config())} == {0, 2, 5}
    assert study().analyses(config()) == ["results/nodes/0-1/init.safetensors", "results/nodes/2-2/init.safetensors"]


@pytest.mark.parametrize(
    ("method", "task", "message"),
    [
        (
            {"search": {"parametrization": "edge-popup"}},
            {},
            "must have iterative: true and search: {parametrization: s",
        ),
        ({"iterative": False}, {}, "must have iterative: true and search: {parametrization: soft-mask}"),
        ({"rate_by_kind": {}}, {}, "must have scope: global, a rate of edges in rate_by_kind, and no exclude"),
        ({"exclude": ["output"]}, {}, "must have scope: global, a rate of edges in rate_by_kind, and no exclude"),
        ({}, {"dataset": "digits"}, "edges are pruned of graphs, and 'digits' is of kind images: leave the task out"),
        (
            {},
            {"model": GCN | {"prune_edges": False}},
            "task 'nodes' has .* edges are not pruned: set prune_edges: true",
        ),
        ({}, {"model": "gcn"}, "task 'nodes' has .* edges are not pruned: set prune_edges: true"),
        ({"levels": 4}, {}, "levels: 5 must be at most 4, the number of levels of method 'ugs'"),
    ],
)
def test_what_cannot_be_pruned_as_in_the_paper_is_refused(method: Any, task: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        study(levels=[5]).methods(config(method, **task))


# ---------------------------------------------------------------- the table


def test_the_test_metric_is_that_of_the_first_step_that_is_best_on_the_validation_split() -> None:
    validation = {0: [0.1, 0.7, 0.7, 0.6], 1: [0.2, 0.3, 0.4, np.nan]}
    rows = [
        {"seed": seed, "step": step, "split": split, "loss": value * 0 + 1, "metric": value + 0.05 * (split == "test")}
        for seed, values in validation.items()
        for step, value in enumerate(values)
        for split in ("train", "validation", "test")
    ]
    best = at_best(pd.DataFrame(rows), ACCURACY).set_index("seed")
    assert best.loc[[0]].to_numpy(float).ravel() == pytest.approx([1, 0.75, 0.7])
    assert np.isnan(best.loc[[1]].to_numpy(float)).all()  # it diverged in the last step


# ---------------------------------------------------------------- claims and figure

CLAIMS = [
    ("Where at least 80% of the weights and 30% of the edges are pruned (levels 4 to 7)", 5.0, "supported"),
    ("Random tickets fall earlier: learned ones are better with 4.4% of the weights and 48.8%", 10.0, "supported"),
    (
        "Tickets with 41% to 26.2% of the weights and 81.5% to 73.5% of the edges are within 1 point",
        -0.7,
        "inconclusive",
    ),
    ("On the whole graph, tickets with 4.4% of the weights are within 1 point", -3.0, "contradicted"),
]


@pytest.mark.parametrize(("sentence", "estimate", "verdict"), CLAIMS)
def test_claims_on_known_tables(sentence: str, estimate: float, verdict: str) -> None:
    (claim,) = (claim for claim in study().claims(config(), tables()) if claim.claim.startswith(sentence))
    assert (claim.n, claim.verdict) == (3, verdict) and claim.estimate == pytest.approx(estimate, abs=0.15)


def test_what_no_level_comes_near_to_is_not_claimed() -> None:
    few = tables()["tickets"]
    few = {"tickets": few[few["level"] <= 1]}
    assert study().claims(config(), few) == []


def test_the_figure_is_drawn_and_has_the_name_that_was_announced() -> None:
    (drawing,) = study().figures(config(), tables())
    assert [drawing.name] == study().figure_names(config())
    labels = [panel.get_xlabel() for panel in drawing.draw().axes]
    assert labels == ["edges remaining (%)", "weights remaining (%)"]
    assert "9.75% of the remaining edges and 36% of the weights" in drawing.caption and "{" not in drawing.caption
