"""Claims and figures about evolved topologies, on tables with planted effects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from lth_core.analysis.claims import Claim
from lth_core.config import Config
from lth_core.studies.gaier2019 import Gaier2019

TRAIN = {"optimizer": {"name": "adam", "learning_rate": 0.01}, "batch_size": 8, "steps": 4, "evaluate_every": 4}
POLE = {"dataset": "cartpole", "objective": "actor-critic", "model": "mlp", "train": TRAIN, "cohorts": ["0-2"]}
DIGITS = {"dataset": "digits", "model": "lenet", "train": TRAIN, "cohorts": ["0-2"]}
STUDY = Gaier2019.model_validate({"tasks": {"digits": "imp", "pole": "imp"}})
CONFIG = Config.model_validate(
    {
        "tasks": {"digits": DIGITS, "pole": POLE},
        "methods": {"imp": {"levels": 1}},
        "studies": {"gaier2019": {"tasks": {"digits": "imp", "pole": "imp"}}},
    }
)
PLANTED = {
    ("evolved", "shared"): 0.6,
    ("evolved", "tuned"): 0.7,
    ("fixed", "shared"): 0.1,
    ("fixed", "tuned"): 0.15,
    ("fixed", "random"): 0.2,
    ("fixed", "trained"): 1.0,
}
"""Of what the worth of a task is; shared weights are spread around it."""
WORTH = {"digits": 1.0, "pole": 500.0}

Tables = dict[str, pd.DataFrame]


def tables(**changes: Any) -> Tables:
    """The tables, with other planted values under names such as evolved_tuned."""
    rows = []
    for task, worth in WORTH.items():
        for position, ((network, weights), planted) in enumerate(PLANTED.items()):
            value = changes.get(f"{network}_{weights}", planted)
            shifts = {-2.0: -0.05, -1.0: 0.0, -0.5: 0.05, 0.5: 0.05, 1.0: 0.0, 2.0: -0.05}
            for seed in range(3):
                for weight, shift in shifts.items() if weights == "shared" else [(1.0, 0.0)]:
                    metric = worth * (value + shift + 0.001 * seed * position)
                    rows.append((task, seed, network, weights, weight, 10, metric, metric))
    columns = ["task", "seed", "network", "weights", "weight", "connections", "validation_metric", "metric"]
    generations = pd.DataFrame(
        [(task, seed, n, 0.1 * n, 0.2 * n, n + 2, 8) for task in WORTH for seed in range(3) for n in range(4)],
        columns=["task", "seed", "generation", "mean", "best", "connections", "nodes"],
    )
    nodes = [(5, 1.0, "cosine", "0 7"), (6, 1.0, "linear", np.nan), (7, 0.5, "tanh", "1 4")]
    topologies = [(task, seed, *node) for task in WORTH for seed in range(3) for node in nodes]
    return {
        "measurements": pd.DataFrame(rows, columns=columns),
        "generations": generations,
        "topologies": pd.DataFrame(topologies, columns=["task", "seed", "node", "depth", "function", "sources"]),
    }


def about(task: str, start: str, made: Tables) -> Claim:
    (claim,) = (one for one in STUDY.claims(CONFIG, made) if one.task == task and one.claim.startswith(start))
    return claim


CLAIMS = [
    ("With one weight for all connections", 0.5, {"evolved_shared": 0.05}),
    ("Evolved topologies with one weight", 0.4, {"fixed_random": 0.7}),
    ("Tuning the one weight of evolved topologies improves them", 0.1, {"evolved_tuned": 0.5}),
    ("Tuning the one weight of evolved topologies recovers", 0.1, {"evolved_tuned": 0.55}),
]
"""Start of the sentence, planted effect, and what makes it wrong."""


@pytest.mark.parametrize(("start", "effect", "wrong"), CLAIMS)
@pytest.mark.parametrize(("task", "scale"), [("digits", 100), ("pole", 500)])
def test_claims_are_about_what_was_planted(
    start: str, effect: float, wrong: dict[str, float], task: str, scale: float
) -> None:
    claim = about(task, start, tables())
    assert claim.estimate == pytest.approx(scale * effect, abs=0.005 * scale) and claim.verdict == "supported"
    assert about(task, start, tables(**wrong)).verdict == "contradicted"


def test_trained_weights_that_diverged_leave_only_their_claim_open() -> None:
    made = tables()
    rows = made["measurements"]
    rows.loc[(rows["weights"] == "trained") & (rows["seed"] == 0), "metric"] = np.nan
    verdicts = [about("digits", start, made).verdict for start, _, _ in CLAIMS]
    assert verdicts == ["supported", "supported", "supported", "inconclusive"]


def test_figures_are_those_that_were_announced_and_say_what_they_show() -> None:
    drawings = STUDY.figures(CONFIG, tables())
    assert [drawing.name for drawing in drawings] == STUDY.figure_names(CONFIG)
    for drawing in drawings:
        assert drawing.draw().axes
    assert "test accuracy with each shared weight" in drawings[0].caption
    assert "test return with each shared weight" in drawings[2].caption


def test_a_topology_is_drawn_with_its_connections_and_functions() -> None:
    drawing = STUDY.figures(CONFIG, tables())[1]
    (axes,) = drawing.draw().axes
    assert len(axes.get_lines()) == 4 and "with 4 connections" in drawing.caption
    assert sorted(text.get_text() for text in axes.texts) == [
        "always 1",
        "cosine",
        "input 1",
        "input 2",
        "linear",
        "tanh",
    ]
