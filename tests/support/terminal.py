"""A small workflow that snakemake runs with `--logger lth`, on a terminal or not, and what it leaves on the screen."""

from __future__ import annotations

import io
import logging
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from snakemake_logger_plugin_lth import LogHandler

ROOT = Path(__file__).parents[2]
SNAKEFILE = """
import os
import subprocess
from snakemake.logging import logger
from lth_core.runtime.interruption import stop_when_told

rule all:
    input: "out/digits_1", "out/digits_2", "out/mnist_3",

rule train:
    output: "out/{task}_{level}",
    log: "logs/{task}_{level}.log",
    shell:
        '''(echo "step 1/2 accuracy 97.9%"; sleep {config[seconds]}; test {wildcards.task} != {config[broken]} ||
        {{ echo "error: no such data set"; exit 1; }}; touch {output}) < /dev/null > {log} 2>&1'''

def wait(where):
    if config["waits"] == where:
        os.write(1, where.encode() + b"\\n")
        subprocess.run(["sleep", "30"])

wait("reading")

onstart:
    stop_when_told()
    wait("beginning")

onsuccess:
    logger.info("summary of the run")
    logger.info("page: index.html")
"""


def command(
    folder: Path, *arguments: str, seconds: float = 0.1, broken: str = "none", waits: str = "nowhere"
) -> list[str]:
    (folder / "Snakefile").write_text(SNAKEFILE)
    config = ["--config", f"seconds={seconds}", f"broken={broken}", f"waits={waits}"]
    return [sys.executable, "-m", "snakemake", "--cores", "2", "--logger", "lth", *arguments, *config]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm"}


def run_piped(folder: Path, *arguments: str, **config: object) -> subprocess.CompletedProcess[str]:
    """Snakemake with its output in a pipe; jobs take next to no time."""
    started = command(folder, *arguments, **config)
    return subprocess.run(started, cwd=folder, env=environment(), capture_output=True, text=True, timeout=60)


def run_on_terminal(
    folder: Path, stop_at: str = "(?!)", stop: Callable[[int], None] | None = None, **config: object
) -> tuple[int, str]:
    """Snakemake on a pseudo-terminal: exit status and all output. `stop` gets its id once that pattern is on screen."""
    ours, theirs = pty.openpty()
    started = command(folder, **config)
    process = subprocess.Popen(
        started, cwd=folder, env=environment(), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 4096):
            written += chunk
            if stop and re.search(stop_at, written.decode(errors="ignore")):
                stop(process.pid)
                stop = None
    except OSError:  # how Linux says that the other side has closed
        pass
    os.close(ours)
    status = process.wait(timeout=60)
    with suppress(ProcessLookupError):  # no job's `sleep` goes on
        os.killpg(process.pid, signal.SIGKILL)
    return status, written.decode()


def lines_left(written: str) -> list[str]:
    """What a terminal shows after `written`: a cursor that moves up and clears downwards."""
    lines, row = [""], 0
    for part in re.findall(r"\033\[\d*[A-Za-z]|\r|\n|[^\033\r\n]+", written):
        if part == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif part.endswith("A") and part.startswith("\033"):
            row -= int(part[2:-1])
        elif part == "\033[J":
            del lines[row:]
            lines.append("")
        elif part != "\r":
            assert not part.startswith("\033"), f"unknown control sequence {part!r}"
            lines[row] = part
    return [line for line in lines if line]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def handler_on(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> LogHandler:
    monkeypatch.setattr(sys, "stderr", stream)
    off = dict.fromkeys(("dryrun", "verbose", "printshellcmds", "debug_dag", "stdout"), False)
    return LogHandler(SimpleNamespace(**off), None)


def record(event: str, **facts: object) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": f"record of {event}", "event": event, **facts})
