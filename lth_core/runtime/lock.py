"""A lock on a results folder, which the kernel releases when its holders end, however they end.

The jobs of a run inherit the open file. After their snakemake was killed they keep the lock for the moment that they
take to end.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

PATIENCE = 10.0
"""Seconds to wait for the jobs of a run that was killed."""
GRACE = 1.0
"""Seconds to wait for a run that is alive, which may be about to end."""


class LockError(ValueError):
    """Another run holds the lock; one line."""


def lock_run(path: str | Path) -> int:
    """Lock the file `path`, in the folder that is for one run at a time, and write this process's number into it.

    Returns the open file, which must stay open. A file system without locks lets every run in. Raises LockError when
    another run has the lock and is alive, or does not release it within PATIENCE.
    """
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
    except OSError as error:
        raise LockError(f"{path}: cannot be written ({error.strerror}); mend that and run the same command") from None
    began = time.monotonic()
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited = time.monotonic() - began
            if waited > PATIENCE or (waited > GRACE and _is_running(os.pread(lock, 20, 0))):
                os.close(lock)
                folder = os.path.dirname(path)
                raise LockError(f"another snakemake writes into '{folder}': wait for it, or stop it") from None
            time.sleep(0.05)
            continue
        except OSError:
            pass  # a file system without locks
        with suppress(OSError):  # a full disk, which the first job will report
            os.truncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
        return lock


def _is_running(written: bytes) -> bool:
    """Whether the number in a lock is that of another live process; False where the system has no /proc."""
    if not written.strip().isdigit() or int(written) == os.getpid():
        return False
    try:
        state = Path(f"/proc/{int(written)}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state not in "ZX"  # a zombie has ended
