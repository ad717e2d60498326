"""Timers of other libraries: too many of them, and those that would keep a process from ending."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def one_timer(schedule: Callable[[float], None]) -> Callable[[float], None]:
    """Return what calls `schedule(delay)`, which sets a timer, unless the one that it set last is still to go off."""
    due = 0.0

    def schedule_once(delay: float) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + delay
            schedule(delay)

    return schedule_once


def cancel_timers() -> None:
    """Cancel every `threading.Timer`. Snakemake waits for those of its scheduler, up to a second after the last job."""
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()
