"""A training job in several processes that torchrun starts: it resumes, spreads over nodes, and fails in one line."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from lth_core import registry
from lth_core.config import Initialization
from lth_core.engine.distributed import LOST
from lth_core.jobs.support import launch
from lth_core.models.initialization import initialize_cohort
from lth_core.runtime.gpus import VISIBLE
from lth_core.runtime.slurm import SlurmError
from lth_core.storage.tensors import read_header, read_tensors, write_tensors

PLUGIN = """
import os
import signal
from pathlib import Path

from torch import nn

from lth_core.registry import model

class Net(nn.Sequential):
    '''It ends the second process in the fourth step of two replicates, as long as there is a file `deadly`.'''

    passes = 0

    def forward(self, images):
        self.passes += self.training
        if self.passes == 7 and os.environ.get("RANK") == "1" and Path("deadly").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(images)

@model("launched-net")
def launched_net(classes, input_shape):
    hidden = nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2), nn.Flatten()
    return Net(*hidden, nn.Linear(64, classes))
"""

SRUN = """#!/bin/sh
# A srun for two nodes that are one: it runs what follows its options twice at once. It is called in a step of one node;
# what that was given would bind the new one.
[ -z "$SLURM_NNODES$SLURM_GPUS" ] || exit 9
case "$*" in "--jobid=7 --nodes=2 --ntasks=2 --ntasks-per-node=1 --overlap "*) ;; *) exit 9 ;; esac
while [ "${1#--}" != "$1" ]; do shift; done
"$@" & first=$!
"$@" & second=$!
wait $first && wait $second
"""

SQUEUE = """#!/bin/sh
case "$*" in
"--noheader --jobs=7 --format=%D") echo 2 ;;
"--noheader --jobs=8 --format=%D") printf '1 \\n1 \\n' ;; # one of an array
*) echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1 ;;
esac
"""


@dataclass(frozen=True)
class Ended:
    status: int | None
    said: str


class Jobs:
    """A folder with a data file, theta_0 and a spec, in which the job `dense` runs."""

    def __init__(self, folder: Path, data: Path):
        self.folder, self.data = folder, data
        (folder / "launched_plugin.py").write_text(PLUGIN)
        recipe = {"batch_size": 12, "steps": 16, "evaluate_every": 5}
        train = {"optimizer": {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9}, **recipe}
        task = {"dataset": "x", "model": "launched-net", "train": train, "cohorts": ["3-4"]}
        modules = ["lth_core.tasks.objectives.classification", "launched_plugin"]
        self.spec = {"modules": modules, "seeds": [3, 4], "task": task}

    def initialize(self) -> None:
        __import__("launched_plugin")
        factory = lambda: registry.model.call("launched-net", {"classes": 3, "input_shape": (1, 6, 6)}, {})  # noqa: E731
        weights = initialize_cohort(factory, Initialization(), self.spec["seeds"])
        write_tensors(self.folder / "init.safetensors", weights, {"layers": {}})

    def dense(self, processes: int, output: str, **environment: str) -> Ended:
        """Run it as `launch` does, in a fork of this process: that saves the time to import torch."""
        log = self.folder / "log"

        def job() -> None:
            for stream in (1, 2):
                os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
            sys.stdout, sys.stderr = (os.fdopen(stream, "w", closefd=False) for stream in (1, 2))
            os.environ |= {"LTH_DEVICE": "cpu", "LTH_CHECKPOINT_SECONDS": "0", **environment}
            files = ["--data", str(self.data), "--initial", "init.safetensors", "--output", output]
            sys.argv = ["launch", str(processes), "dense", "--spec", json.dumps(self.spec), *files]
            try:
                launch.main()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()

        log.unlink(missing_ok=True)
        process = multiprocessing.get_context("fork").Process(target=job)
        process.start()
        process.join()
        return Ended(process.exitcode, log.read_text())


@pytest.fixture
def jobs(tmp_path: Path, data_file: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(Path(__file__).parents[3])]))
    monkeypatch.setattr(registry.model, "_functions", dict(registry.model._functions))
    monkeypatch.delitem(sys.modules, "launched_plugin", raising=False)
    made = Jobs(tmp_path, data_file)
    made.initialize()
    return made


def test_processes_on_one_machine_or_two_killed_or_not_leave_the_same_bytes(jobs: Jobs) -> None:
    alone = jobs.dense(1, "alone/trained.safetensors")
    assert alone.status == 0, alone.said

    (jobs.folder / "deadly").touch()
    killed = jobs.dense(2, "killed/trained.safetensors")
    assert killed.status == 1
    *_, last = killed.said.splitlines()
    assert last == "error: process 1 was ended by SIGKILL, and with it the others: run the same command again"
    assert "Traceback" not in killed.said and killed.said.count("error:") == 1
    (jobs.folder / "deadly").unlink()
    resumed = jobs.dense(2, "killed/trained.safetensors")
    assert resumed.status == 0 and "resumed at step 3" in resumed.said, resumed.said
    assert resumed.said.count("seconds: train") == 1  # the first process speaks for all
    assert resumed.said.index("step 4/16") < resumed.said.index("seconds: train")  # at once, not at the end

    add_slurm(jobs.folder)
    path = os.pathsep.join([str(jobs.folder), os.environ["PATH"]])
    step = {"SLURM_JOB_ID": "7", "SLURM_NNODES": "1", "SLURM_GPUS": "1"}
    nodes = jobs.dense(2, "nodes/trained.safetensors", PATH=path, **step)
    assert nodes.status == 0, nodes.said

    for name in ("trained.safetensors", "history.csv"):
        killed_file, nodes_file = (Path(folder, name).read_bytes() for folder in ("killed", "nodes"))
        assert killed_file.replace(b"killed", b"nodes") == nodes_file
    assert not list(Path("killed").glob(".*resume*"))
    expected = read_tensors("alone/trained.safetensors")
    for name, value in read_tensors("nodes/trained.safetensors").items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-5, atol=1e-5)
    devices = [read_header(f"{name}/trained.safetensors")["provenance"]["device"] for name in ("alone", "nodes")]
    assert devices == ["cpu", "cpu, 2 processes"]


def add_slurm(folder: Path) -> None:
    """SLURM's commands as they answer in job 7 of two nodes, and in job 8 of one."""
    for name, script in (("srun", SRUN), ("squeue", SQUEUE)):
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)


