"""What networks can do without training, as snakemake runs it: from a config to tables, claims and figures."""

from __future__ import annotations

import pandas as pd
import pytest

from lth_core.config import seeds_of
from tests.support.project import Project

TRAIN = {"optimizer": {"name": "adam", "learning_rate": 3e-3}, "steps": 4, "evaluate_every": 4}
TASKS = {
    "digits": {
        "dataset": "digits",
        "model": {"name": "lenet", "hidden": [6]},
        "train": TRAIN | {"batch_size": 60},
        "cohorts": ["0-1"],
    },
    "swing-up": {
        "dataset": "cartpole-swing-up",
        "objective": {"name": "actor-critic", "evaluation_episodes": 2},
        "model": {"name": "mlp", "hidden": [4]},
        "train": TRAIN | {"batch_size": 2},
        "cohorts": ["0-1"],
    },
}
CONFIG = {
    "device": "cpu",
    "tasks": TASKS,
    "methods": {"imp": {"levels": 1}},
    "subset_sums": {"values": 16, "targets": 20},
    "construction": {"units": [2, 4, 6]},
    "evolution": {"population": 6, "generations": 3, "examples": 50, "episodes": 1},
    "studies": {
        "malach2020": {"tasks": {"digits": "imp"}},
        "gaier2019": {"tasks": {"digits": "imp", "swing-up": "imp"}},
    },
}


@pytest.fixture(scope="module")
def ran(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.ran(tmp_path_factory.mktemp("untrained"), CONFIG, finished.folder)


def test_every_seed_has_its_subset_sums_and_constructions(ran: Project) -> None:
    sums, constructions = (ran.table(f"malach2020/{name}") for name in ("subset_sums", "constructions"))
    assert sorted(sums["seed"].unique()) == [0, 1] and (sums.groupby("seed")["values"].max() == 16).all()
    assert (sums["largest_error"] >= sums["mean_error"]).all()
    counted = constructions.groupby(["seed", "pruned"]).size().unstack()
    assert (counted["weights"] == 3).all() and (counted["neurons"] == 3).all() and (counted["target"] == 1).all()


def test_every_seed_evolves_beside_its_fixed_topology(ran: Project) -> None:
    rows = ran.table("gaier2019/measurements").groupby(["task", "seed", "network", "weights"]).size()
    wanted = {("evolved", "shared"): 6, ("evolved", "tuned"): 1, ("fixed", "shared"): 6, ("fixed", "tuned"): 1}
    wanted |= {("fixed", "random"): 1, ("fixed", "trained"): 1}
    for task, settings in TASKS.items():
        for seed in [seed for cohort in settings["cohorts"] for seed in seeds_of(cohort)]:
            assert rows[task][seed].to_dict() == wanted


def test_trained_weights_are_measured_as_their_training_measured_them(ran: Project) -> None:
    """Classes are those of the highest output, there and here."""
    rows = ran.table("gaier2019/measurements")
    rows = rows[rows["task"] == "digits"].set_index(["seed", "weights"])
    history = pd.read_csv(ran.folder / "results/digits/0-1/dense/history.csv").set_index(["seed", "step", "split"])
    for seed in (0, 1):
        for weights, step in (("random", 0), ("trained", 4)):
            measured = rows.loc[(seed, weights)]
            for column, split in (("validation_metric", "validation"), ("metric", "test")):
                assert measured[column].item() == pytest.approx(history.loc[(seed, step, split), "accuracy"])


def test_equal_shared_weights_of_a_fixed_topology_cannot_tell_classes_apart(ran: Project) -> None:
    rows = ran.table("gaier2019/measurements")
    fixed = rows[(rows["task"] == "digits") & (rows["network"] == "fixed") & (rows["weights"] == "shared")]
    assert fixed["metric"].between(0.08, 0.12).all()


def test_there_are_claims_and_figures_of_both(ran: Project) -> None:
    claims = ran.table("claims").groupby(["study", "task"]).size().to_dict()
    assert claims == {("malach2020", "digits"): 8, ("gaier2019", "digits"): 4, ("gaier2019", "swing-up"): 4}
    reports = ran.folder / "reports/config"
    drawn = {path.name for path in reports.rglob("*.svg")}
    assert drawn == {
        *("subset-sums-digits.svg", "construction-digits.svg"),
        *(f"{kind}-{task}.svg" for kind in ("evolution", "topology") for task in TASKS),
    }
