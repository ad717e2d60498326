"""What the log of a job says of replicates that diverged, and what a run that ended says of all of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

_LINE = re.compile(r"^diverged: (\d+) of (\d+) replicates?", re.MULTILINE)


def divergence_line(lost: Sequence[bool], seeds: Sequence[int], draws: int = 1) -> str:
    """Write the line for replicates (seed-major) that diverged, or that started from a training that had."""
    hit = sorted({seeds[index // draws] for index, is_lost in enumerate(lost) if is_lost})
    noun = "seed" if len(hit) == 1 else "seeds"
    replicates = "replicate" if len(lost) == 1 else "replicates"
    return f"diverged: {sum(lost)} of {len(lost)} {replicates} ({noun} {', '.join(map(str, hit))})"


def summary(logs: str, began: float) -> str | None:
    """Summarize in one line what the logs that were written since `began` say of divergence; None: nothing."""
    counts = []
    for log in sorted(Path(logs).rglob("*.log")):
        if log.stat().st_mtime >= began and (match := _LINE.search(log.read_text(errors="replace"))):
            counts.append((int(match[1]), int(match[2]), log))
    if not counts:
        return None
    whole = sum(lost == size for lost, size, _ in counts)
    every = f", every one in {whole} of these" if whole else ""
    trainings = "1 training" if len(counts) == 1 else f"{len(counts)} trainings"
    return f"warning: replicates diverged in {trainings}{every}: see 'Divergence' on the page, and {counts[0][2]}"
