"""Heat maps: tables as coloured fields, those of differences with their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from lth_core.drawing.axes import even_lines
from lth_core.drawing.colours import DIFFERENCES, DIVERGED, NO_NUMBER, VALUES
from lth_core.drawing.figures import MOST_WIDTH, leftmost, legend, panels
from lth_core.drawing.marks import explain_fields, mark_field
from lth_core.drawing.style import SMALL

DARK = 0.6
"""Beyond this part of the colour map numbers are printed in white."""
FIELD = 0.52
"""Inches of a field with its number."""
SCALE = 0.9
"""Inches of the scale of colours with its label."""
BELOW, LETTER = 0.9, 0.072
"""Inches below the fields, and of a letter of the scale's label."""


def heatmaps(tables: Mapping[str, pd.DataFrame], columns: str, unit: str, decimals: int = 1) -> Figure:
    """Draw differences around 0, one panel per table (title -> table), with the number in each field, on one scale.

    Panels that have no room beside others are below them. Every field holds one number per seed and shows their mean.
    Where some seeds diverged (nan) it is the mean of the others, and a mark says how many; where all did, the field
    says so. A field without seeds stays grey. Rows are named at the left. `columns` says what the columns are, `unit`
    what the numbers are, which have `decimals`.
    """
    names = next(iter(tables.values()))
    left = 0.068 * max(map(len, map(str, names.index)))
    width = 0.2 + FIELD * len(names.columns)
    beside = max(1, floor((MOST_WIDTH - left - SCALE) / width))
    figure, axes = panels(len(tables), width=width, height=1.25 + 0.28 * len(names), names=left + SCALE, across=beside)
    means = {
        title: table.map(lambda seeds: pd.Series(seeds, dtype=float).mean()).astype(float)
        for title, table in tables.items()
    }
    largest = float(pd.concat(list(means.values())).abs().max().max())
    largest = largest if largest > 0 else 1.0  # only zeros, or no number at all
    for panel, (title, table) in zip(axes[0], tables.items(), strict=True):
        numbers = means[title].to_numpy()
        image = panel.imshow(numbers, cmap=DIFFERENCES, vmin=-largest, vmax=largest, aspect="auto")
        panel.set_facecolor(NO_NUMBER)
        for (row, column), seeds in np.ndenumerate(table):
            if len(seeds):
                _print(panel, row, column, seeds, float(numbers[row, column]), largest, decimals)
        panel.set_title(title)
        panel.set_xticks(range(len(table.columns)), table.columns, rotation=30, ha="right")
        panel.set_yticks(range(len(table)), table.index if leftmost(panel) else [""] * len(table))
        panel.set_xlabel(columns)
        panel.tick_params(length=0)
        panel.grid(visible=False)
        panel.spines[:].set_visible(False)
    _scale(figure, image, axes, unit)
    fields = np.concatenate([table.to_numpy().ravel() for table in tables.values()])
    if any(np.isnan(seeds).any() and not np.isnan(seeds).all() for seeds in fields):
        explain_fields(axes[0, 0], max(map(len, fields)))
        legend(figure)
    return figure


def fields(grid: Mapping[tuple[str, str], pd.DataFrame], axis: str, label: str) -> Figure:
    """Draw tables of values from 0 on as coloured fields without numbers, on one scale: (row, column) -> table.

    Rows and columns of the grid are named at its left and top; both axes of every table are of `axis`, in which its
    index and columns rise evenly, and `label` says what the values are.
    """
    rows, columns = (list(dict.fromkeys(names)) for names in zip(*grid, strict=True))
    figure, axes = panels(len(columns), len(rows), width=2.0, height=1.75, names=SCALE)
    largest = np.nanmax([0.0, *(np.nanmax(table.to_numpy(float)) for table in grid.values())])
    for (row, column), table in grid.items():
        panel = axes[rows.index(row), columns.index(column)]
        first, last = table.index[0] - 0.5, table.index[-1] + 0.5
        extent = (first, last, first, last)
        image = panel.imshow(table, cmap=VALUES, vmin=0, vmax=largest or 1.0, origin="lower", extent=extent)
        panel.grid(visible=False)
        for side in (panel.xaxis, panel.yaxis):
            side.set_major_locator(MaxNLocator(5, integer=True))
        if column == columns[0]:
            panel.set_ylabel(f"{row}\n{axis}")
        if row == rows[0]:
            panel.set_title(column)
        if row == rows[-1]:
            panel.set_xlabel(axis)
    _scale(figure, image, axes, label, shrink=0.8, aspect=30)
    return figure


def _scale(figure: Figure, image: AxesImage, axes: np.ndarray, label: str, **shape: Any) -> None:
    """Draw the scale of colours, with its label in as many lines as the height of the figure asks for."""
    letters = max(12, floor((figure.get_figheight() - BELOW) / LETTER))
    figure.colorbar(image, ax=list(axes.flat), label=even_lines(label, letters), **shape)


def _print(
    panel: Axes, row: int, column: int, seeds: Sequence[float], mean: float, largest: float, decimals: int
) -> None:
    """Print the mean of the seeds in its field, and how many diverged."""
    diverged = np.isnan(seeds)
    if all(diverged):
        panel.text(column, row, "diverged", ha="center", va="center", color=DIVERGED, fontsize=SMALL)
        return
    mark_field(panel, column, row, diverged)
    colour = "white" if abs(mean) > DARK * largest else "black"
    known = abs(mean) >= 0.5 * 10**-decimals
    text = f"{mean:+.{decimals}f}".replace("-", "−") if known else f"{0:.{decimals}f}"  # the scale's minus sign
    panel.text(column, row, text, ha="center", va="center", color=colour, fontsize=SMALL)
