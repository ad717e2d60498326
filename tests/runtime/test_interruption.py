"""`kill` of a run ends it and what it has started."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
RUN = """
import subprocess, sys, threading
from lth_core.runtime.interruption import stop_when_told
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
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
