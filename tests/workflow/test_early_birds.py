"""Early-bird tickets, as snakemake runs them: masks of every epoch, tickets drawn at some, and what is on the page."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import yaml

from lth_core.storage.tensors import read_tensors
from tests.support.project import Project

CONFIG = {
    "device": "cpu",
    "tasks": {
        "mini": {
            "dataset": "digits",
            "model": {"name": "resnet-8", "width": 0.25},
            "train": {
                "optimizer": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9},
                "batch_size": 30,
                "steps": 12,
                "evaluate_every": 6,
                "penalty": 1e-3,
            },
            "cohorts": ["0-1"],
        }
    },
    "methods": {
        "channels": {
            "criterion": "batch-norm-scale",
            "granularity": "channel",
            "scope": "global",
            "iterative": False,
            "densities": [0.5],
            "levels": 1,
        }
    },
    "studies": {"you2020": {"tasks": {"mini": "channels"}, "epoch_steps": 2, "draw_epochs": [5, 6], "small_rate": 0}},
}
KINDS = ("retrained", "random", "reinit", "low-precision-search")
MASKS = "results/mini/0-1/channels/channel_masks_2.csv"


@pytest.fixture(scope="module")
def ran(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.create(tmp_path_factory.mktemp("early_birds"), finished.folder)
    (project.folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    project.run()
    return project


def rows(path: Path) -> list[dict[str, str]]:
    with open(path) as file:
        return list(csv.DictReader(file))


def test_masks_are_compared_from_the_end_of_the_first_epoch_on(ran: Project) -> None:
    masks = rows(ran.folder / MASKS)
    assert [(int(row["step"]), int(row["seed"])) for row in masks] == [
        (s, seed) for s in range(2, 13, 2) for seed in (0, 1)
    ]
    groups = {tuple(sorted(len(group) for group in row["channels"].split(" "))) for row in masks}
    assert groups == {(4, 4, 8, 8, 16, 16)}  # inside of three blocks, and three residual sums
    assert all(row["channels"].count("K") == 28 for row in masks)


def test_the_masks_of_the_table_are_those_that_tickets_are_drawn_with(ran: Project) -> None:
    mask = read_tensors(ran.folder / "results/mini/0-1/channels-drawn-at-10/level_1/mask.safetensors")
    for seed in (0, 1):
        (row,) = [row for row in rows(ran.folder / MASKS) if (row["step"], row["seed"]) == ("10", str(seed))]
        kept = {tuple(kept[seed].any(axis=(1, 2, 3))) for name, kept in mask.items() if kept.ndim == 5}
        parts = {len(of): "".join("K" if one else "p" for one in of) for of in kept}
        assert all(part in row["channels"] for part in parts.values())


def test_tables_claims_and_figures_are_made(ran: Project) -> None:
    tables = ran.folder / "results/tables/config"
    measured = rows(tables / "you2020/measurements.csv")
    networks = {(row["network"], row["epoch"]) for row in measured}
    assert networks == {
        ("dense", "0"),
        ("iterative", "0"),
        ("continued", "5"),
        *((network, epoch) for network in KINDS for epoch in ("5", "6")),
    }
    cost = {(row["network"], row["epoch"], row["seed"]): float(row["cost"]) for row in measured}
    smaller = cost["retrained", "5", "0"] - 5 / 6
    assert 0.1 < smaller < 0.7
    assert cost["continued", "5", "0"] == pytest.approx(5 / 6 + smaller / 6)
    assert {row["study"] for row in rows(tables / "claims.csv")} == {"you2020"}
    agreements = rows(tables / "you2020/agreements.csv")
    assert {int(row["epoch"]) for row in agreements} == {*range(1, 7)}
    assert any(float(row["distance"]) > 0 for row in agreements)
    page = (ran.folder / "reports/config/index.html").read_text()
    for figure in ("draws-mini", "distances-mini", "settling-mini", "precision-mini", "costs-mini"):
        assert (ran.folder / f"reports/config/you2020/{figure}.png").exists() and figure in page
