"""One run of a folder at a time; the kernel releases the lock, however a run ends."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lth_core.runtime import lock
from lth_core.runtime.lock import LockError, lock_run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "running.lock"


def hold(path: Path, holder: int) -> int:
    """Lock the file as the run `holder` would, through an open file of its own."""
    opened = os.open(path, os.O_CREAT | os.O_RDWR)
    fcntl.flock(opened, fcntl.LOCK_EX)
    os.write(opened, str(holder).encode())
    return opened


def test_the_lock_names_its_process(path: Path) -> None:
    held = lock_run(path)
    assert path.read_text() == str(os.getpid())
    os.close(held)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no /proc")
def test_a_live_run_keeps_others_out_within_seconds(path: Path) -> None:
    other = hold(path, os.getppid())
    began = time.monotonic()
    with pytest.raises(LockError, match=r"another snakemake writes into .*: wait for it, or stop it"):
        lock_run(path)
    assert lock.GRACE <= time.monotonic() - began < lock.PATIENCE
    os.close(other)


def test_the_jobs_of_a_killed_run_are_waited_for_but_not_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE", 0.2)
    gone = subprocess.Popen(["true"])  # a zombie: nobody has asked how it ended
    other = hold(path, gone.pid)
    with pytest.raises(LockError):
        lock_run(path)
    os.close(other)
    os.close(lock_run(path))
    gone.wait()


def test_a_refused_run_leaves_the_number_of_the_other(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE", 0.0)
    other = hold(path, os.getppid())
    with pytest.raises(LockError):
        lock_run(path)
    assert path.read_text() == str(os.getppid())
    os.close(other)


@pytest.mark.parametrize("written", [b"", b"soup", b"999999999", b"12 34"])
def test_what_is_no_process_does_not_run(written: bytes) -> None:
    assert not lock._is_running(written)
