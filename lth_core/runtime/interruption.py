"""Being told to stop: `kill` of a run does what Ctrl-C in its terminal does, and neither is an error."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType, TracebackType

import psutil

stopping = False
"""Whether this process has been told to stop and has not said so; true before what it has started stops."""


def stop_when_told() -> None:
    """Let SIGTERM end this process's children, and then raise KeyboardInterrupt in it, as Ctrl-C does.

    Ctrl-C reaches every process of a terminal, and `kill` one process only; Snakemake would wait for its jobs to end. A
    KeyboardInterrupt that ends the process is one line, not a traceback. A signal that is ignored remains so.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    sys.excepthook = _end


def _stop(number: int, frame: FrameType | None) -> None:
    global stopping
    stopping = True
    if number == signal.SIGTERM:
        signal.signal(number, signal.SIG_IGN)
        for child in psutil.Process().children():
            child.terminate()
    raise KeyboardInterrupt


def _end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """End the process as shells have it, and say why unless that has been said; any other error keeps its traceback."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    if stopping:
        print("stopped", file=sys.stderr)
    raise SystemExit(128 + signal.SIGINT)
