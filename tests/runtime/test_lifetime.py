"""A job ends with the process that started it, however that ends: by the kernel, or by a thread where it does not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil  # comes with snakemake
import pytest

from lth_core.runtime import lifetime

ROOT = Path(__file__).parents[2]
PYTHON = os.path.dirname(sys.executable)
LTH_JOB = str(ROOT / "workflow" / "bin" / "lth-job")
PLUGIN = """
import os
from pathlib import Path
import torch
from lth_core.registry import dataset
@dataset("endless")
def endless(root):
    Path(root, f"{os.getpid()}.working").touch()
    while True:
        torch.ones(99, 99) @ torch.ones(99, 99)
"""
SPEC = '{"source": {"name": "endless"}, "modules": ["endless_plugin"]}'

SNAKEMAKE = "import subprocess, sys; subprocess.run(sys.argv[1:])"
"""For the tests: what starts a job and waits for it."""
WITH_A_DEAD_SERVER = f"""
import os
os.environ["LTH_JOB_SERVER"] = f"{{os.getpid()}}:{PYTHON}:/no/such/address"
{SNAKEMAKE}
"""
STARTERS = {
    "lth-job whose server is dead": [sys.executable, "-c", WITH_A_DEAD_SERVER, LTH_JOB],
    "lth-job of a batch system": [sys.executable, "-c", SNAKEMAKE, LTH_JOB],
    "launch of two processes": [sys.executable, "-m", "lth_core.jobs.support.launch", "2"],
}


@pytest.mark.parametrize("starter", STARTERS)
def test_no_job_outlives_what_started_it(ended_by: str, tmp_path: Path, starter: str) -> None:
    (tmp_path / "endless_plugin.py").write_text(PLUGIN)
    job = ["prepare_data", "--name", "x", "--spec", SPEC, "--root", str(tmp_path), "--output", "x.safetensors"]
    path = {"PATH": f"{PYTHON}:{os.environ['PATH']}", "LTH_JOB_SERVER": "", "LTH_DEVICE": "cpu"}
    process = subprocess.Popen([*STARTERS[starter], *job], cwd=tmp_path, env=os.environ | path)
    count = 2 if "two" in starter else 1
    jobs = [psutil.Process(pid) for pid in wait_for(lambda: working(tmp_path), count)]
    process.kill()
    process.wait()
    try:
        assert not psutil.wait_procs(jobs, timeout=5)[1]
    finally:
        for orphan in jobs:
            if orphan.is_running():
                orphan.kill()


def working(folder: Path) -> list[int]:
    """The processes that the plugin runs in."""
    return [int(path.stem) for path in folder.glob("*.working")]


def wait_for(processes: Callable[[], list[int]], count: int) -> list[int]:
    deadline = time.monotonic() + 60
    while len(processes()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return processes()


@pytest.mark.parametrize("kernel", [True, False])
def test_a_process_that_starts_after_its_parent_has_ended_ends_at_once(
    monkeypatch: pytest.MonkeyPatch, kernel: bool
) -> None:
    monkeypatch.setattr(lifetime, "KERNEL_ENDS_CHILDREN", kernel and lifetime.KERNEL_ENDS_CHILDREN)
    child = os.fork()
    if not child:
        lifetime.end_with(os.getpid())  # which is not its parent
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


def test_only_the_process_that_is_told_ends_with_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    bound: list[int] = []
    monkeypatch.setattr(lifetime, "end_with", bound.append)
    monkeypatch.setenv(lifetime.PARENT, "7")
    lifetime.end_with_named()
    lifetime.end_with_named()  # what the first one starts has its environment
    assert bound == [7]
