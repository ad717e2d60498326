"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table: its head, then its rows, with vertical bars escaped and line breaks made spaces."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(
        f"| {' | '.join(' '.join(entry.split()).replace('|', chr(92) + '|') for entry in line)} |" for line in lines
    )
