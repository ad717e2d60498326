"""Tables: CSV files that are written whole, with a sum that reading compares."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lth_core.storage.files import read_bytes, write_text


def write_table(
    path: str | Path, columns: Iterable[str], rows: Iterable[Sequence[Any]], *, digits: int | None = 9
) -> None:
    """Write a header and rows as CSV. Raises ArtifactError when the file cannot be written.

    Fractional numbers have `digits` significant digits, or, with None, as many as tell them apart.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_text(value, digits) for value in row] for row in rows)
    write_text(path, text.getvalue())


def read_rows(path: str | Path) -> list[dict[str, str]]:
    """Read the rows of a CSV file, as text by column. Raises ArtifactError when it is missing or damaged."""
    return list(csv.DictReader(io.StringIO(read_bytes(path).decode())))


def _text(value: Any, digits: int | None) -> Any:
    return f"{value:.{digits}g}" if digits and isinstance(value, float) else value
