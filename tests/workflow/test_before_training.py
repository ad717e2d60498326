"""Pruning before training, as snakemake runs it: what waits for what, and what is on the page."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import yaml

from tests.support.project import MINIATURE, Project

STUDY = {
    "tasks": {"mini": "imp"},
    "levels": [1, 2],
    "check_levels": [2],
    "criteria": ["random", "snip", "synflow"],
    "iterations": {"synflow": [3]},
    "also_trained": ["synflow-3"],
    "rungs": 1,
}
TABLES = "results/tables/config/tanaka2020"


@pytest.fixture(scope="module")
def ran(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.create(tmp_path_factory.mktemp("before_training"), finished.folder)
    methods = {"imp": {"scope": "global", "densities": [0.5, 0.2], "levels": 2}}
    config = yaml.safe_load(MINIATURE) | {"methods": methods, "studies": {"tanaka2020": STUDY}}
    (project.folder / "config.yaml").write_text(yaml.safe_dump(config))
    project.run()
    return project


def rows(project: Project, table: str) -> list[dict[str, str]]:
    with open(project.folder / TABLES / f"{table}.csv") as file:
        return list(csv.DictReader(file))


def test_collapse_waits_for_no_training(ran: Project, finished: Project, tmp_path: Path) -> None:
    anew = Project.create(tmp_path / "anew", finished.folder)
    (anew.folder / "config.yaml").write_text((ran.folder / "config.yaml").read_text())
    said = anew.snakemake("results/mini/0-1/imp-at-init-synflow-3/collapse_1.csv", "--dry-run").said
    assert "collapse" in said and "initialize" in said
    assert not any(job in said for job in ("dense", "retrain", "score ", "prune "))


def test_one_file_counts_the_masks_of_all_compressions(ran: Project) -> None:
    table = rows(ran, "collapse")
    variants = {row["pruning"] for row in table}
    assert variants == {"random", "snip", "synflow", "synflow-3", "synflow-linear", "synflow-3-linear"}
    weights = 64 * 20 + 20 * 10 + 10 * 10
    for row in table:
        alike = [other for other in table if all(other[key] == row[key] for key in ("pruning", "seed", "compression"))]
        assert sum(int(other["kept"]) for other in alike) == round(weights / float(row["compression"]))
    assert sorted({float(row["compression"]) for row in table}) == pytest.approx([10, 100, weights / 3])


def test_iterated_synflow_empties_no_layer(ran: Project) -> None:
    for row in rows(ran, "critical"):
        if row["pruning"] == "synflow":
            assert float(row["critical"]) == pytest.approx(float(row["maximal"]))


def test_saliency_is_conserved_layer_by_layer(ran: Project) -> None:
    for row in rows(ran, "conservation"):
        if row["score"] in ("synflow", "snip"):
            assert row["unit_difference"] == "" or float(row["unit_difference"]) < 1e-5


def test_claims_and_figures_are_made(ran: Project) -> None:
    with open(ran.folder / "results/tables/config/claims.csv") as file:
        assert {row["study"] for row in csv.DictReader(file)} == {"tanaka2020"}
    page = (ran.folder / "reports/config/index.html").read_text()
    for figure in ("collapse-mini", "conservation-mini", "accuracy-mini", "checks-mini"):
        assert (ran.folder / f"reports/config/tanaka2020/{figure}.png").exists() and figure in page
