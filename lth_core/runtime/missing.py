"""What the logs of jobs say is missing, and what a run that ended says of all of it.

Missing are replicates that diverged, in training or when images were drawn, and claims that nothing is measured for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

_DIVERGED = re.compile(r"^diverged( in sampling)?: (\d+) of (\d+) replicates?", re.MULTILINE)
_UNMEASURED = re.compile(r"^not measured: .+$", re.MULTILINE)


def divergence_line(lost: Sequence[bool], seeds: Sequence[int], draws: int = 1, *, sampling: bool = False) -> str:
    """Write the line for replicates (seed-major) that diverged, or that started from a training that had.

    `sampling`: they did not in training, but when images were drawn.
    """
    hit = sorted({seeds[index // draws] for index, is_lost in enumerate(lost) if is_lost})
    noun = "seed" if len(hit) == 1 else "seeds"
    how = "diverged in sampling" if sampling else "diverged"
    return f"{how}: {sum(lost)} of {_counted(len(lost), 'replicate')} ({noun} {', '.join(map(str, hit))})"


def unmeasured_line(claims: int, reason: str) -> str:
    """Write the line for a number of claims that nothing is measured for, and why."""
    return f"not measured: {_counted(claims, 'claim')}, because {reason}"


def summary(logs: str, began: float) -> list[str]:
    """Summarize, a line for each kind, what the logs that were written since `began` say is missing."""
    divergences: dict[str, list[tuple[int, int, Path]]] = {"training": [], "sampling": []}
    unmeasured: list[str] = []
    for log, text in _written_since(logs, began):
        if match := _DIVERGED.search(text):
            divergences["sampling" if match[1] else "training"].append((int(match[2]), int(match[3]), log))
        unmeasured += _UNMEASURED.findall(text)
    lines = [_diverged(noun, counts) for noun, counts in divergences.items() if counts]
    return [f"warning: {line}" for line in [*lines, *unmeasured]]


def _written_since(logs: str, began: float) -> Iterator[tuple[Path, str]]:
    for log in sorted(Path(logs).rglob("*.log")):
        if log.stat().st_mtime >= began:
            yield log, log.read_text(errors="replace")


def _diverged(noun: str, counts: Sequence[tuple[int, int, Path]]) -> str:
    """Say in how many jobs replicates diverged, from how many did in each, how many it has, and its log."""
    whole = sum(lost == size for lost, size, _ in counts)
    if whole == len(counts):
        all_lost = " (all replicates in each)" if whole > 1 else " (all replicates)"
    else:
        all_lost = f" (all replicates in {whole} of them)" if whole else ""
    where = f"see 'Divergence' on the page, and {counts[0][2]}"
    return f"replicates diverged in {_counted(len(counts), noun)}{all_lost}: {where}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
