"""Some faults of the campaign (`make faults`): the same command mends them, and redoes nothing."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from tests.faults.campaign import strike
from tests.support.project import DENSE, RUN, TABLES, Project, touched


@pytest.mark.parametrize(
    ("kind", "seed"),
    [
        ("kill -9 of the job server", 2),
        ("kill -9 of a job", 2),
        ("damaged artifacts", 4),  # four of them: each is made again by a run of its own
        ("disk full", 14068),  # of most seeds the disk has room enough
        ("clock jumps", 2),
    ],
)
def test_the_same_command_mends_what_faults_have_left(finished: Project, tmp_path: Path, kind: str, seed: int) -> None:
    struck, became = strike(finished, tmp_path / "project", kind, seed=seed, pace=4)
    if became.startswith("skipped"):
        pytest.skip(became)
    assert became.startswith("ok"), became
    assert struck or kind.startswith("kill"), "nothing happened"  # a process may end before it can be killed


@pytest.mark.parametrize("damaged", [f"{RUN}/init.safetensors", f"{DENSE}/trained.safetensors", TABLES])
def test_what_was_made_of_a_file_outlives_its_damage(project: Project, damaged: str) -> None:
    """Snakemake removes what a job makes when it starts: so none starts on a file that was changed and is damaged."""
    before = project.files()
    os.truncate(project.folder / damaged, (project.folder / damaged).stat().st_size // 2)
    stopped = project.snakemake()
    assert stopped.status != 0 and f"\nerror: {damaged}: " in stopped.said
    assert touched(before, project.files()) == {damaged}
    advice = re.search(r"snakemake (--force \S+ .*)$", stopped.said, re.MULTILINE)
    project.run(*shlex.split(advice[1]))
    assert project.hashes() == {path: digest for path, (_, digest) in before.items()}
    assert project.run().nothing_to_do
    assert {Path(path).parent for path in touched(before, project.files())} == {Path(damaged).parent}  # of its own job
