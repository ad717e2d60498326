"""Folds of the test examples ask for one more job of each study, and only where a task has them."""

from __future__ import annotations

from pathlib import Path

from tests.support.project import Project


def test_claims_without_folds_are_tested_where_tasks_have_folds(finished: Project, tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project", finished.folder)
    without = project.would_run()
    project.edit("config.yaml", ("evaluate_every: 20", "evaluate_every: 20\n      test_folds: 4"))
    assert project.would_run() - without == {"claims of frankle2019 without folds of the test examples"}
