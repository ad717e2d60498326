"""The slurm profile on a real cluster of two nodes: the artifacts of one machine, whatever happens on the way."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from lth_core.storage.tensors import read_header, read_tensors
from tests.support.project import DENSE, LEVELS, Finished, Project

pytestmark = pytest.mark.slurm

CLUSTER = Path(__file__).parents[1] / "support" / "slurm.sh"
PROFILE = (
    "--workflow-profile=slurm",
    "--slurm-no-account",  # these two: the cluster has no accounting
    "--slurm-status-command=squeue",
    "--latency-wait=5",
)
TRAINED = f"{DENSE}/trained.safetensors"
RETRAIN_LOG = "logs/mini/0-1/imp/level_1/retrain.log"
PATIENCE = 180.0
"""Seconds after which something that should happen has not."""


class OnCluster(Project):
    """A project whose jobs are submitted to the cluster."""

    command: ClassVar[tuple[str, ...]] = (sys.executable, str(Path(__file__).parents[1] / "support" / "impatient.py"))

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return super().start(*PROFILE, *arguments, **environment)


def hindrance() -> str | None:
    """Why a cluster cannot be started here; tests install nothing."""
    if os.geteuid() != 0:
        return "needs root"
    if missing := [command for command in ("munged", "slurmctld", "slurmd", "sbatch") if not shutil.which(command)]:
        return f"{missing[0]} is not installed (make test-slurm installs it on Debian)"
    if find_spec("snakemake_executor_plugin_slurm") is None:
        return "the packages of requirements-cluster.txt are not installed (make test-slurm installs them)"
    if os.path.lexists("/etc/slurm/slurm.conf"):
        return "this machine belongs to a cluster (/etc/slurm/slurm.conf)"
    return None


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a running cluster of two nodes; it is stopped at the end."""
    if reason := hindrance():
        pytest.skip(f"no SLURM: {reason}")
    folder = tmp_path_factory.mktemp("slurm")
    subprocess.run([CLUSTER, "up", folder], check=True)
    yield folder
    subprocess.run([CLUSTER, "down", folder], check=True)


def submitted(run: Finished) -> list[str]:
    """What was submitted to SLURM, job by job: the folders of their logs."""
    return re.findall(r"submitted with SLURM jobid \d+ \(log: .*/logs/slurm/([^/]+)/", run.said)


def numbers(run: Finished) -> list[str]:
    """SLURM's numbers of the submitted jobs."""
    return re.findall(r"submitted with SLURM jobid (\d+)", run.said)


