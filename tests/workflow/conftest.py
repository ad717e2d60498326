"""One finished run for all scenarios; each gets a copy of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.project import Project


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The miniature, run to its end. Scenarios look at it, but change nothing."""
    project = Project.create(tmp_path_factory.mktemp("finished"))
    (project.folder / "first_run.txt").write_text(project.run().said)
    return project


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished project to change."""
    return finished.copy(tmp_path / "project")
