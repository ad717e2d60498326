"""The line at the end of a run: where its wall time went."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lth_core.runtime import timing


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The logs of a run that began at 1000 s and is asked for its summary at 1050 s."""
    clock = iter([1000.0, 1050.0])
    monkeypatch.setattr(timing.time, "time", lambda: next(clock))
    folder = str(tmp_path / "logs")
    timing.start(folder)
    return folder


def log(logs: str, name: str, text: str, written_at: float) -> None:
    path = Path(logs, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (written_at, written_at))


def test_the_seconds_of_all_trainings_are_added_up(logs: str) -> None:
    log(logs, "mini/dense.log", "device cpu\nseconds: train 20.5 evaluate 4.000 on 1 core(s)\n", 1020)
    log(logs, "mini/imp/level_1/retrain.log", "seconds: train 9.5 evaluate 1.0 on 1 core(s)\n", 1040)
    said = "50 s on 1 core: training 30 s, evaluation 5 s, 30% of the cores' time outside both"
    assert timing.summary(logs, 1) == said


def test_a_job_says_its_seconds_as_they_are_read(logs: str) -> None:
    log(logs, "dense.log", f"resumed\n{timing.spent(20.5, 4, 2)}\n", 1020)
    assert timing.summary(logs, 1).startswith("50 s on 1 core: training 20 s, evaluation 4 s, 2%")


def test_the_share_is_of_the_time_of_all_cores(logs: str) -> None:
    log(logs, "dense.log", "seconds: train 40.0 evaluate 10.0 on 1 core(s)\n", 1020)
    assert timing.summary(logs, 2).endswith("50% of the cores' time outside both")


def test_a_training_takes_the_time_of_all_its_cores(logs: str) -> None:
    log(logs, "dense.log", "seconds: train 40.0 evaluate 10.0 on 2 core(s)\n", 1020)
    said = "50 s on 4 cores: training 40 s, evaluation 10 s, 50% of the cores' time outside both"
    assert timing.summary(logs, 4) == said


def test_trainings_of_earlier_runs_and_other_logs_do_not_count(logs: str) -> None:
    log(logs, "old.log", "seconds: train 40.0 evaluate 10.0 on 1 core(s)\n", 900)
    log(logs, "prune.log", "seconds: many\n", 1020)
    Path(logs, "binary.log").write_bytes(b"\xff\xfe")
    assert timing.summary(logs, 2).startswith("50 s on 2 cores: training 0 s, evaluation 0 s, 100%")


def test_on_a_cluster_there_is_no_number_of_cores(logs: str) -> None:
    log(logs, "dense.log", "seconds: train 40.0 evaluate 10.0 on 1 core(s)\n", 1020)
    assert timing.summary(logs, None) == "50 s: training 40 s, evaluation 10 s"
