"""Whole figures: their panels, one legend for all of them, and their files.

Figures are made by `panels`, never through pyplot, so drawing needs no display and leaves nothing behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from textwrap import fill

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.transforms import ScaledTranslation

from lth_core.drawing.marks import say_all_diverged
from lth_core.drawing.style import FORMATS
from lth_core.storage.files import write_whole
from lth_core.storage.paths import FIGURE_FORMATS

MOST_WIDTH = 6.8
"""Inches: text of 9 points in a figure of this width is still read on a telephone, 400 pixels wide."""
MOST_COLUMNS = 3
"""Panels side by side: more are folded into blocks below one another."""
MOST_ENTRIES = 8
"""Of a legend for all panels: where there are more, panels explain what few others draw."""
LINE = 0.18
"""Inches of a legend's line."""
BAND = "band: 95% t interval"
"""What notes say of bands."""
NOTE_LETTER = 0.072
"""Inches that a letter of a legend's note takes at most on average."""


class Grid(GridSpec):
    """The grid of panels. `block`: how many rows a block of folded columns has."""

    block: int


def panels(
    columns: int = 1,
    rows: int = 1,
    *,
    width: float = 3.4,
    height: float = 2.8,
    names: float = 0.0,
    across: int = MOST_COLUMNS,
) -> tuple[Figure, np.ndarray]:
    """Return a figure of panels and their axes as an array (rows, columns).

    Panels are about width x height inches, and narrower where the figure would be wider than `MOST_WIDTH`. Columns
    beyond `across` are folded into another block of rows. `names`: inches at the left for names of rows.
    """
    blocks = -(-columns // across)
    across = -(-columns // blocks)
    width = min(width, (MOST_WIDTH - names) / across)
    figure = Figure(figsize=(names + width * across, height * rows * blocks), layout="constrained")
    FigureCanvasAgg(figure)
    grid = Grid(rows * blocks, across, figure)
    grid.block = rows
    axes = np.empty((rows, columns), dtype=object)
    for row, column in np.ndindex(rows, columns):
        block, position = divmod(column, across)
        axes[row, column] = figure.add_subplot(grid[block * rows + row, position])
    return figure, axes


def leftmost(axes: Axes) -> bool:
    """Return whether a panel has none at its left: it shows names of rows."""
    spec = axes.get_subplotspec()
    return spec is None or spec.is_first_col()


def label_columns(axes: np.ndarray) -> None:
    """Label the horizontal axis of panels (rows, columns), which is the same in all rows, in the last row only."""
    for panel in axes[:-1].flat:
        panel.set_xlabel("")
        panel.tick_params(labelbottom=False)


def _label_rows(figure: Figure) -> None:
    """Label the leftmost panel of every row, those of folded columns too, and no panel that shares its axis."""
    grids = [spec.get_gridspec() for axes in figure.axes if (spec := axes.get_subplotspec())]
    if not grids or not isinstance(grids[0], Grid):
        return
    positions = {}
    for axes in figure.axes:
        if spec := axes.get_subplotspec():
            positions[spec.rowspan.start, spec.colspan.start] = axes
    for (row, column), axes in positions.items():
        if column == 0:
            axes.set_ylabel(axes.get_ylabel() or positions[row % grids[0].block, 0].get_ylabel())
    for (row, column), axes in positions.items():
        if column and axes.get_shared_y_axes().joined(axes, positions[row, 0]):
            axes.set_ylabel("")
            axes.tick_params(labelleft=False)


def legend(figure: Figure, note: str = "") -> None:
    """Explain the lines of all panels below them, so that no legend covers a line.

    `note` is printed above the entries, in lines no wider than the figure. Where there are more than `MOST_ENTRIES`,
    lines that most panels do not draw are explained below those that do. Call it last: rows of panels that share their
    vertical axis are labelled once, long titles are broken, and panels of which all diverged say so.
    """
    _label_rows(figure)
    _break_lines(figure)
    if any(map(_cuts_bands, figure.axes)):
        note = note.replace(BAND, f"{BAND}, cut off where it is wide")
    for axes in figure.axes:
        say_all_diverged(axes)
    drawn = {axes: dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True)) for axes in figure.axes}
    count = Counter(label for entries in drawn.values() for label in entries)
    common = [label for label in count if len(count) <= MOST_ENTRIES or 2 * count[label] > len(drawn)]
    local = {
        axes: {label: handle for label, handle in entries.items() if label not in common}
        for axes, entries in drawn.items()
    }
    _panel_legends(figure, local)
    if not common:
        return
    entries = {label: next(of[label] for of in drawn.values() if label in of) for label in common}
    columns = _legend_columns(common, figure.get_figwidth())
    note = "\n".join(fill(line, round(figure.get_figwidth() / NOTE_LETTER)) for line in note.split("\n"))
    rows = -(-len(entries) // columns)
    figure.set_figheight(figure.get_figheight() + LINE * (rows + note.count("\n")) + (0.25 if note else 0.1))
    figure.legend(
        entries.values(), entries, loc="outside lower center", ncols=columns, title=note or None, columnspacing=1.6
    )


def _cuts_bands(axes: Axes) -> bool:
    """Tell whether a band goes on beyond a panel, whose axis follows the means (`axes.follow_means`)."""
    low, high = axes.get_ylim()
    beyond = 0.01 * abs(high - low)
    bands = [one for one in axes.collections if isinstance(one, PolyCollection)]
    heights = [np.asarray(path.vertices)[:, 1] for band in bands for path in band.get_paths()]
    return any(at.size and (at.min() < low - beyond or at.max() > high + beyond) for at in heights)


def _break_lines(figure: Figure) -> None:
    """Break titles and horizontal labels that are wider than their panels."""
    for axes in figure.axes:
        if spec := axes.get_subplotspec():
            letters = round(figure.get_figwidth() / spec.get_gridspec().ncols / 0.075)
            for text in (axes.title, axes.xaxis.label):
                text.set_text("\n".join(fill(line, letters) for line in text.get_text().split("\n")))


def _panel_legends(figure: Figure, local: Mapping[Axes, Mapping[str, Artist]]) -> None:
    """Explain below each panel what few others draw."""
    lines: dict[int, int] = {}
    for axes, entries in local.items():
        spec = axes.get_subplotspec()
        if not entries or spec is None:
            continue
        columns = _legend_columns(list(entries), figure.get_figwidth() / spec.get_gridspec().ncols)
        label = axes.get_xlabel()
        below = 0.3 + (0.16 * (1 + label.count("\n")) if label else 0)
        position = axes.transAxes + ScaledTranslation(0, -below, figure.dpi_scale_trans)
        axes.legend(
            entries.values(), entries, loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=position,
            ncols=columns, borderpad=0, borderaxespad=0, columnspacing=1.2,
        )  # fmt: skip
        row = spec.rowspan.start
        lines[row] = max(lines.get(row, 0), -(-len(entries) // columns))
    figure.set_figheight(figure.get_figheight() + sum(0.1 + LINE * count for count in lines.values()))


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
    return f"mean of {replicates} seeds; {BAND}"


def images(figure: Figure) -> dict[str, bytes]:
    """Return the content of a figure's files by extension (FIGURE_FORMATS); the same figure gives the same bytes."""
    figure.draw_without_rendering()
    figure.set_layout_engine(None)  # laid out once, the same in every format ("none" would draw each format twice)
    contents = {suffix: BytesIO() for suffix in FIGURE_FORMATS}
    for suffix, content in contents.items():
        figure.savefig(content, format=suffix, **FORMATS[suffix])
    return {suffix: content.getvalue() for suffix, content in contents.items()}


def save(figure: Figure, stem: str | Path) -> None:
    """Write `stem`.svg, .png and .pdf; the same figure gives the same bytes."""
    for suffix, content in images(figure).items():
        write_whole(f"{stem}.{suffix}", lambda path, content=content: path.write_bytes(content))
