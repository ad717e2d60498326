"""Several GPUs of one machine are shared out by job."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lth_core.jobs.support import trainings
from lth_core.runtime.gpus import take_gpu

ROOT = Path(__file__).parents[2]
JOB = (
    "import sys; from lth_core.runtime.gpus import take_gpu; "
    "print(take_gpu(int(sys.argv[1])), flush=True); sys.stdin.read()"
)


class Jobs:
    """Processes that take a GPU and hold it until they are told to end."""

    def __init__(self, folder: Path):
        self.environment = {"TMPDIR": str(folder), "PYTHONPATH": str(ROOT), "PATH": ""}
        self.running: list[subprocess.Popen[str]] = []

    def start(self, gpus: int, visible: str = "") -> int:
        """The index of the GPU that the next job takes."""
        process = subprocess.Popen(
            [sys.executable, "-c", JOB, str(gpus)],
            env=self.environment | ({"CUDA_VISIBLE_DEVICES": visible} if visible else {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.running.append(process)
        return int(process.stdout.readline())

    def kill(self, index: int) -> None:
        process = self.running.pop(index)
        process.kill()
        process.communicate()


@pytest.fixture
def jobs(tmp_path: Path):
    jobs = Jobs(tmp_path)
    yield jobs
    while jobs.running:
        jobs.kill(0)


def test_each_job_takes_the_gpu_that_the_fewest_others_use(jobs: Jobs) -> None:
    assert [jobs.start(2) for _ in range(5)] == [0, 1, 0, 1, 0]


def test_the_gpu_of_a_killed_job_is_free_again(jobs: Jobs) -> None:
    assert [jobs.start(3) for _ in range(3)] == [0, 1, 2]
    jobs.kill(1)
    assert jobs.start(3) == 1


def test_runs_that_see_other_gpus_do_not_mistake_them_for_their_own(jobs: Jobs) -> None:
    assert jobs.start(2, visible="4,5") == 0
    assert jobs.start(2, visible="5,4") == 0  # GPU 5, for 4 is taken
    assert jobs.start(2, visible="6,7") == 0


def test_a_gpu_that_is_not_there_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LTH_DEVICE", "cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(
        trainings.DeviceError, match=r"^device: cuda, but torch finds no GPU that it can use; use 'auto' or"
    ):
        trainings.choose_device()


def test_a_job_trains_on_the_gpu_that_it_takes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LTH_DEVICE", "cuda")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    chosen = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    take_gpu(3)
    assert str(trainings.choose_device()) == "cuda"  # artifacts say no more
    assert chosen == [1]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    trainings.choose_device()
    assert chosen == [1]
