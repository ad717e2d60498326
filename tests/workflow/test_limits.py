"""The deepest chain that a config may ask for can be planned; a deeper one, or a run on no core, is one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lth_core.config.methods import MAX_LEVELS
from tests.support.project import Finished, Project


def planned(finished: Project, folder: Path, levels: int) -> Finished:
    project = Project.create(folder, finished.folder)
    project.edit("config.yaml", ("levels: 2", f"levels: {levels}"))
    return project.snakemake("--dry-run", "--quiet", "rules", "host")


def test_the_deepest_chain_can_be_planned(finished: Project, tmp_path: Path) -> None:
    run = planned(finished, tmp_path / "project", MAX_LEVELS)
    assert run.status == 0, run.said
    assert re.search(rf"^retrain +{MAX_LEVELS}$", run.said, re.MULTILINE)


def test_a_deeper_one_is_one_line(finished: Project, tmp_path: Path) -> None:
    run = planned(finished, tmp_path / "project", MAX_LEVELS + 1)
    assert run.status == 1 and "RecursionError" not in run.said
    line = "methods.imp.levels: must be at most 200: Snakemake cannot follow a longer chain of jobs (got 201)"
    assert [line in said for said in run.said.splitlines()].count(True) == 1


@pytest.mark.parametrize("option", ["--cores", "--jobs"])
@pytest.mark.parametrize("count", ["0", "-1"])
def test_a_run_on_no_core_is_one_line(finished: Project, tmp_path: Path, option: str, count: str) -> None:
    project = finished.copy(tmp_path / "project")
    run = Finished.of(project.start("--forcerun", "claims", option, count), seconds=120)
    assert run.status == 1 and run.said.splitlines()[-1] == f"error: {option} {count}: must be at least 1"
    assert project.hashes() == finished.hashes()
