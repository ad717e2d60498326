"""Finished results outlive every config that cannot run, and every job that fails in its place."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from tests.support.project import AFTER_TRAINING, BRANCH, DENSE, RUN, TABLES, Project, touched

PLUGIN = """
import time
import torch
from torch import nn
from lth_core.data.sets.digits import digits
from lth_core.registry import model, transform, treatment

def layers(classes, width=8):
    return [nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, classes)]

@model("pair")
def pair(classes, input_shape):
    class Pair(nn.Sequential):
        def forward(self, x):
            return super().forward(x), x
    return Pair(*layers(classes))

@model("few-scores")
def few_scores(classes, input_shape):
    return nn.Sequential(*layers(classes - 1))

@model("map")
def score_map(classes, input_shape):
    return nn.Conv2d(1, classes, 3)

@model("lazy-head")
def lazy_head(classes, input_shape):
    class Lazy(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(64, 8), None
        def forward(self, x):
            x = self.body(x.flatten(1)).relu()
            self.head = self.head or nn.Linear(8, classes)
            return self.head(x)
    return Lazy()

@model("hooked")
def hooked(classes, input_shape):
    module = nn.Sequential(*layers(classes))
    module[1].weight.register_hook(lambda gradient: gradient / 2)
    return module

@model("norm")
def norm(classes, input_shape):
    return nn.Sequential(*layers(classes)[:2], nn.BatchNorm1d(8), *layers(classes)[2:])

@transform("raises")
def raises(splits):
    raise RuntimeError("no such pixels")

@treatment("gives-nothing")
def gives_nothing(mask):
    return None

@transform("sleeps")
def sleeps(splits):
    time.sleep(600)
"""
MODEL = "{name: lenet, hidden: [20, 10]}"


def with_model(name: str) -> tuple[str, str]:
    return MODEL, name


TRANSFORMED = (
    "tasks:\n  mini:\n    dataset: digits\n",
    "datasets: {{digits: {{source: digits, transforms: [{}]}}}}\ntasks:\n  mini:\n    dataset: digits\n",
)


@pytest.fixture
def prepared(project: Project) -> Project:
    (project.folder / "odd.py").write_text(PLUGIN)
    return project


@pytest.mark.parametrize(
    "edits, said",
    [
        ([with_model("pair")], "returns a tuple of 2"),
        ([with_model("few-scores")], "9 scores, but there are 10 classes"),
        ([with_model("map")], "scores of shape (images, 10) are needed"),
        ([with_model("lazy-head")], "is made by its forward"),
        ([with_model("hooked")], "'1.weight' would be trained otherwise"),
        ([with_model("norm"), ("batch_size: 60", "batch_size: 1")], "fails on batches of 1"),
        ([("rate: 0.2,", "rate: 0.2, exclude: ['*.shorcut.*'],")], "matches no kind and no weight of the network"),
    ],
)
def test_what_cannot_run_is_said_before_any_job_starts(
    prepared: Project, edits: list[tuple[str, str]], said: str
) -> None:
    good, before = prepared.read("config.yaml"), prepared.files()
    prepared.edit("config.yaml", *edits)
    prepared.append("config.yaml", "plugins: [odd]\n")
    stopped = prepared.snakemake()
    assert stopped.status == 1 and not stopped.jobs and "Traceback" not in stopped.said
    last = stopped.said.strip().splitlines()[-1]
    assert last.startswith("error: ") and said in last
    assert prepared.files() == before
    (prepared.folder / "config.yaml").write_text(good)
    assert prepared.run().nothing_to_do


@pytest.mark.parametrize(
    "edits",
    [
        [(TRANSFORMED[0], TRANSFORMED[1].format("raises"))],
        [("controls: [reinit]", "controls: [odd]"), ("studies:", "branches: {odd: gives-nothing}\nstudies:")],
    ],
    ids=["a transform that raises", "a treatment that gives nothing"],
)
def test_what_only_a_job_can_tell_costs_nothing_either(prepared: Project, edits: list[tuple[str, str]]) -> None:
    good, before = prepared.read("config.yaml"), prepared.files()
    prepared.edit("config.yaml", *edits)
    prepared.append("config.yaml", "plugins: [odd]\n")
    assert prepared.snakemake().status == 1
    (prepared.folder / "config.yaml").write_text(good)
    assert prepared.run().nothing_to_do
    assert prepared.files() == before
    assert not (prepared.folder / "results/.replaced").exists()


def start_to_prepare_data_anew(project: Project) -> subprocess.Popen[str]:
    """Start a run whose first job, which makes data anew, sleeps; returns while that job runs."""
    project.edit("config.yaml", (TRANSFORMED[0], TRANSFORMED[1].format("sleeps")))
    project.append("config.yaml", "plugins: [odd]\n")
    process = project.start()
    deadline = time.monotonic() + 60
    while (project.folder / "results/data/digits.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    return process


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interruption_costs_nothing_finished(prepared: Project, how: signal.Signals) -> None:
    good, before = prepared.read("config.yaml"), prepared.files()
    process = start_to_prepare_data_anew(prepared)
    os.killpg(process.pid, how) if how == signal.SIGINT else process.send_signal(how)
    process.communicate(timeout=60)
    (prepared.folder / "config.yaml").write_text(good)
    assert prepared.run().nothing_to_do
    assert prepared.files() == before
    assert not (prepared.folder / "results/.replaced").exists()


def test_neither_does_a_dry_run_beside_the_run(prepared: Project) -> None:
    good, before = prepared.read("config.yaml"), prepared.files()
    process = start_to_prepare_data_anew(prepared)
    assert "data digits" in prepared.would_run()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    (prepared.folder / "config.yaml").write_text(good)
    assert prepared.run().nothing_to_do
    assert prepared.files() == before


def test_what_is_made_again_as_it_was_is_no_reason_to_make_anything_of_it_again(project: Project) -> None:
    before = project.files()
    assert project.run("--forcerun", "initialize").jobs == {"initialize mini seeds 0-1"}
    assert touched(before, project.files()) == {f"{RUN}/init.safetensors"}
    assert project.run().nothing_to_do


def test_what_is_asked_for_by_force_is_made_again(project: Project) -> None:
    mask = "prune mini imp level 1 seeds 0-1"
    assert mask in project.run("--forcerun", "initialize", "prune").jobs
    assert project.run("--forceall").jobs > {mask, "data digits"} | AFTER_TRAINING


def test_a_new_training_replaces_the_old_one(project: Project) -> None:
    before = project.files()
    project.edit("config.yaml", ("steps: 40", "steps: 60"))
    project.run()
    assert {f"{DENSE}/trained.safetensors", f"{BRANCH}/trained.safetensors", TABLES} <= touched(before, project.files())
    assert not (project.folder / "results/.replaced").exists() and not (project.folder / "reports/.replaced").exists()
    assert project.run().nothing_to_do
