"""An origin tells the outputs of a job from those of another one, wherever they were copied."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from lth_core.storage.files import write_text
from lth_core.storage.origins import content_of, origin_file, read_origin, write_origin
from lth_core.storage.tensors import write_tensors

INPUT, WEIGHTS, HISTORY = "init.safetensors", "dense/trained.safetensors", "dense/history.csv"


class Job:
    """The files of a dense training in a results folder."""

    def __init__(self, results: Path):
        self.results = results
        self.inputs = [f"{results}/mini/0-1/{INPUT}"]
        self.outputs = [f"{results}/mini/0-1/{WEIGHTS}", f"{results}/mini/0-1/{HISTORY}"]

    def is_that_of(self, asked: str) -> bool:
        origin = read_origin(self.outputs)
        return origin is not None and origin.holds(asked, self.inputs, self.outputs, content_of)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    job = Job(tmp_path / "results")
    for value, path in enumerate([*job.inputs, job.outputs[0]]):
        write_tensors(path, {"weight": np.full(3, value)}, {"step": 0})
    write_text(job.outputs[1], "step,loss\n0,1\n")
    write_origin("learning rate 0.1", job.inputs, job.outputs)
    return job


def test_the_same_job_with_the_same_files_is_known_and_another_is_not(job: Job) -> None:
    assert job.is_that_of("learning rate 0.1")
    assert not job.is_that_of("learning rate 0.2")


def test_it_holds_wherever_the_results_are_copied_and_whatever_their_times(job: Job, tmp_path: Path) -> None:
    shutil.copytree(job.results, tmp_path / "elsewhere/mine", copy_function=shutil.copyfile)
    assert Job(tmp_path / "elsewhere/mine").is_that_of("learning rate 0.1")


@pytest.mark.parametrize("changed", [INPUT, WEIGHTS, HISTORY])
def test_another_content_is_another_origin(job: Job, changed: str) -> None:
    path = job.results / "mini/0-1" / changed
    if changed == HISTORY:
        write_text(path, "step,loss\n0,2\n")
    else:
        write_tensors(path, {"weight": np.full(3, 7)}, {"step": 0})
    assert not job.is_that_of("learning rate 0.1")


def test_another_header_is_another_content(job: Job) -> None:
    write_tensors(job.inputs[0], {"weight": np.zeros(3)}, {"step": 1})
    assert not job.is_that_of("learning rate 0.1")


def test_another_set_of_files_is_another_origin(job: Job) -> None:
    more = f"{job.results}/mini/0-1/dense/at_5.safetensors"
    origin = read_origin(job.outputs)
    assert not origin.holds("learning rate 0.1", [*job.inputs, more], job.outputs, content_of)
    assert not origin.holds("learning rate 0.1", job.inputs, [*job.outputs, more], content_of)


@pytest.mark.parametrize("path", [INPUT, WEIGHTS, HISTORY])
def test_what_was_deleted_or_damaged_is_no_other_file(job: Job, path: str) -> None:
    file = job.results / "mini/0-1" / path
    file.write_bytes(file.read_bytes()[:-1])
    assert job.is_that_of("learning rate 0.1")
    file.unlink()
    assert job.is_that_of("learning rate 0.1")


@pytest.mark.parametrize("content", ["", "soup", "[1]", '{"asked": "x"}'])
def test_files_of_no_readable_origin_belong_to_no_job(job: Job, content: str) -> None:
    origin_file(job.outputs).write_text(content)
    assert not job.is_that_of("learning rate 0.1")
    origin_file(job.outputs).unlink()
    assert not job.is_that_of("learning rate 0.1")
