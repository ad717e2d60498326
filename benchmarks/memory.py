"""Peak memory of training jobs, as the kernel counts it (the largest resident set).

The job is `python -m lth_core.jobs.dense`, as on a cluster: two steps and the evaluations around them, on random images
of the data sets' shapes (of CIFAR-10's shape, only 7,000). The memory includes memory-mapped pages of the data, and the
interpreter with PyTorch.

    python -m benchmarks memory [--repetitions 1]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.project import ROOT, default_config
from benchmarks.rows import Row
from lth_core.config import Config
from lth_core.data.splits import SPLITS, Images, Splits
from lth_core.planning.plan import Plan
from lth_core.storage.tensors import write_tensors


class Job(NamedTuple):
    """A training: its network, data of `sizes` images per split, minibatch and replicates."""

    title: str
    model: str
    shape: tuple[int, int, int]
    sizes: tuple[int, int, int]
    batch: int
    replicates: int


MNIST, CIFAR = ((1, 28, 28), (55_000, 5_000, 10_000)), ((3, 32, 32), (5_000, 1_000, 1_000))
JOBS = (
    Job("LeNet-300-100 on MNIST", "lenet", *MNIST, 60, 1),
    Job("LeNet-300-100 on MNIST", "lenet", *MNIST, 60, 5),
    Job("Conv-2 on CIFAR-10", "conv-2", *CIFAR, 60, 1),
    Job("Conv-2 on CIFAR-10", "conv-2", *CIFAR, 60, 5),
    Job("ResNet-20 on CIFAR-10", "resnet-20", *CIFAR, 128, 1),
)


WATCH = """\
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""A small process that starts the job: Linux counts to a process what the one that started it had in memory."""


def plan_of(job: Job) -> Plan:
    recipe = {"optimizer": {"name": "adam", "learning_rate": 1e-3}, "batch_size": job.batch}
    task = {
        "dataset": "digits",  # stands for the images, whose file the job is given
        "model": {"name": job.model},
        "train": recipe | {"steps": 2, "evaluate_every": 2},
        "cohorts": [f"0-{job.replicates - 1}"],
    }
    return Plan(Config(**default_config() | {"tasks": {"job": task}}), {})


def write_images(job: Job, path: str) -> None:
    random = np.random.default_rng(0)
    parts = [
        Images(random.integers(0, 256, (size, *job.shape), dtype=np.uint8), random.integers(0, 10, size))
        for size in job.sizes
    ]
    splits = Splits(**dict(zip(SPLITS, parts, strict=True)), classes=10, source="random images")
    write_tensors(path, splits.tensors(), splits.facts())


def megabytes(job: str, arguments: dict[str, Any]) -> float:
    """The largest resident set of a job's process."""
    environment = os.environ | {"LTH_DEVICE": "cpu", "OMP_NUM_THREADS": "1"}
    options = [text for name, value in arguments.items() for text in (f"--{name}", str(value))]
    command = [sys.executable, "-c", WATCH, sys.executable, "-m", f"lth_core.jobs.{job}", *options]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return int(done.stdout.split()[-1]) / 1024  # Linux counts kilobytes


def peaks(job: Job, repetitions: int) -> list[float]:
    plan, cohort = plan_of(job), f"0-{job.replicates - 1}"
    with tempfile.TemporaryDirectory() as folder:
        data, initial, trained = (str(Path(folder, f"{name}.safetensors")) for name in ("data", "initial", "trained"))
        write_images(job, data)
        spec = plan.specs.initialize("job", cohort)
        methods = plan.pruned_weights
        megabytes("initialize", {"spec": spec, "data": data, "task": "job", "methods": methods, "output": initial})
        training = {"spec": plan.specs.dense("job", cohort), "data": data, "initial": initial, "output": trained}
        return [megabytes("dense", training) for _ in range(repetitions)]


def measure(root: str = "data", repetitions: int = 1) -> Iterator[Row]:
    """A row per job; ROOT is not read."""
    for job in JOBS:
        replicates = "1 replicate" if job.replicates == 1 else f"{job.replicates} replicates"
        yield Row(f"{job.title}, batch {job.batch}, {replicates}", peaks(job, repetitions), "MB")
