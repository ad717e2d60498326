"""Numbers below 1.2e-38 are 0 in a job: processors compute with them many times as slowly as with others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

from lth_core.jobs.runs import open_task


def test_they_are_0_in_every_thread_of_a_job() -> None:
    script = """
import torch
from lth_core.jobs.runs import prepare
torch.set_num_threads(2)
prepare(torch.device("cpu"))
print(int(torch.full((2**20,), 1e-20).mul_(1e-19).count_nonzero()))  # enough elements for both threads
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout == "0\n"


def test_a_training_job_is_prepared_so(data_file: Path) -> None:
    train = {"optimizer": {"name": "adam", "learning_rate": 0.01}, "batch_size": 10, "steps": 20, "evaluate_every": 5}
    task = {"dataset": "digits", "model": {"name": "lenet", "hidden": [4]}, "train": train, "cohorts": ["0-0"]}
    assert (torch.tensor(1e-20) * 1e-19).item() > 0
    open_task({"plugins": [], "task": task}, str(data_file))
    assert (torch.tensor(1e-20) * 1e-19).item() == 0
