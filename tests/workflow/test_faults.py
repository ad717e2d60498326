"""Some faults of the campaign (`make faults`): the same command mends them, and redoes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.campaign import strike
from tests.workflow.project import Project


@pytest.mark.parametrize(
    "kind", ["kill -9 of the job server", "kill -9 of a job", "damaged artifacts", "disk full", "clock jumps"]
)
def test_the_same_command_mends_what_faults_have_left(finished: Project, tmp_path: Path, kind: str) -> None:
    _, became = strike(finished, tmp_path / "project", kind, seed=2, pace=4)
    if became.startswith("skipped"):
        pytest.skip(became)
    assert became.startswith("ok"), became
