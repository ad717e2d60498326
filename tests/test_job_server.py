"""Jobs through the job server behave as `python -m` would: output, exit status, folder, environment, death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil  # comes with snakemake
import pytest

ROOT = Path(__file__).parents[1]
PLUGIN = """
import os, sys, time
from lth_core.registry import dataset
@dataset("probe")
def probe(root):
    print("in", os.getcwd(), os.environ["PROBE"], flush=True)
    if root == "sleep":
        time.sleep(60)
    os._exit(int(root))
"""
SPEC = '{"source": {"name": "probe"}, "plugins": ["probe_plugin"]}'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[bytes]]:
    address = tmp_path_factory.mktemp("server") / "socket" / "jobs"
    address.parent.mkdir()
    command = [sys.executable, "-m", "lth_core.jobs.server", str(address)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=ROOT)
    while not address.exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.address = address
    yield process
    process.stdin.close()
    assert process.wait(timeout=20) == 0
    assert not address.parent.exists()


@pytest.fixture
def lth_job(server: subprocess.Popen[bytes], tmp_path: Path):
    """lth_job(root) -> a running job that prints, then exits with status `root` or sleeps."""
    (tmp_path / "probe_plugin.py").write_text(PLUGIN)

    def start(root: str, address: str = f"{os.path.dirname(sys.executable)}:{server.address}") -> subprocess.Popen[str]:
        arguments = ["prepare_data", "--name", "x", "--spec", SPEC, "--root", root, "--output", "x.safetensors"]
        environment = os.environ | {"LTH_JOB_SERVER": address, "PROBE": "seen", "PYTHONPATH": str(ROOT)}
        environment["PATH"] = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"
        return subprocess.Popen(
            [str(ROOT / "workflow" / "bin" / "lth-job"), *arguments],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return start


def forked(server: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(server.pid).children()


def wait_for_one(server: subprocess.Popen[bytes]) -> psutil.Process:
    deadline = time.monotonic() + 30
    while not (found := forked(server)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found[0]


@pytest.mark.parametrize("status", [0, 3])
def test_a_job_runs_in_the_clients_folder_and_environment_and_exits_as_it_does(lth_job, tmp_path, status):
    job = lth_job(str(status))
    said, _ = job.communicate(timeout=60)
    assert (job.returncode, said) == (status, f"in {tmp_path} seen\n")


def test_without_a_server_the_job_is_the_module_itself(lth_job, tmp_path):
    job = lth_job("3", address="")
    said, _ = job.communicate(timeout=60)
    assert (job.returncode, said) == (3, f"in {tmp_path} seen\n")


def test_a_server_of_another_python_is_not_used(server, lth_job):
    job = lth_job("sleep", address=f"/another/bin:{server.address}")
    assert job.stdout.readline()
    assert not forked(server)
    job.kill()
    job.communicate()


def test_a_fault_keeps_its_traceback(lth_job):
    job = lth_job("no number")
    said, _ = job.communicate(timeout=60)
    assert job.returncode == 1 and "ValueError: invalid literal for int()" in said


def test_a_job_dies_with_its_client(server, lth_job):
    client = lth_job("sleep")
    job = wait_for_one(server)
    client.kill()
    client.communicate()
    assert not psutil.wait_procs([job], timeout=10)[1]


def test_a_killed_job_ends_its_client_as_a_shell_would(server, lth_job):
    client = lth_job("sleep")
    wait_for_one(server).kill()
    client.communicate(timeout=10)
    assert client.returncode == 128 + signal.SIGKILL
