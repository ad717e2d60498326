"""Being told to stop: `kill` of a run does what Ctrl-C in its terminal does."""

from __future__ import annotations

import signal
from types import FrameType

import psutil

stopping = False
"""Whether this process has been told to stop; true before what it has started stops."""


def stop_when_told() -> None:
    """Let SIGTERM end this process's children, and then raise KeyboardInterrupt in it.

    Ctrl-C reaches every process of a terminal, and `kill` one process only; Snakemake would wait for its jobs to end.
    """
    signal.signal(signal.SIGTERM, _stop)


def _stop(number: int, frame: FrameType | None) -> None:
    global stopping
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    stopping = True
    for child in psutil.Process().children():
        child.terminate()
    raise KeyboardInterrupt
