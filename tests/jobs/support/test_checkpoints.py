"""Which checkpoints a run makes, and what a training keeps for them."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from lth_core.jobs.support.checkpoints import (
    CHECKPOINTS_VARIABLE,
    MOST_BYTES,
    by_training,
    checkpoint_file,
    identity_of,
    kept_file,
    missing_steps,
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


@pytest.fixture
def training(tmp_path: Path) -> dict[str, str]:
    """The input files of a training."""
    write_tensors(tmp_path / "init.safetensors", TENSORS, {})
    return {"--initial": str(tmp_path / "init.safetensors")}


def test_a_training_is_identified_by_its_spec_and_what_its_files_hold(training: dict[str, str]) -> None:
    identity = identity_of(SPEC, training)
    write_tensors(training["--initial"], TENSORS, {"rewritten": True})
    assert identity_of(SPEC, training) == identity != identity_of(SPEC | {"step": 1}, training)
    write_tensors(training["--initial"], {"weight": -TENSORS["weight"]}, {})
    assert identity_of(SPEC, training) != identity


def test_steps_are_missing_unless_the_same_training_kept_or_made_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CHECKPOINTS_VARIABLE, json.dumps({tmp_path.as_posix(): [5, 10, 20, 30, 40]}))
    write_tensors(kept_file(tmp_path, 5), TENSORS, {"identity": "a"}, renamed_to=checkpoint_file(tmp_path, 5))
    write_tensors(checkpoint_file(tmp_path, 10), TENSORS, {"identity": "a"})
    write_tensors(checkpoint_file(tmp_path, 20), TENSORS, {"identity": "b"})
    kept_file(tmp_path, 30).write_text("soup")
    assert missing_steps(tmp_path, 5, "a") == [5, 20, 30, 40]
    assert missing_steps(tmp_path, 7, "b") == [5, 7, 10, 30, 40]


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
