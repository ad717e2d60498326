"""Several GPUs of one machine, shared out by job: each takes the GPU that the fewest other jobs have taken.

A job holds a locked file for as long as it runs; the kernel releases it when the job ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from itertools import count
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"

_held: list[int] = []
"""The locked files of this process, open until it ends."""


def take_gpu(gpus: int) -> int:
    """Take one of several GPUs for this process: the first of those with the fewest jobs. Returns its index."""
    folder = Path(tempfile.gettempdir(), f"lth-gpus-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    names = os.environ.get(VISIBLE, "").split(",")
    for seat in count():
        for index in range(gpus):
            # By the GPU's own name: another run may see other GPUs, or the same in another order.
            name = names[index] if len(names) == gpus and names[index] else str(index)
            if _lock(folder / f"{name.strip().replace(os.sep, '-')}.{seat}"):
                return index
    raise AssertionError("there is always another seat")


def _lock(path: Path) -> bool:
    opened = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(opened)
        return False
    _held.append(opened)
    return True
