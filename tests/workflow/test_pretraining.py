"""Tasks whose theta_0 is the trained weights of other tasks, as snakemake runs them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lth_core.storage.tensors import Tensors, read_header, read_tensors
from tests.support.project import Project

CONFIG = """\
device: cpu
datasets:
  turned: {source: digits, transforms: [rotation]}
tasks:
  first: &task
    dataset: turned
    model: {name: lenet, hidden: [20, 10]}
    train:
      optimizer: {name: rmsprop, learning_rate: 1.0e-3}
      clip_norm: 1
      batch_size: 60
      steps: 40
      evaluate_every: 20
    cohorts: ["0-1"]
  second: {<<: *task, dataset: digits, initialization: {from: {task: first, step: 20}}}
  third: {<<: *task, dataset: digits, initialization: {from: {task: second}}}
methods:
  imp: {levels: 1}
studies:
  frankle2019: {tasks: {third: imp}, controls: [reinit], histogram_levels: [], one_shot: false, continued: false}
"""


@pytest.fixture(scope="module")
def ran(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.create(tmp_path_factory.mktemp("pretraining"), finished.folder)
    (project.folder / "config.yaml").write_text(CONFIG)
    project.run()
    return project


def path(project: Project, name: str) -> Path:
    return project.folder / "results" / f"{name}.safetensors"


def tensors(project: Project, name: str) -> Tensors:
    return read_tensors(path(project, name))


def test_theta_0_is_the_other_tasks_weights_of_that_step_but_for_another_head(ran: Project) -> None:
    """Rotations have four classes, digits ten."""
    start, trained = tensors(ran, "second/0-1/init"), tensors(ran, "first/0-1/dense/at_20")
    said = read_header(path(ran, "second/0-1/init"))["from"]
    fitting = {name for name, value in trained.items() if value.shape == start[name].shape}
    assert {*said["taken"]} == fitting and said["step"] == 20 and len(fitting) == len(start) - 2
    assert all(np.array_equal(start[name], trained[name]) for name in fitting)
    assert all(start[name].shape[1] == 10 for name in start.keys() - fitting)


def test_without_a_step_it_is_the_end_of_the_other_training_with_everything_that_fits(ran: Project) -> None:
    start, trained = tensors(ran, "third/0-1/init"), tensors(ran, "second/0-1/dense/trained")
    assert start.keys() == trained.keys() and all(np.array_equal(start[name], trained[name]) for name in start)
    assert read_header(path(ran, "third/0-1/init"))["from"] == {"step": 40, "taken": sorted(start)}


def test_tickets_go_back_to_these_weights_and_reinitialized_ones_to_a_new_draw(ran: Project) -> None:
    level = ran.folder / "results/third/0-1/imp/level_1"
    start = {row.split(",")[4] for row in (level / "history.csv").read_text().splitlines() if ",0,validation," in row}
    fresh = (level / "reinit/history.csv").read_text().splitlines()
    assert start and not start & {row.split(",")[4] for row in fresh if ",0,validation," in row}


def test_the_other_task_is_trained_only_as_far_as_it_is_needed(ran: Project) -> None:
    assert not path(ran, "first/0-1/dense/trained").exists()
    assert "from" not in read_header(path(ran, "first/0-1/init"))


def test_nothing_is_left_to_do_until_the_other_training_changes(ran: Project, tmp_path: Path) -> None:
    assert ran.run("--dry-run").nothing_to_do
    other = ran.copy(tmp_path / "other")
    other.edit("config.yaml", ("from: {task: first, step: 20}", "from: {task: first, step: 10}"))
    jobs = other.would_run()
    assert "initialize second seeds 0-1" in jobs and "checkpoint at step 10 of first seeds 0-1" in jobs
    assert "initialize first seeds 0-1" not in jobs


def test_a_network_whose_weights_do_not_fit_is_refused_before_anything_is_trained(ran: Project, tmp_path: Path) -> None:
    other = ran.copy(tmp_path / "other")
    other.edit(
        "config.yaml",
        (
            "dataset: digits, initialization: {from: {task: second}}",
            "dataset: digits, model: {name: lenet, hidden: [7, 5]}, initialization: {from: {task: second}}",
        ),
    )
    run = other.snakemake()
    assert run.status and "tasks.third.initialization.from.task: 'second' does not fit" in run.said
    assert not run.jobs
