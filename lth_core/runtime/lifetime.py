"""A process ends with the one that started it, however that ends, so that no orphan writes beside its successor.

Linux kills it. On other systems a thread looks whether the parent is still there; it ends the process within a tenth of
a second, or as soon as native code lets other threads run. What a job starts by itself and what only reads (decoders of
images) is not bound by this.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time

PARENT = "LTH_PARENT"
"""Environment variable: the process that a job which is a program of its own ends with."""
KERNEL_ENDS_CHILDREN = sys.platform == "linux"
PR_SET_PDEATHSIG = 1
"""Linux: the signal that a process gets when its parent ends."""
SECONDS_BETWEEN_LOOKS = 0.1


def end_with(parent: int) -> None:
    """End this process, without any clearing up, when `parent`, which has started it, ends or has ended."""
    if KERNEL_ENDS_CHILDREN:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_look_after, args=[parent], daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def end_with_named() -> None:
    """End with the process that the environment names, if it does; processes that it starts do not."""
    if parent := os.environ.pop(PARENT, ""):
        end_with(int(parent))


def _look_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os._exit(1)
