"""The parts of the GPU benchmark: each in a process of its own, one after the other, each with a limit of time.

A part does its steps one after the other and says what comes out. A step that fails ends its process, because what is
left of a GPU's state cannot be trusted; the part's other steps go on in a new one. Time that a part does not need is
the next one's.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any

from benchmarks.gpu.events import DONE, PIPE
from benchmarks.gpu.record import Progress, Record
from benchmarks.project import ROOT
from lth_core.runtime.lifetime import PARENT

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What stops the run: the table so far is written all the same."""
GRACE = 3.0
"""Seconds that a process has to end in, once it is asked to."""


@dataclass(frozen=True)
class Part:
    """A command that says its steps and their outcomes through the pipe (events.py), and its limit in seconds."""

    title: str
    command: list[str]
    seconds: float
    counted: str | None = None
    """See Progress."""


class Stopped(BaseException):
    """The run was told to stop, by a signal."""


class TimeIsUp(Exception):
    """A part has used its time."""


Say = Callable[[dict[str, Any]], None]
"""Called with everything that a part says."""
Heard = Callable[[Record, dict[str, Any]], None]
"""Called after everything that a part has said, with the record so far."""


def run(parts: Sequence[Part], heard: Heard = lambda record, event: None) -> Record:
    """Run the parts in their order. Ends after the sum of their limits at the latest, or soon after a signal."""
    record = Record([Progress(part.title, part.counted) for part in parts])
    deadline = time.monotonic()
    try:
        with stopped_by_signals():
            for part, progress in zip(parts, record.parts, strict=True):
                deadline += part.seconds
                print(f"\n{part.title}", flush=True)
                with suppress(TimeIsUp):
                    run_part(part, progress, deadline, lambda event, to=progress: take_in(record, to, event, heard))
        record.ended_by = "their time was up"
    except Stopped as stopped:
        record.ended_by = f"the run was stopped by {stopped}"
    return record


def take_in(record: Record, progress: Progress, event: dict[str, Any], heard: Heard) -> None:
    """Add what a part says to the record."""
    record.add(progress, event)
    heard(record, event)


def run_part(part: Part, progress: Progress, deadline: float, say: Say) -> None:
    """Run a part to its end, in as many processes as it takes. Raises TimeIsUp and Stopped."""
    while not progress.is_complete:
        before = len(progress.ended)
        status = run_process(part, progress.ended, deadline, say)
        has_failed_a_step = len(progress.ended) > before and progress.ended[-1] in progress.failures
        if progress.is_complete or has_failed_a_step:
            continue
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        has_got_nowhere = progress.next_step is None or (status >= 0 and len(progress.ended) == before)
        step = progress.title if has_got_nowhere else progress.next_step
        say({"failed": step, "reason": f"its process {how}"})
        if has_got_nowhere:
            return
        say({"done": step})


def run_process(part: Part, ended: Sequence[str], deadline: float, say: Say) -> int:
    """Run a part's process, without the steps that have ended. Returns its exit status. Raises TimeIsUp and Stopped."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    settings = {PIPE: str(writer), DONE: json.dumps([*ended]), PARENT: str(os.getpid()), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(  # in a session of its own, which Ctrl-C does not reach: it is this program's to end
        part.command, cwd=ROOT, env=os.environ | settings, pass_fds=[writer], start_new_session=True
    )
    os.close(writer)
    events = Events(reader)
    try:
        while process.poll() is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeIsUp
            select.select([reader], [], [], min(left, 0.1))
            for event in events.read():
                say(event)
        return process.returncode
    finally:
        end(process)
        for event in events.read():
            say(event)
        os.close(reader)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and those that it has started."""
    for number, seconds in ((signal.SIGTERM, GRACE), (signal.SIGKILL, None)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)


class Events:
    """What a process has said through a pipe."""

    def __init__(self, pipe: int):
        self.pipe = pipe
        self._text = b""

    def read(self) -> list[dict[str, Any]]:
        """Take all that has been said and not been taken."""
        with suppress(BlockingIOError):
            while content := os.read(self.pipe, 65536):
                self._text += content
        *lines, self._text = self._text.split(b"\n")
        return [json.loads(line) for line in lines]


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Raise Stopped, once, when a signal tells this process to end."""

    def stop(number: int, frame: FrameType | None) -> None:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(signal.Signals(number).name)

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    yield
    for number, handler in before.items():  # not after a signal: others may follow while the table is written
        signal.signal(number, handler)
