"""Which checkpoints a run makes, and what a training keeps for them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from lth_core.jobs.support.checkpoints import (
    CHECKPOINTS_VARIABLE,
    MOST_BYTES,
    by_training,
    checkpoint_file,
    discard_kept,
    is_kept,
    kept_file,
    one_at_a_time,
    steps_of_run,
)
from lth_core.storage.tensors import write_tensors
from tests.support.artifact_samples import TENSORS

DENSE = "results/mini/0-1/dense"
SPEC = {"seeds": [0, 1]}


def test_the_checkpoints_among_files_are_listed_by_training(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [f"{DENSE}/{name}" for name in ("at_10.safetensors", "at_5.safetensors", "trained.safetensors")]
    text = by_training([*files, "results/mini/0-1/imp/level_1/reinit/at_7.safetensors", "results/claims.csv"])
    monkeypatch.setenv(CHECKPOINTS_VARIABLE, text)
    assert sorted(steps_of_run(Path(DENSE))) == [5, 10]
    assert steps_of_run("results/mini/0-1/imp/level_1/reinit") == [7]
    assert steps_of_run("results/mini/2-3/dense") == []


def test_without_a_workflow_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CHECKPOINTS_VARIABLE, raising=False)
    assert steps_of_run(DENSE) == []


def test_more_than_the_environment_holds_are_left_out() -> None:
    many = [f"results/task-{index}/0-1/dense/at_1.safetensors" for index in range(MOST_BYTES // 30)]
    assert by_training(many) == "{}"


def test_only_what_the_same_training_kept_counts(tmp_path: Path) -> None:
    assert not is_kept(tmp_path, 5, SPEC)
    header = {"provenance": {"spec": SPEC}}
    write_tensors(kept_file(tmp_path, 5), TENSORS, header, renamed_to=checkpoint_file(tmp_path, 5))
    assert is_kept(tmp_path, 5, SPEC)
    assert not is_kept(tmp_path, 5, SPEC | {"plugins": ["mine"]}) and not is_kept(tmp_path, 6, SPEC)
    kept_file(tmp_path, 6).write_bytes(kept_file(tmp_path, 5).read_bytes()[:-1])
    assert not is_kept(tmp_path, 6, SPEC)


def test_a_new_training_discards_what_another_kept_but_no_checkpoint(tmp_path: Path) -> None:
    for path in (kept_file(tmp_path, 5), checkpoint_file(tmp_path, 5), tmp_path / ".trained.resume.safetensors"):
        path.touch()
    discard_kept(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"at_5.safetensors", ".trained.resume.safetensors"}


def test_jobs_of_one_training_take_turns(tmp_path: Path) -> None:
    entered = threading.Event()

    def enter() -> None:
        with one_at_a_time(tmp_path):
            entered.set()

    other = threading.Thread(target=enter)
    with one_at_a_time(tmp_path):
        other.start()
        assert not entered.wait(0.2)
    other.join(10)
    assert entered.is_set()
