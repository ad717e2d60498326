"""Whole figures: their panels, one legend for all of them, and their files.

Figures are made by `panels`, never through pyplot, so drawing needs no display and leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lth_core.drawing.style import FORMATS
from lth_core.storage.files import write_whole


def panels(columns: int = 1, rows: int = 1, *, width: float = 3.4, height: float = 2.8) -> tuple[Figure, np.ndarray]:
    """Return a figure of panels, each about width x height inches, and their axes as an array (rows, columns)."""
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def legend(figure: Figure, note: str = "") -> None:
    """Draw one legend for all panels, below them, so that it covers no line; `note` is printed above the entries."""
    entries = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    if not entries:
        return
    columns = _legend_columns(list(entries), figure.get_figwidth())
    rows = -(-len(entries) // columns)
    figure.set_figheight(figure.get_figheight() + 0.18 * rows + (0.25 if note else 0.1))
    figure.legend(
        entries.values(), entries, loc="outside lower center", ncols=columns, title=note or None, columnspacing=1.6
    )


def _legend_columns(labels: Sequence[str], width: float) -> int:
    """Return how many columns fit into `width` inches, each as wide as its longest label."""
    for columns in range(len(labels), 1, -1):
        rows = -(-len(labels) // columns)
        longest = [max(map(len, labels[start : start + rows])) for start in range(0, len(labels), rows)]
        if sum(0.6 + 0.062 * letters for letters in longest) <= width:
            return len(longest)
    return 1


def interval_note(replicates: int) -> str:
    """Say what a line and its band show, for legends and captions."""
    if replicates < 2:
        return "one seed, no interval"
    return f"mean of {replicates} seeds; band: 95% t interval"


def images(figure: Figure) -> dict[str, bytes]:
    """Return the content of a figure's files by extension (FORMATS); the same figure gives the same bytes."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, the same in every format
    contents = {suffix: BytesIO() for suffix in FORMATS}
    for suffix, options in FORMATS.items():
        figure.savefig(contents[suffix], format=suffix, **options)
    return {suffix: content.getvalue() for suffix, content in contents.items()}


def save(figure: Figure, stem: str | Path) -> None:
    """Write `stem`.svg, .png and .pdf; the same figure gives the same bytes."""
    for suffix, content in images(figure).items():
        write_whole(f"{stem}.{suffix}", lambda path, content=content: path.write_bytes(content))
