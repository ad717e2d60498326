"""A running job in words: its name, the last line of its log, how long it has been running."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

TAIL_BYTES = 4096
CONTROL = re.compile(r"\033\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Job:
    """A job of the workflow that has been started."""

    rule: str
    wildcards: Mapping[str, str]
    logs: Sequence[str]
    started: float = field(default_factory=time.monotonic)

    @property
    def name(self) -> str:
        """Rule and wildcards: `retrain digits-lenet 0-4 imp level 3 reinit`."""
        return " ".join([self.rule, *(in_words(name, str(value)) for name, value in self.wildcards.items())])

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    @property
    def elapsed(self) -> str:
        return duration(self.seconds)

    def divergence(self) -> str:
        """Read what its log says of replicates that diverged; empty: nothing."""
        said = ("diverged: ", "diverged in sampling: ")
        return next((line for line in self.last_lines(5) if line.startswith(said)), "")

    def last_lines(self, count: int) -> list[str]:
        """Read the last non-empty lines of its log so far."""
        return last_lines(self.logs[0], count) if self.logs else []


def in_words(wildcard: str, value: str) -> str:
    """Put the wildcard's name before a bare number, which says nothing by itself."""
    return f"{wildcard} {value}" if value.isdigit() else value


def duration(seconds: float) -> str:
    """Write a duration: `4.2 s`, `42 s`, `3 min 05 s`, `2 h 03 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def last_lines(path: str, count: int) -> list[str]:
    """Read the last non-empty lines of a text file from its end; an unreadable file has none."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    lines = (CONTROL.sub("", line).rstrip() for line in re.split(r"[\r\n]+", text))
    return [line for line in lines if line][-count:]
