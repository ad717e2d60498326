"""The checkpoints of a training are made in one pass over its first steps, and never twice."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lth_core.storage.tensors import read_header, read_tensors
from tests.support.project import DENSE, RUN, Project, touched


def at(*steps: int, folder: str = DENSE) -> list[str]:
    return [f"{folder}/at_{step}.safetensors" for step in steps]


def steps_of(log: Path) -> int:
    """The steps that a job trained, by its log."""
    steps = re.findall(r"^step (\d+)/", log.read_text(), re.MULTILINE)
    return int(steps[-1]) if steps else 0


def trained_steps(project: Project, *steps: int) -> list[int]:
    """The steps that the job of each checkpoint trained."""
    return [steps_of(project.folder / f"logs/mini/0-1/at_{step}.log") for step in steps]


@pytest.fixture
def fresh(finished: Project, tmp_path: Path) -> Project:
    """Nothing trained yet; progress is said at every fifth step."""
    project = Project.create(tmp_path / "fresh", finished.folder)
    project.edit("config.yaml", ("evaluate_every: 20", "evaluate_every: 5"))
    return project


def test_one_pass_makes_all_checkpoints_of_a_run_and_no_more_of_the_training(fresh: Project) -> None:
    run = fresh.run(*at(10, 20, 35))
    assert run.jobs == {
        "data digits",
        "initialize mini seeds 0-1",
        *(f"checkpoint at step {step} of mini seeds 0-1" for step in (10, 20, 35)),
    }
    assert sorted(trained_steps(fresh, 10, 20, 35)) == [0, 0, 35]
    headers = [read_header(fresh.folder / path) for path in at(10, 20, 35)]
    assert [header["step"] for header in headers] == [10, 20, 35]
    assert {path.name for path in (fresh.folder / DENSE).glob(".at_*")} == {
        f".at_{step}.safetensors.origin" for step in (10, 20, 35)
    }


def test_those_that_are_asked_for_later_are_trained_once_and_leave_the_others_alone(fresh: Project) -> None:
    fresh.run(*at(10, 20))
    before = fresh.files()
    run = fresh.run(*at(5, 10, 15, 20, 30))
    assert run.jobs == {f"checkpoint at step {step} of mini seeds 0-1" for step in (5, 15, 30)}
    assert sorted(trained_steps(fresh, 5, 15, 30)) == [0, 0, 30]
    assert touched(before, fresh.files()) == {*at(5, 15, 30)}
    assert fresh.run(*at(5, 10, 15, 20, 30)).nothing_to_do


def test_bits_do_not_depend_on_when_a_checkpoint_was_asked_for(fresh: Project) -> None:
    fresh.run(*at(10, 35))
    kept = fresh.hashes()
    for path in at(10, 35):
        (fresh.folder / path).unlink()
    fresh.run(*at(10))
    fresh.run(*at(35))
    assert trained_steps(fresh, 10, 35) == [10, 35]
    assert fresh.hashes() == kept


def test_what_was_kept_for_another_training_is_not_taken(fresh: Project) -> None:
    fresh.run(*at(10))
    first = read_tensors(fresh.folder / at(10)[0])
    (fresh.folder / at(10)[0]).rename(fresh.folder / DENSE / ".at_10.kept.safetensors")
    fresh.edit("config.yaml", ("learning_rate: 1.2e-3", "learning_rate: 1.0e-3"))
    fresh.run(*at(10))
    second = read_tensors(fresh.folder / at(10)[0])
    assert trained_steps(fresh, 10) == [10]
    assert any((first[name] != second[name]).any() for name in first)


def test_a_killed_job_leaves_what_it_kept_to_the_next(fresh: Project) -> None:
    fresh.run(*at(10, 20))
    before = fresh.hashes()
    (fresh.folder / at(10)[0]).rename(fresh.folder / DENSE / ".at_10.kept.safetensors")
    fresh.run(*at(10))
    assert trained_steps(fresh, 10) == [0]
    assert fresh.hashes() == before


def test_branches_have_checkpoints_of_the_same_bits(project: Project) -> None:
    branch = f"{RUN}/imp/level_1/reinit"
    run = project.run(*at(5, 15, 35, folder=branch))
    assert len(run.jobs) == 3
    together = project.hashes()
    logs = [project.read(f"logs/mini/0-1/imp/level_1/reinit_at_{step}.log") for step in (5, 15, 35)]
    assert sorted("device cpu" in log for log in logs) == [False, False, True]
    (project.folder / at(15, folder=branch)[0]).unlink()
    project.run(*at(15, folder=branch))
    assert project.hashes() == together
