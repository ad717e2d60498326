"""What a part of the GPU benchmark says to the program that has started it: lines of JSON through a pipe."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import Any

from benchmarks.rows import Row

PIPE = "LTH_GPU_PIPE"
"""Environment variable: the pipe's open file."""
DONE = "LTH_GPU_DONE"
"""Environment variable: a JSON list of the steps that need not be done again."""


def done_steps() -> set[str]:
    """The steps that another process of this part has done."""
    return set(json.loads(os.environ.get(DONE, "[]")))


def planned(steps: list[str]) -> None:
    """Say which steps the part has, in their order."""
    _send(planned=steps)


def measured(row: Row) -> None:
    """Say a row; it takes the place of one with the same name."""
    _send(row=asdict(row))


def remarked(text: str) -> None:
    """Say something that belongs under the table."""
    _send(remark=text)


def failed(step: str, reason: str) -> None:
    """Say why a step has failed."""
    _send(failed=step, reason=reason)


def done(step: str) -> None:
    """Say that a step has ended, well or not."""
    _send(done=step)


def _send(**event: Any) -> None:
    line = json.dumps(event) + "\n"
    if PIPE in os.environ:
        os.write(int(os.environ[PIPE]), line.encode())
    else:
        print(line, end="", flush=True)
