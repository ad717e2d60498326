"""Branches that take a ticket or weights from another task, or spawn copies of a run, as snakemake runs them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from lth_core.storage.tensors import Tensors, read_tensors
from tests.support.project import Project

CONFIG = """\
device: cpu
datasets:
  half-a: {source: digits, transforms: [{name: half, part: a}]}
  half-b: {source: digits, transforms: [{name: half, part: b}]}
  turned: {source: digits, transforms: [rotation]}
tasks:
  a: &task
    dataset: half-a
    model: {name: lenet, hidden: [20, 10]}
    train: {optimizer: {name: adam, learning_rate: 1.2e-3}, batch_size: 60, steps: 40, evaluate_every: 20}
    cohorts: ["0-1"]
  b: {<<: *task, dataset: half-b}
  turned: {<<: *task, dataset: turned}
methods:
  imp: {levels: 1}
branches:
  from-b: {treatment: ticket, source: b}
  late: {treatment: ticket, order: 1, order_from: 20}
  reset-from-a: {treatment: reset, source: a}
  pretrained: {treatment: ticket, weights: {task: turned, step: 20}}
  pretrained-sparse: {treatment: ticket, weights: {task: turned, step: 20, branch: reset-from-a}}
studies:
  frankle2019:
    tasks: {a: imp}
    controls: [from-b, late, pretrained, pretrained-sparse]
    histogram_levels: []
    one_shot: false
    continued: false
"""
LEVEL = "imp/level_1"


@pytest.fixture(scope="module")
def ran(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.create(tmp_path_factory.mktemp("other"), finished.folder)
    (project.folder / "config.yaml").write_text(CONFIG)
    project.run()
    return project


def tensors(project: Project, path: str) -> Tensors:
    return read_tensors(project.folder / "results" / f"{path}.safetensors")


def history(project: Project, folder: str) -> list[dict[str, str]]:
    with Path(project.folder, "results", folder, "history.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_transferred_ticket_has_the_mask_of_its_source(ran: Project) -> None:
    target, source = (tensors(ran, f"{task}/0-1/{LEVEL}/mask") for task in "ab")
    transferred = tensors(ran, f"a/0-1/{LEVEL}/from-b/mask")
    assert all(np.array_equal(transferred[name], source[name]) for name in source)
    assert any(not np.array_equal(transferred[name], target[name]) for name in target)


def test_a_copy_is_the_ticket_up_to_the_step_that_it_is_spawned_at(ran: Project) -> None:
    ticket, copy = (history(ran, f"a/0-1/{LEVEL}{branch}") for branch in ("", "/late"))
    assert [row for row in ticket if int(row["step"]) <= 20] == [row for row in copy if int(row["step"]) <= 20]
    assert [row for row in ticket if int(row["step"]) > 20] != [row for row in copy if int(row["step"]) > 20]


def test_sparse_pretraining_trains_under_the_tickets_mask_and_stops_at_its_step(ran: Project) -> None:
    mask = tensors(ran, f"a/0-1/{LEVEL}/mask")
    folder = f"turned/0-1/{LEVEL}/reset-from-a"
    pretrained = tensors(ran, f"{folder}/at_20")
    for name, kept in mask.items():
        if pretrained[name].shape == kept.shape:  # rotations have four classes: another output layer
            assert not pretrained[name][~kept].any()
    assert {path.name for path in Path(ran.folder, "results", folder).glob("[!.]*")} == {"at_20.safetensors"}


def test_dense_pretraining_starts_the_ticket_from_weights_of_the_other_task(ran: Project) -> None:
    start = {row["loss"] for row in history(ran, f"a/0-1/{LEVEL}") if row["step"] == "0"}
    for branch in ("pretrained", "pretrained-sparse"):
        pretrained = {row["loss"] for row in history(ran, f"a/0-1/{LEVEL}/{branch}") if row["step"] == "0"}
        assert not start & pretrained


def test_another_task_is_trained_only_as_far_as_it_is_needed(ran: Project) -> None:
    trained = {path.relative_to(ran.folder / "results").as_posix() for path in ran.folder.rglob("history.csv")}
    branches = {f"a/0-1/{LEVEL}/{name}/history.csv" for name in ("from-b", "late", "pretrained", "pretrained-sparse")}
    assert trained == branches | {f"a/0-1/{LEVEL}/history.csv", "a/0-1/dense/history.csv", "b/0-1/dense/history.csv"}
