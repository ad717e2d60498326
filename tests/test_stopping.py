"""What Ctrl-C and `kill` leave on the screen: what is to be done, in one line, whenever they come."""

from __future__ import annotations

import io
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from lth_core.runtime.interruption import stop_when_told
from tests.support.terminal import handler_on, lines_left, record, run_on_terminal


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, reaction in before.items():
        signal.signal(number, reaction)


def control_c(process: int) -> None:
    os.killpg(process, signal.SIGINT)


def kill(process: int) -> None:
    os.kill(process, signal.SIGTERM)


@pytest.mark.parametrize("stop", [control_c, kill])
def test_jobs_of_a_run_that_is_stopped_have_not_failed(tmp_path: Path, stop: Callable[[int], None]) -> None:
    began = time.monotonic()
    both_jobs_running = r"step 1/2.*\n.*step 1/2"
    status, written = run_on_terminal(tmp_path, both_jobs_running, stop, seconds=30)
    assert status != 0 and time.monotonic() - began < 20
    left = lines_left(written)
    assert not any(line.startswith("train ") for line in left), left
    stopped = [line for line in left if re.fullmatch(r"stopped: train \w+ level \d, after \d\.\d s", line)]
    assert len(stopped) == 2
    assert left[-2].startswith("0 of 4 jobs,") and left[-1] == "stopped; the same command goes on where it was"
    assert not re.search("fail|[Ee]rror|Terminating|KeyboardInterrupt", written), "the user's wish is not a failure"
    assert "\033[?25l" not in written, "the cursor is never hidden"


@pytest.mark.parametrize("stop", [control_c, kill])
@pytest.mark.parametrize("phase", ["reading", "beginning"])
def test_a_run_that_is_stopped_before_its_jobs_start_says_so_in_one_line(
    tmp_path: Path, stop: Callable[[int], None], phase: str
) -> None:
    began = time.monotonic()
    status, written = run_on_terminal(tmp_path, phase, stop, waits=phase)
    assert status == 130 and time.monotonic() - began < 20
    *others, last = [line for line in lines_left(written) if line != phase]
    assert last == "stopped; the same command goes on where it was"
    assert all(line.startswith(("4 jobs to run", "0 of 4 jobs")) for line in others), others


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_fails_before_a_run_is_stopped_has_failed(monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    monkeypatch.setattr(psutil.Process, "children", lambda self: [])
    stream = io.StringIO()
    handler = handler_on(monkeypatch, stream)
    stop_when_told()
    handler.handle(record("job_error", jobid=1, rule_name="train", log=[]))
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    handler.handle(record("job_error", jobid=2, rule_name="prune", log=[]))
    handler.close()
    handler.close()
    first, second, *others = stream.getvalue().splitlines()
    assert first.startswith("failed: train, after") and second.startswith("stopped: prune, after")
    assert others == ["stopped; the same command goes on where it was"]
