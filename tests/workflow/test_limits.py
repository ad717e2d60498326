"""The deepest chain that a config may ask for can be planned; a deeper one is one line, not a RecursionError."""

from __future__ import annotations

import re
from pathlib import Path

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
