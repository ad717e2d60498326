"""Where the wall time of a run went: inside training and evaluation, or outside (imports, files, scheduling)."""

from __future__ import annotations

import re
import time
from pathlib import Path

_STAMP = ".run_started"
_SECONDS = re.compile(r"^seconds: train ([\d.]+) evaluate ([\d.]+) on (\d+) core\(s\)$", re.MULTILINE)


def began(logs: str) -> float:
    """Return when the run began, in seconds of the system's clock."""
    return float(Path(logs, _STAMP).read_text())


def spent(train: float, evaluate: float, cores: int) -> str:
    """Write the line of a job's log that says how long it trained and evaluated (seconds), and on how many cores."""
    return f"seconds: train {train:.3f} evaluate {evaluate:.3f} on {cores} core(s)"


def start(logs: str) -> None:
    """Record when the run began."""
    Path(logs).mkdir(parents=True, exist_ok=True)
    Path(logs, _STAMP).write_text(repr(time.time()))


def summary(logs: str, cores: int | None) -> str:
    """Summarize the run that just ended in one line, from the seconds that its training jobs wrote to their logs.

    `cores` is None where jobs run on other machines (a cluster); the share of their cores' time is unknown then.
    """
    start_of_run = began(logs)
    wall = max(time.time() - start_of_run, 1e-3)  # the clock may have been set back
    trained = evaluated = busy = 0.0
    for log in Path(logs).rglob("*.log"):
        if log.stat().st_mtime >= start_of_run and (seconds := _SECONDS.search(log.read_text(errors="replace"))):
            train, evaluate, cores_used = float(seconds[1]), float(seconds[2]), int(seconds[3])
            trained, evaluated, busy = trained + train, evaluated + evaluate, busy + (train + evaluate) * cores_used
    spent_on = f"training {trained:.0f} s, evaluation {evaluated:.0f} s"
    if cores is None:
        return f"{wall:.0f} s: {spent_on}"
    outside = max(0.0, 1 - busy / (wall * cores))
    machine = "1 core" if cores == 1 else f"{cores} cores"
    return f"{wall:.0f} s on {machine}: {spent_on}, {100 * outside:.0f}% of the cores' time outside both"
