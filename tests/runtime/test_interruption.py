"""`kill` of a run ends it and what it has started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.support.project import heed_interrupts

ROOT = Path(__file__).parents[2]
# Popen returns when the child is `sleep`; a Python would still be starting, and says more when interrupted then.
RUN = """
import subprocess, threading
from lth_core.runtime.interruption import stop_when_told
child = subprocess.Popen(["sleep", "60"])
stop_when_told()
try:
    print(child.pid, flush=True)
    threading.Semaphore(0).acquire()  # as Snakemake waits for jobs
except KeyboardInterrupt:
    print("interrupted", child.wait(timeout=20), flush=True)
"""


def test_it_does_what_ctrl_c_does() -> None:
    process = subprocess.Popen([sys.executable, "-c", RUN], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    child = psutil.Process(int(process.stdout.readline()))
    began = time.monotonic()
    process.terminate()
    said, _ = process.communicate(timeout=30)
    assert said == "interrupted -15\n" and process.returncode == 0
    assert not child.is_running() and time.monotonic() - began < 30


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_nothing_catches_is_one_line(number: signal.Signals) -> None:
    run = RUN.partition("try:")[0] + "\nprint(child.pid, flush=True)\nchild.wait()"
    process = subprocess.Popen(
        [sys.executable, "-c", run], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT,
        start_new_session=True, preexec_fn=heed_interrupts,
    )  # fmt: skip
    process.stdout.readline()
    os.killpg(process.pid, number)
    said, _ = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, "stopped\n")


def test_any_other_error_keeps_its_traceback() -> None:
    run = "from lth_core.runtime.interruption import stop_when_told\nstop_when_told()\n1 / 0"
    done = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1 and done.stderr.startswith("Traceback") and "ZeroDivisionError" in done.stderr


def test_an_interrupt_that_is_ignored_remains_so() -> None:
    run = "import signal\nfrom lth_core.runtime.interruption import stop_when_told\n"
    run += "signal.signal(signal.SIGINT, signal.SIG_IGN)\nstop_when_told()\nsignal.raise_signal(signal.SIGINT)"
    assert subprocess.run([sys.executable, "-c", run], cwd=ROOT).returncode == 0