def test_slurm_itself_says_how_many_nodes_a_job_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert launch.nodes_of("7") == 1  # no SLURM in this container
    add_slurm(tmp_path)
    assert (launch.nodes_of("7"), launch.nodes_of("8")) == (2, 1)
    said = "squeue does not say how many nodes job 9 has: slurm_load_jobs error: Invalid job id specified"
    with pytest.raises(SlurmError, match=said):
        launch.nodes_of("9")


# ---------------------------------------------------------------- whose fault it was

ERROR = "error: cat.jpg: cannot be decoded; replace or delete this file\n"
WAITING = f"error: {LOST}\n"
TRACEBACK = "Traceback (most recent call last):\n  File ...\nKeyError: 'x'\n"


@pytest.mark.parametrize(
    ("ended", "said", "expected", "shown"),
    [
        ({0: 1, 1: 1}, {0: WAITING, 1: ERROR}, "cat.jpg: cannot be decoded; replace or delete this file", ""),
        ({0: 1}, {0: ERROR, 1: ERROR}, "cat.jpg: cannot be decoded; replace or delete this file", ""),
        (
            {0: -signal.SIGTERM, 1: -signal.SIGKILL},
            {0: WAITING, 1: ""},
            "process 1 was ended by SIGKILL, and with it the others: run the same command again",
            "",
        ),
        (
            {0: -signal.SIGABRT, 1: -signal.SIGKILL},
            {0: "terminate called without an active exception\n", 1: ""},
            "process 1 was ended by SIGKILL, and with it the others: run the same command again",
            "",
        ),
        ({0: 1, 1: 1}, {0: WAITING, 1: TRACEBACK}, "process 1 failed, as above", TRACEBACK),
        ({0: 1}, {0: WAITING}, f"{LOST}: run the same command again, or see the log of the machine where it was", ""),
    ],
)
def test_the_process_that_failed_first_is_blamed(
    capsys: pytest.CaptureFixture[str], ended: dict[int, int], said: dict[int, str], expected: str, shown: str
) -> None:
    assert launch.blame(ended, said) == expected
    assert capsys.readouterr().err == shown


def test_processes_that_do_not_spread_evenly_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PET_NNODES", "3")
    with pytest.raises(launch.LaunchError, match="processes: 4 do not spread evenly over 3 nodes"):
        launch.launch(4, "dense", [])


def test_torchrun_does_not_take_the_jobs_options_for_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr("torch.distributed.run.run", seen.append)
    monkeypatch.setattr("logging.disable", lambda level: None)
    monkeypatch.setenv("LTH_DEVICE", "cpu")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    launch.launch(2, "retrain", ["--start", "a", "--mask", "b", "-m", "--", "--rdzv-id"])
    [settings] = seen
    command = [settings.training_script, *settings.training_script_args]
    job = [sys.executable, "-m", "lth_core.jobs.retrain", "--start", "a", "--mask", "b", "-m", "--", "--rdzv-id"]
    assert command[-len(job) :] == job and settings.nproc_per_node == "2"


def test_threads_are_divided_and_each_process_has_one_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKL_NUM_THREADS", "9")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    launch.share_threads(4)
    assert (os.environ["MKL_NUM_THREADS"], os.environ["OMP_NUM_THREADS"]) == ("2", "1")


def test_each_process_gets_a_gpu_that_no_other_job_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LTH_DEVICE", "cuda")
    monkeypatch.setenv(VISIBLE, "0,3,5,7")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    offered = iter([1, 2, 1, 3])  # the GPU of the lowest number has another job; the next is offered twice
    monkeypatch.setattr("lth_core.runtime.gpus.take_gpu", lambda gpus: next(offered))
    launch.take_devices(3)
    assert os.environ[VISIBLE] == "3,5,7"


def test_each_process_needs_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LTH_DEVICE", "cuda")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(
        launch.LaunchError,
        match="processes on this machine: 3, GPUs: 2, and each process needs one; set fewer `processes`",
    ):
        launch.take_devices(3)
