"""Checkpoints cost no training where the training kept them, and one for all of those that are asked for later."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lth_core.storage.tensors import read_header, read_tensors
from tests.support.project import DENSE, RUN, Project, touched

HISTORY = f"{DENSE}/history.csv"


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


def test_a_training_keeps_the_checkpoints_of_its_run(fresh: Project) -> None:
    run = fresh.run(*at(10, 20, 35))
    assert run.jobs == {
        "data digits",
        "initialize mini seeds 0-1",
        "dense mini seeds 0-1",
        *(f"checkpoint at step {step} of mini seeds 0-1" for step in (10, 20, 35)),
    }
    assert trained_steps(fresh, 10, 20, 35) == [0, 0, 0]
    assert steps_of(fresh.folder / "logs/mini/0-1/dense.log") == 40
    headers = [read_header(fresh.folder / path) for path in at(10, 20, 35)]
    assert [header["step"] for header in headers] == [10, 20, 35]
    assert not list((fresh.folder / DENSE).glob(".at_*"))


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


def test_an_interrupted_training_still_leaves_all_of_them(fresh: Project) -> None:
    """Hidden files may be missing: the training went on from a state behind a step that is asked for only now."""
    fresh.run(HISTORY)
    fresh.run(*at(30))
    (fresh.folder / DENSE / ".at_10.kept.safetensors").write_text("soup")
    fresh.run(*at(10))
    assert trained_steps(fresh, 10) == [10]
    assert read_header(fresh.folder / at(10)[0])["step"] == 10


def test_another_recipe_makes_other_checkpoints(fresh: Project) -> None:
    fresh.run(*at(10))
    first = read_tensors(fresh.folder / at(10)[0])
    fresh.edit("config.yaml", ("learning_rate: 1.2e-3", "learning_rate: 1.0e-3"))
    run = fresh.run(*at(10))
    assert {"dense mini seeds 0-1", "checkpoint at step 10 of mini seeds 0-1"} == run.jobs
    second = read_tensors(fresh.folder / at(10)[0])
    assert trained_steps(fresh, 10) == [0]
    assert any((first[name] != second[name]).any() for name in first)


def test_branches_keep_theirs_as_well(project: Project) -> None:
    branch = f"{RUN}/imp/level_1/reinit"
    first = project.run(*at(5, 15, folder=branch))
    assert len(first.jobs) == 2
    kept = project.hashes()
    for path in [*at(5, 15, folder=branch), f"{branch}/history.csv"]:
        (project.folder / path).unlink()
    project.run(*at(5, 15, folder=branch))
    assert project.hashes() == kept
    logs = [project.read(f"logs/mini/0-1/imp/level_1/reinit_at_{step}.log") for step in (5, 15)]
    assert not any("device cpu" in log for log in logs)
