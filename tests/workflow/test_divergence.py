"""One replicate diverges half-way through its chain, another method empties a layer: what snakemake makes of it."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
import yaml

from lth_core.storage.tensors import read_header, read_tensors
from tests.support.project import Project

PLUGIN = """
from dataclasses import replace

import numpy as np

from lth_core.registry import treatment, criterion


@treatment("upset")
def upset(ticket, rng, below):
    '''Weights too large to be trained, where the draw of this seed and level is low.'''
    scale = np.float32(1e30 if rng.random() < below else 1)
    return replace(ticket, weights={name: scale * value for name, value in ticket.weights.items()})


@criterion("second-layer-first")
def second_layer_first(trained, mask):
    return {name: np.abs(trained[name]) + (name != list(mask)[1]) for name in mask}
"""

TRAIN = {"optimizer": {"name": "adam", "learning_rate": 1.0e-2}, "batch_size": 60, "steps": 20, "evaluate_every": 10}
TASK = {"dataset": "digits", "model": {"name": "lenet", "hidden": [20, 10]}, "train": TRAIN, "cohorts": ["0-1"]}
STUDY = {
    "tasks": {"upset": "upsetting", "emptied": "collapsing"},
    "controls": ["reinit"],
    "control_levels": [3],
    "histogram_levels": [],
    "one_shot": False,
    "continued": False,
}
CONFIG = {
    "device": "cpu",
    "plugins": ["upsetting"],
    "tasks": {"upset": TASK, "emptied": TASK},
    "methods": {
        "upsetting": {"levels": 3, "rate": 0.4, "treatment": {"name": "upset", "below": 0.055}},
        "collapsing": {"levels": 3, "rate": 0.4, "scope": "global", "criterion": "second-layer-first"},
    },
    "studies": {"frankle2019": STUDY},
}
CHAIN = "results/upset/0-1/upsetting"


@pytest.fixture(scope="module")
def ran(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Seed 0 diverges at level 2, where its random generator draws less than 0.055."""
    project = Project.create(tmp_path_factory.mktemp("upset"), finished.folder)
    (project.folder / "upsetting.py").write_text(PLUGIN)
    (project.folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    project.run()
    return project


def table(project: Project, name: str) -> pd.DataFrame:
    return pd.read_csv(project.folder / f"results/tables/config/frankle2019/{name}.csv").fillna({"layers": ""})


def test_the_chain_of_the_other_replicate_goes_on(ran: Project) -> None:
    """Its masks keep what is largest after each training, its weights are numbers, its accuracies are measured."""
    before = ["results/upset/0-1/dense/trained", *(f"{CHAIN}/level_{level}/trained" for level in (1, 2))]
    for level, path in enumerate(before, 1):
        trained, mask = (
            read_tensors(ran.folder / f"{name}.safetensors") for name in (path, f"{CHAIN}/level_{level}/mask")
        )
        for name, kept in mask.items():
            assert np.abs(trained[name][1][kept[1]]).min() >= np.abs(trained[name][1][~kept[1]]).max()
    for folder in ("level_3", "level_3/reinit"):
        trained = read_tensors(ran.folder / CHAIN / folder / "trained.safetensors")
        assert all(np.isfinite(values[1]).all() for values in trained.values())
    measured = table(ran, "measurements").query("task == 'upset' and seed == 1")
    assert len(measured) == 5 and measured.filter(like="metric").notna().all(axis=None)


def test_a_diverged_replicate_is_marked_and_nothing_of_its_chain_is_a_number_from_there_on(ran: Project) -> None:
    marks = [
        [read_header(ran.folder / CHAIN / f"level_{level}" / f"{file}.safetensors")["diverged"] for level in (1, 2, 3)]
        for file in ("mask", "trained")
    ]
    fine, lost = [False, False], [True, False]
    assert marks == [[fine, fine, lost], [fine, lost, lost]]
    measured = table(ran, "measurements").query("task == 'upset' and seed == 0").set_index(["level", "branch"])
    accuracies = measured.filter(like="metric")
    assert accuracies.loc[:1].notna().all(axis=None) and accuracies.loc[2:].isna().all(axis=None)
    assert list(accuracies.loc[2:].index) == [(2, "ticket"), (3, "reinit"), (3, "ticket")]
    assert (measured["diverged"] == measured["test_metric_end"].isna()).all()
    history = pd.read_csv(ran.folder / CHAIN / "level_2/history.csv").query("seed == 0")
    assert len(history) == 3 * 3 and history[["loss", "accuracy"]].isna().all(axis=None)
    kept = [read_header(ran.folder / CHAIN / f"level_{level}/mask.safetensors")["kept"] for level in (1, 2, 3)]
    assert all(ours == theirs for level in kept for ours, theirs in level.values())  # its density is no other


def test_divergence_is_in_rows_of_a_table_and_lines_of_the_page(ran: Project) -> None:
    rows = table(ran, "divergence")
    upset = rows[rows["task"] == "upset"][["level", "branch", "seed", "kind", "step"]]
    assert sorted(upset.fillna(-1).itertuples(index=False, name=None)) == [
        (2, "ticket", 0, "diverged", 0),
        (3, "reinit", 0, "no ticket", -1),
        (3, "ticket", 0, "no ticket", -1),
    ]
    page = ran.read("reports/config/index.html")
    assert "seed 0 diverged at level 2, seen first at step 0" in page and "seed 0 has no ticket at level 3" in page


def test_a_layer_without_weights_is_said_and_the_network_measured_all_the_same(ran: Project) -> None:
    rows = table(ran, "divergence").query("task == 'emptied'")
    layer = list(read_header(ran.folder / "results/emptied/0-1/init.safetensors")["layers"])[1]
    tickets = rows[rows["branch"] == "ticket"]
    assert set(rows["kind"]) == {"layer collapse"} and set(rows["layers"]) == {layer}
    assert sorted(zip(tickets["level"], tickets["seed"], strict=True)) == list(product((1, 2, 3), (0, 1)))
    measured = table(ran, "measurements").query("task == 'emptied'")
    assert measured["test_metric_end"].notna().all() and not measured["diverged"].any()
    assert measured.query("level > 0")["test_metric_end"].max() < 0.2  # chance is 0.1
    words = f"layer collapse: nothing is left of {layer} at levels 1–3 (seeds 0, 1)"
    assert words in ran.read("reports/config/index.html")


def test_claims_count_the_replicate_that_could_not_be_measured(ran: Project) -> None:
    claims = pd.read_csv(ran.folder / "results/tables/config/claims.csv").query("task == 'upset'")
    late = claims[claims["unmeasured"] > 0]
    assert len(late) and (late["n"] + late["unmeasured"] == 2).all() and (late["verdict"] == "inconclusive").all()
    assert late["estimate"].notna().all()  # of the other one
    assert "1 <small>and 1 unmeasured" in ran.read("reports/config/index.html")
