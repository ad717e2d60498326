"""What the page adds to claims and papers so that they are found at a glance: short names, anchors, an order."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from lth_core.analysis.scales import DIFFERENCES, SCALES
from lth_core.config import Task

VERDICTS = ("supported", "contradicted", "inconclusive")


def short_citation(citation: str, title: str) -> str:
    """Shorten "A, B & C, ICLR 2020 (arXiv ...)" to "A et al., ICLR 2020", and "After A et al., ... 2020" to its year.

    A citation of another form is shortened to the title.
    """
    if after := re.match(r"After (?:the call of )?([^ ,]+ et al\.).*?\b(\d{4})\b", citation):
        return f"After {after[1]}, {after[2]}"
    *authors, venue = citation.split(" (")[0].split(", ")
    last = authors.pop().split(" & ") if authors else []
    if not last or (authors and len(last) == 1):
        return title
    names = [*authors, *last]
    return f"{names[0]} et al., {venue}" if len(names) > 2 else f"{' & '.join(names)}, {venue}"


def trained_words(tasks: Iterable[Task]) -> str:
    """Name the networks and data sets of tasks: "lenet on digits, lstm on text, conv on cifar10 and 2 more"."""
    return some([*dict.fromkeys(f"{task.model.name} on {task.dataset}" for task in tasks)], "more")


def some(words: Sequence[str], others: str, most: int = 3) -> str:
    """List the first words as a sentence does, and count the others."""
    rest = len(words) - most
    *first, last = [*words[:most], f"{rest} {others}"] if rest > 0 else words
    return f"{', '.join(first)} and {last}" if first else last


def study_names(citation: str, title: str) -> tuple[str, str]:
    """Return what lists call a study, and what they say beside it: the paper, and its title.

    Of a study after a survey, the title comes first: several of them can be after the same one.
    """
    short = short_citation(citation, title)
    return (title, short) if short.startswith("After ") else (short, title)


def figure_titles(names: Sequence[str], subjects: Collection[str]) -> dict[str, str]:
    """Make titles of the names of a study's figures: "fig05-early-stop-digits" is "Figure 5: early stop (digits)".

    `subjects` are what names end with: tasks, or groups of them. One that all figures have is left out of the titles.
    """
    parts = {name: _kind_and_subject(name, subjects) for name in names}
    common = len({subject for _, subject, _ in parts.values()}) == 1
    titles = {}
    for name, (kind, subject, detail) in parts.items():
        about = ", ".join(filter(None, ["" if common else subject, re.sub(r"^k(\d+)$", r"k = \1", detail)]))
        titles[name] = _kind_words(kind) + (f" ({about})" if about else "")
    return titles


def _kind_and_subject(name: str, subjects: Collection[str]) -> tuple[str, str, str]:
    """Split the name of a figure: its kind, the longest subject that follows it, and what follows that."""
    for subject in sorted(subjects, key=len, reverse=True):
        if match := re.fullmatch(rf"(.+?)-{re.escape(subject)}(?:-(.+))?", name):
            return match[1], subject, match[2] or ""
    return name, "", ""


def _kind_words(kind: str) -> str:
    """Write a kind of figure as words, and of one that is named after a figure of the paper its number."""
    number, rest = re.fullmatch(r"(?:fig0*(\d+)(?:-|$))?(.*)", kind, re.DOTALL).groups()  # type: ignore[union-attr]
    words = rest.replace("-", " ")
    return f"Figure {number}{': ' if words else ''}{words}" if number else words[:1].upper() + words[1:]


def anchored(study: str, claims: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Add to claims `id`, by which links find them, and `clarity`, by which they are sorted."""
    return [
        {**claim, "id": f"{study}-claim-{index}", "clarity": clarity(claim)} for index, claim in enumerate(claims, 1)
    ]


def clarity(claim: Mapping[str, Any]) -> float:
    """Measure how far an estimate is from its margin, in halves of its interval: beyond ±1 its p-value is below 0.05.

    Both on the scale that the mean was taken on, so that ratios are compared as logarithms. nan without an interval.
    """
    replicates = claim["replicates"]
    scale = SCALES[replicates[0].scale] if replicates else DIFFERENCES
    low, high, estimate, margin = scale([claim[key] for key in ("low", "high", "estimate", "margin")]).tolist()
    half = (high - low) / 2
    return (estimate - margin) / half if math.isfinite(half) and half > 0 else math.nan


def sorted_marks(claims: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Order claims by verdict: the row of marks then reads like a bar."""
    return sorted(claims, key=lambda claim: VERDICTS.index(claim["verdict"]))