@pytest.fixture(scope="module")
def trained(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A dense run of an unsteady network on one machine."""
    project = Project.create(tmp_path_factory.mktemp("trained") / "project", finished.folder)
    project.make_unsteady(steps=1000)
    project.run(TRAINED)
    return project


@pytest.fixture
def untrained(trained: Project, tmp_path: Path) -> OnCluster:
    """The same before its training."""
    project = OnCluster(trained.copy(tmp_path / "project").folder)
    shutil.rmtree(project.folder / DENSE)
    return project


def test_every_level_of_a_chain_is_one_job_and_the_artifacts_are_those_of_one_machine(
    cluster: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    project = OnCluster.create(tmp_path / "project")
    process = project.start()
    # What it is compared with, and what others are, is made while its jobs run: they leave a core idle.
    finished, _ = (request.getfixturevalue(name) for name in ("finished", "trained"))
    run = Finished.of(process)
    assert run.status == 0, run.said
    levels, reporting = "group_chain_prune_retrain", ["rule_table_frankle2019", "rule_figures_frankle2019"]
    assert submitted(run) == ["rule_initialize", "rule_dense", levels, "rule_branch", *reporting]
    assert project.hashes() == finished.hashes()
    assert Project(project.folder).run().nothing_to_do  # on one machine, too


def test_a_chain_is_granted_the_gpu_that_it_asks_for_and_says_so_where_torch_finds_none(
    cluster: Path, finished: Project, tmp_path: Path
) -> None:
    project = OnCluster(finished.copy(tmp_path / "project").folder)
    shutil.rmtree(project.folder / LEVELS[1])
    (project.folder / LEVELS[0] / "trained.safetensors").unlink()
    run = project.snakemake("--retries=0", "--config", "device=cuda", "--", f"{LEVELS[1]}/trained.safetensors")
    assert run.status == 1
    (job,) = map(job_of, numbers(run))
    assert submitted(run) == ["group_chain_prune_retrain"]
    assert job["TresPerJob"] == "gres:gpu:1"
    assert job["JOB_GRES"] == "gpu:1"  # granted, of two; that of all levels would be two
    log = project.read(RETRAIN_LOG)
    assert log == "error: device: cuda, but torch finds no GPU that it can use; use 'auto' or 'cpu'\n"


def test_a_training_is_shared_by_the_nodes_that_are_asked_for(cluster: Path, finished: Project, tmp_path: Path) -> None:
    project = OnCluster(finished.copy(tmp_path / "project").folder)
    shutil.rmtree(project.folder / LEVELS[0])
    project.edit("config.yaml", ("    dataset: digits", "    processes: 2\n    nodes: 2\n    dataset: digits"))
    trained = f"{LEVELS[0]}/trained.safetensors"
    run = project.snakemake("--retries=0", "--config", "device=cuda", "--", trained)
    (number,) = numbers(run)
    assert job_of(number)["JOB_GRES"] == "gpu:2"  # one in each node, where torch then finds none
    lines = project.read(RETRAIN_LOG).splitlines()
    assert "error: processes on this machine: 1, GPUs: 0, and each process needs one; set fewer `processes`" in lines

    run = project.snakemake("--retries=0", trained)
    assert run.status == 0, run.said
    assert submitted(run) == ["group_chain_prune_retrain"]
    (number,) = numbers(run)
    # The plugin starts a step on the first node for each rule; the training starts one on both.
    assert [steps(cluster, node, number) for node in ("n1", "n2")] == [["0", "1", "2"], ["2"]]
    assert read_header(project.folder / trained)["provenance"]["device"] == "cpu, 2 processes"
    expected = read_tensors(finished.folder / trained)
    for name, value in read_tensors(project.folder / trained).items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-5, atol=1e-5)


def test_a_job_that_fails_is_tried_again_with_more_memory(
    cluster: Path, trained: Project, untrained: OnCluster
) -> None:
    (untrained.folder / "failures").write_text("1")
    run = untrained.snakemake(TRAINED)
    assert run.status == 0, run.said
    assert submitted(run) == ["rule_dense", "rule_dense"]
    assert "this machine has a bad day" in run.said
    first, second = (int(job_of(number)["MinMemoryNode"].removesuffix("M")) for number in numbers(run))
    assert second == 2 * first
    assert untrained.hashes() == trained.hashes()


def test_a_job_that_keeps_failing_leaves_nothing_and_the_same_command_finishes(
    cluster: Path, trained: Project, untrained: OnCluster
) -> None:
    (untrained.folder / "failures").write_text("9")
    run = untrained.snakemake("--retries=0", TRAINED)
    assert run.status == 1
    assert submitted(run) == ["rule_dense"] and "this machine has a bad day" in run.said
    assert not (untrained.folder / TRAINED).exists()
    (untrained.folder / "failures").write_text("0")
    assert untrained.snakemake("--retries=0", TRAINED).status == 0
    assert untrained.hashes() == trained.hashes()


def test_ctrl_c_cancels_the_jobs_and_the_same_command_finishes(
    cluster: Path, trained: Project, untrained: OnCluster
) -> None:
    held = untrained.folder / "held"
    held.touch()  # the training cannot end before it is cancelled
    process = untrained.start(TRAINED, LTH_CHECKPOINT_SECONDS="0")
    wait_for(lambda: (untrained.folder / DENSE / ".trained.resume.safetensors").exists())
    assert queue()
    os.killpg(process.pid, signal.SIGINT)
    run = Finished.of(process, PATIENCE)
    assert run.status != 0, run.said
    wait_for(lambda: not queue())
    assert not (untrained.folder / TRAINED).exists()
    held.unlink()
    run = untrained.snakemake(TRAINED)
    assert run.status == 0, run.said
    assert "resumed at step" in untrained.read("logs/mini/0-1/dense.log")
    assert untrained.hashes() == trained.hashes()


def job_of(number: str) -> dict[str, str]:
    """What SLURM knows of a job, which may have ended."""
    command = ["scontrol", "--oneliner", "--details", "show", "job", number]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(field.split("=", 1) for field in said.split() if "=" in field)


def steps(cluster: Path, node: str, number: str) -> list[str]:
    """The steps of a job that a node has run."""
    return re.findall(rf"launch task StepId={number}\.(\d+) ", (cluster / "log" / f"{node}.log").read_text())


def queue() -> str:
    """What SLURM has waiting, running or ending."""
    return subprocess.run(["squeue", "--noheader"], capture_output=True, text=True, check=True).stdout.strip()


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)
