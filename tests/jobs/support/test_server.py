"""Jobs through the job server behave as `python -m` would: output, exit status, folder, environment, death."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil  # comes with snakemake
import pytest

from lth_core.planning.precheck import ENDED

ROOT = Path(__file__).parents[3]
PYTHON = os.path.dirname(sys.executable)
PLUGIN = """
import gc, os, sys, time
from lth_core.registry import dataset
@dataset("probe")
def probe(root):
    assert gc.isenabled()
    print("in", os.getcwd(), os.environ["PROBE"], flush=True)
    if root == "sleep":
        time.sleep(60)
    os._exit(int(root))
"""
SPEC = '{"source": {"name": "probe"}, "modules": ["probe_plugin"]}'


def start_server(folder: Path) -> subprocess.Popen[bytes]:
    address = folder / "socket" / "jobs"
    address.parent.mkdir()
    lock = (folder / "lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    command = [sys.executable, "-m", "lth_core.jobs.support.server", str(address), str(lock.fileno()), "", ""]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=ROOT, pass_fds=[lock.fileno()])
    lock.close()
    while not address.exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.address, process.lock = address, folder / "lock"
    return process


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[bytes]]:
    process = start_server(tmp_path_factory.mktemp("server"))
    yield process
    process.stdin.close()
    assert process.wait(timeout=20) == 0
    assert not process.address.parent.exists()


@pytest.fixture
def lth_job(server: subprocess.Popen[bytes], tmp_path: Path):
    """lth_job(root) -> a running job that prints, then exits with status `root` or sleeps."""
    (tmp_path / "probe_plugin.py").write_text(PLUGIN)

    def start(root: str, address: str = f"{os.getpid()}:{PYTHON}:{server.address}") -> subprocess.Popen[str]:
        arguments = ["prepare_data", "--name", "x", "--spec", SPEC, "--root", root, "--output", "x.safetensors"]
        environment = os.environ | {"LTH_JOB_SERVER": address, "PROBE": "seen", "PYTHONPATH": str(ROOT)}
        environment["PATH"] = f"{PYTHON}:{os.environ['PATH']}"
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
    while not (processes := forked(server)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return processes[0]


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
    job = lth_job("sleep", address=f"{os.getpid()}:/another/bin:{server.address}")
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
    said, _ = client.communicate(timeout=10)
    assert client.returncode == 128 + signal.SIGKILL
    *_, last = said.splitlines()
    assert last == f"{ENDED}SIGKILL, as happens when memory runs out: run fewer jobs at once"


def test_a_job_that_is_stopped_says_nothing_of_the_signal(server, lth_job):
    client = lth_job("sleep")
    wait_for_one(server).terminate()
    said, _ = client.communicate(timeout=10)
    assert client.returncode == 128 + signal.SIGTERM and "ended by" not in said


@pytest.mark.parametrize("threads", [1, 2])
def test_all_libraries_of_a_job_have_the_threads_of_its_environment(threads: int) -> None:
    """Also numpy's linear algebra, which has its own; products of large matrices would use every core."""
    code = f"import numpy, torch; from lth_core.jobs.support.server import set_threads; set_threads({threads}); "
    code += "from threadpoolctl import threadpool_info as info; print(*(pool['num_threads'] for pool in info()))"
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "3", "OMP_NUM_THREADS": "3"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert {*done.stdout.split()} == {str(threads)}, done.stdout + done.stderr


def is_locked(path: Path) -> bool:
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_no_job_outlives_a_killed_server_and_later_jobs_start_without_it(
    ended_by: str, lth_job, tmp_path, tmp_path_factory
):
    server = start_server(tmp_path_factory.mktemp("killed"))
    address = f"{os.getpid()}:{PYTHON}:{server.address}"
    client = lth_job("sleep", address=address)
    assert client.stdout.readline() == f"in {tmp_path} seen\n"
    job = wait_for_one(server)
    job.suspend()  # so that it is certain to be there when the server is not
    server.kill()
    server.wait()
    if ended_by == "thread":
        assert is_locked(server.lock)
        job.resume()
    assert not psutil.wait_procs([job], timeout=5)[1]
    assert not is_locked(server.lock)
    said, _ = client.communicate(timeout=10)
    assert (client.returncode, said) == (
        1,
        "error: the job server ended before the job; run the same command again\n",
    )
    later = lth_job("3", address=address)
    assert later.communicate(timeout=60)[0].endswith(" seen\n") and later.returncode == 3


def test_the_lock_is_held_as_long_as_a_job_runs(lth_job, tmp_path_factory):
    server = start_server(tmp_path_factory.mktemp("locked"))
    client = lth_job("sleep", address=f"{os.getpid()}:{PYTHON}:{server.address}")
    assert client.stdout.readline()
    job = wait_for_one(server)
    job.suspend()
    assert is_locked(server.lock)
    server.stdin.close()
    server.wait(timeout=20)
    psutil.wait_procs([job], timeout=10)
    assert not is_locked(server.lock)


def test_a_job_whose_snakemake_is_gone_does_not_start(lth_job):
    job = lth_job("3", address=f"1:{PYTHON}:/no/such/address")
    said, _ = job.communicate(timeout=60)
    assert (job.returncode, said) == (1, "error: snakemake has ended; run the same command again\n")


def test_a_client_that_ends_too_soon_does_not_end_the_server(server, lth_job):
    for sent in (b"", b"\0" * 8, (100).to_bytes(8, "little") + b"{"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(server.address))
            connection.sendall(sent)
    job = lth_job("3")
    assert job.wait(timeout=60) == 3


def test_what_the_server_imports_leaves_cuda_to_the_jobs() -> None:
    """A forked process cannot use CUDA where its parent has asked for the number of GPUs."""
    script = """
import importlib, torch
asked = []
torch._C._cuda_getDeviceCount = lambda: asked.append(1) or 0
from lth_core.jobs.support.server import COMPUTING, REPORTING
for module in (*COMPUTING, *REPORTING):
    importlib.import_module(module)
before = len(asked)
torch.cuda.is_available()
print(before, len(asked), torch.cuda.is_initialized())
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "0 1 False\n", done.stderr


def test_a_run_of_tables_figures_and_pages_alone_never_imports_torch() -> None:
    """It takes longer than the jobs of such a run."""
    script = """
import importlib, sys
from lth_core.jobs.support.server import REPORTING
jobs = ("table", "without_folds", "claims", "figures", "report", "index")
for module in (*REPORTING, *(f"lth_core.jobs.{job}" for job in jobs)):
    importlib.import_module(module)
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "False\n", done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_ends_jobs_ends_a_server_that_is_not_ready_for_them(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "slow_module.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(60)\n")
    address = tmp_path / "socket" / "jobs"
    address.parent.mkdir()
    command = [sys.executable, "-m", "lth_core.jobs.support.server", str(address), "0", "slow_module", ""]
    variables = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=variables)
    assert process.stdout.readline() == b"importing\n"
    process.send_signal(number)
    assert process.wait(timeout=20) == 1 and not address.parent.exists()
