"""One finished run for all scenarios; each gets a copy of it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from tests.support.project import Project


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The miniature, run to its end, once for all processes of the tests. Scenarios look at it, but change nothing."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    with open(folder / "finished.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        project = Project(folder / "finished")
        if not (project.folder / "first_run.txt").exists():
            project = Project.create(project.folder)
            (project.folder / "first_run.txt").write_text(project.run().said)
    return project


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished project to change."""
    return finished.copy(tmp_path / "project")
