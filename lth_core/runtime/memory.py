"""Memory: what tensors have freed stays with the process, and large arrays lie in huge pages."""

from __future__ import annotations

import ctypes
import mmap

import numpy as np

TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""Options of glibc's mallopt (malloc.h)."""


def keep_freed_memory() -> None:
    """Let the C library keep what is freed, where it is glibc; elsewhere nothing happens.

    The activations of convolutions are tens of megabytes. By default glibc asks the system for each of them anew, which
    fills its pages with zeros: in Conv-2 at batch 128 a third of a training step on one core, in an evaluation of 1000
    images at a time half of it.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(MMAP_MAX, 0)
        mallopt(TRIM_THRESHOLD, 2**31 - 1)


def zeros(count: int) -> np.ndarray:
    """Make a float32 array (count,) of zeros, in huge pages where the system has them.

    A processor knows the places of some thousand pages at a time. Those of 4 KB are too small for the activations of
    a network: steps on them take a tenth to a quarter longer.
    """
    memory = mmap.mmap(-1, max(count * np.dtype(np.float32).itemsize, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, np.float32, count)
