"""Timers of other libraries that would keep a process from ending."""

from __future__ import annotations

import threading


def cancel_timers() -> None:
    """Cancel every `threading.Timer`. Snakemake waits for those of its scheduler, up to a second after the last job."""
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()
