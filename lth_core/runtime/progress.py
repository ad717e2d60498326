"""How far a long loop is: one updating line on a terminal, a plain line every few seconds in a log file."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO


class Progress:
    """Report how far a loop of `total_steps` is: at most every `interval` seconds, and at its last step."""

    def __init__(
        self,
        total_steps: int,
        *,
        interval: float = 2.0,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._total = total_steps
        self._interval = interval
        self._stream = sys.stdout if stream is None else stream
        self._updating = self._stream.isatty()
        self._clock = clock
        self._started = clock()
        self._said: float | None = None

    def report(self, step: int, describe: Callable[[], str] = str) -> None:
        """Report that `step` steps are done, and a description, unless a line was written within the interval."""
        now = self._clock()
        last = step >= self._total
        if not last and self._said is not None and now - self._said < self._interval:
            return
        self._said = now
        line = f"step {step}/{self._total} {describe()}".rstrip()
        if last:
            line += f", {now - self._started:.1f} s"
        self._write(line, last)

    def _write(self, line: str, last: bool) -> None:
        # On a terminal the cursor goes back to the start of the line, so that the next line, or an error, replaces it.
        if self._updating:
            line += "\033[K" + ("\n" if last else "\r")
        else:
            line += "\n"
        self._stream.write(line)
        self._stream.flush()
