"""Parts of sentences that captions and claims of all studies share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from lth_core.config import Task
from lth_core.metrics import Metric


def data_note(task: Task, seeds: int | None = None) -> str:
    """Say which data and network a figure is based on, and what its lines and bands show, if it has any."""
    bands = f"; {seeds_note(seeds)}" if seeds is not None else ""
    return f"Data: {task.dataset}, network: {task.model.name}{bands}."


def seeds_note(seeds: int) -> str:
    """Say what lines and bands show, and what becomes of the band where nothing is known of the spread."""
    from lth_core.drawing.figures import interval_note  # with matplotlib, which the workflow's start does without

    return interval_note(seeds) + (" (no band where all seeds are equal)" if seeds > 1 else "")


def bars_note(note: str, bar: str = "bar") -> str:
    """Change a note on bands to one on bars, which equal seeds do not have."""
    return note.replace("band: ", f"{bar}: ").replace("(no band where", "(none where")


def listing(words: Sequence[str]) -> str:
    """List words as a sentence does: a; a and b; a, b and c."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def with_direction(caption: str, metric: Metric) -> str:
    """Add to a caption that low values are better, where they are and the caption names the metric."""
    if metric.higher_is_better or metric.label not in caption:
        return caption
    return f"{caption} Lower {metric.label} is better."


def better(metric: Metric, are: Literal["are", "is", "are not"] = "are") -> str:
    """Say that networks do better than others: that they "are more accurate", or "have a lower negative ELBO"."""
    if metric.adjective:
        return f"{are} {metric.better}"
    return f"{ {'are': 'have', 'is': 'has', 'are not': 'do not have'}[are] } {_better_value(metric)}"


def makes_better(metric: Metric, what: str) -> str:
    """Say that something has networks do better: it "makes tickets more accurate", or "gives tickets a lower loss"."""
    return f"makes {what} {metric.better}" if metric.adjective else f"gives {what} {_better_value(metric)}"


def _better_value(metric: Metric) -> str:
    """The value of what does better: "a higher return", "lower bits per character"."""
    article = "" if metric.label.partition(" ")[0].endswith("s") else "a "
    return f"{article}{metric.directed('higher', 'lower')} {metric.label}"


def early_stopping(metric: Metric) -> str:
    """Say what the step of early stopping is."""
    return f"best validation {metric.label}" if metric.selects else "minimum validation loss"


def still_improving(metric: Metric) -> str:
    """Say of a training that stops early at its last step what had not yet come to its best."""
    if not metric.selects:
        return "validation loss was still falling"
    return f"validation {metric.label} was still {metric.directed('rising', 'falling')}"
