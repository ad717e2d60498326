"""Numbers below 1.2e-38 are 0 in a job: processors compute with them many times as slowly as with others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from lth_core.jobs.support.trainings import open_task

ROOT = Path(__file__).resolve().parents[3]


def test_they_are_0_in_every_thread_of_a_job() -> None:
    script = """
import torch
from lth_core.jobs.support.trainings import prepare
torch.set_num_threads(2)
prepare(torch.device("cpu"))
print(int(torch.full((2**20,), 1e-20).mul_(1e-19).count_nonzero()))  # enough elements for both threads
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"


@pytest.fixture
def spec() -> dict[str, Any]:
    train = {"optimizer": {"name": "adam", "learning_rate": 0.01}, "batch_size": 10, "steps": 20, "evaluate_every": 5}
    task = {"dataset": "digits", "model": {"name": "lenet", "hidden": [4]}, "train": train, "cohorts": ["0-0"]}
    return {"modules": [], "task": task}


def test_a_training_job_is_prepared_so(data_file: Path, spec: dict[str, Any]) -> None:
    assert (torch.tensor(1e-20) * 1e-19).item() > 0
    open_task(spec, str(data_file))
    assert (torch.tensor(1e-20) * 1e-19).item() == 0


def test_threads_that_a_plugin_starts_are_prepared_so(tmp_path: Path, data_file: Path, spec: dict[str, Any]) -> None:
    (tmp_path / "busy.py").write_text("import torch\ntorch.arange(2**20).float().sqrt()\n")
    modules = ["lth_core.models.networks.lenet", "lth_core.tasks.objectives.classification", "busy"]
    script = f"""
import torch
from lth_core.jobs.support.trainings import open_task
torch.set_num_threads(2)
open_task({spec | {"modules": modules}!r}, {str(data_file)!r})
print(int(torch.full((2**20,), 1e-20).mul_(1e-19).count_nonzero()))
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines()[-1] == "0"
