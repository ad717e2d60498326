"""An interrupted run is finished by the same command, with the artifacts of an undisturbed one."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil  # comes with snakemake
import pytest

from tests.support.project import BRANCH, CLAIMS, DENSE, LEVELS, Finished, Project

SAVE_EVERY_STEP = {"LTH_CHECKPOINT_SECONDS": "0"}
LOGS = {
    DENSE: "logs/mini/0-1/dense.log",
    LEVELS[0]: "logs/mini/0-1/imp/level_1/retrain.log",
    BRANCH: "logs/mini/0-1/imp/level_1/reinit.log",
}
PATIENCE = 60.0
"""Seconds after which something that should happen has not."""


@pytest.fixture(scope="module")
def undisturbed(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A longer training, its ticket and the ticket's branch."""
    project = finished.copy(tmp_path_factory.mktemp("undisturbed") / "project")
    project.make_unsteady(steps=200)
    project.run(*map(trained, LOGS))
    assert not any("resumed" in project.read(log) for log in LOGS.values())
    return project


def trained(folder: str) -> str:
    return f"{folder}/trained.safetensors"


def jobs_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The training jobs that a snakemake has running: the processes that its job server has forked."""
    children = psutil.Process(process.pid).children()
    (server,) = (child for child in children if "lth_core.jobs.support.server" in child.cmdline())
    return server.children()


def wait_for(happened: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            pytest.fail(process.communicate()[0])
        time.sleep(0.005)


def ctrl_c(process: subprocess.Popen[str]) -> list[psutil.Process]:
    jobs = jobs_of(process)
    os.killpg(process.pid, signal.SIGINT)
    return jobs


def terminate(process: subprocess.Popen[str]) -> list[psutil.Process]:
    jobs = jobs_of(process)
    process.terminate()
    return jobs


def kill_a_job(process: subprocess.Popen[str]) -> list[psutil.Process]:
    (job,) = jobs_of(process)
    job.kill()
    return [job]


def kill_snakemake(process: subprocess.Popen[str]) -> list[psutil.Process]:
    jobs = jobs_of(process)
    process.kill()
    return jobs


@pytest.mark.parametrize(
    ("interrupt", "folders"),
    [
        pytest.param(ctrl_c, [DENSE], id="Ctrl-C"),
        pytest.param(terminate, [DENSE], id="kill of snakemake"),
        pytest.param(kill_a_job, [DENSE], id="kill -9 of a job"),
        pytest.param(kill_snakemake, [LEVELS[0], BRANCH], id="kill -9 of snakemake"),
    ],
)
def test_the_same_command_completes_what_was_interrupted(
    undisturbed: Project, tmp_path: Path, interrupt: Callable, folders: list[str]
) -> None:
    project = undisturbed.copy(tmp_path / "project")
    targets = [trained(folder) for folder in folders]
    for target in targets:
        (project.folder / target).unlink()

    held = project.folder / "held"
    held.touch()  # no training can end before it is interrupted
    process = project.start(*targets, **SAVE_EVERY_STEP)
    states = [project.folder / folder / ".trained.resume.safetensors" for folder in folders]
    wait_for(lambda: all(state.exists() for state in states), process)
    jobs = interrupt(process)
    assert len(jobs) == len(folders)
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0, said
    assert not psutil.wait_procs(jobs, timeout=5)[1], "a job goes on without its snakemake"
    assert all(state.exists() for state in states)
    assert not any((project.folder / target).exists() for target in targets)

    held.unlink()
    project.run(*targets)
    for folder in folders:
        (step,) = re.findall(r"resumed at step (\d+)", project.read(LOGS[folder]))
        assert 1 <= int(step) < 200
    assert project.hashes() == undisturbed.hashes()
    assert project.run(*targets).nothing_to_do


def test_a_second_snakemake_is_kept_out_of_a_folder_while_one_runs(project: Project) -> None:
    (project.folder / CLAIMS).unlink()
    before = project.files()
    with (project.folder / "results/.running.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        print(os.getpid(), file=lock, flush=True)
        refused = project.snakemake(CLAIMS)
    assert refused.status == 1
    said = "error: another snakemake writes into 'results': wait for it, or stop it"
    assert refused.said.strip().splitlines()[-1] == said
    assert project.files() == before
    assert project.run(CLAIMS).jobs == {"claims"}


def test_a_snakemake_waits_for_the_jobs_of_one_that_was_killed(project: Project) -> None:
    (project.folder / CLAIMS).unlink()
    with (project.folder / "results/.running.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        gone = subprocess.Popen(["true"])
        print(gone.pid, file=lock, flush=True)  # a zombie: it has not been waited for
        process = project.start(CLAIMS)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=6)
    run = Finished.of(process, PATIENCE)
    assert run.status == 0 and run.jobs == {"claims"}, run.said
    gone.wait()
