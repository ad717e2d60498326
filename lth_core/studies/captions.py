"""Parts of sentences that captions and claims of all studies share."""

from __future__ import annotations

from collections.abc import Sequence

from lth_core.config import Task


def data_note(task: Task, seeds: int | None = None) -> str:
    """Say which data and network a figure is based on, and what its lines and bands show, if it has any."""
    bands = f"; {seeds_note(seeds)}" if seeds is not None else ""
    return f"Data: {task.dataset}, network: {task.model.name}{bands}."


def seeds_note(seeds: int) -> str:
    """Say what lines and bands show, and why some points have no band."""
    from lth_core.drawing.figures import interval_note  # with matplotlib, which the workflow's start does without

    return interval_note(seeds) + (" (none where all seeds are equal)" if seeds > 1 else "")


def listing(words: Sequence[str]) -> str:
    """List words as a sentence does: a; a and b; a, b and c."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
