"""Tables of numbers as coloured maps, in the style of `plotting`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lth_core.plotting import panels

COLOURS = "PuOr"
"""From loss (brown) over nothing (white) to gain (purple), which people with any colour vision tell apart."""
DARK = 0.6
"""Beyond this part of the scale numbers are printed in white."""


def heatmaps(tables: Mapping[str, pd.DataFrame], columns: str, unit: str) -> Figure:
    """Differences around 0, one panel per table (title -> table), with the number in each field and one scale for all.

    Rows are named once, at the left. `columns` names what the columns are, `unit` what the numbers are. A field that is
    not a number is empty.
    """
    names = next(iter(tables.values()))
    left = 0.07 * max(map(len, map(str, names.index)))
    figure, axes = panels(len(tables), width=1.2 + 0.75 * len(names.columns), height=1.5 + 0.32 * len(names))
    figure.set_figwidth(figure.get_figwidth() + left)
    largest = max(np.nanmax(np.abs(table.to_numpy(float)), initial=0.0) for table in tables.values()) or 1.0
    for panel, (title, table) in zip(axes[0], tables.items(), strict=True):
        image = panel.imshow(table.to_numpy(float), cmap=COLOURS, vmin=-largest, vmax=largest, aspect="auto")
        for (row, column), value in np.ndenumerate(table.to_numpy(float)):
            colour = "white" if abs(value) > DARK * largest else "black"
            if np.isfinite(value):
                text = f"{value:+.1f}".replace("-", "−") if abs(value) >= 0.05 else "0.0"  # the scale's minus sign
                panel.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
        panel.set_title(title)
        panel.set_xticks(range(len(table.columns)), table.columns, rotation=30, ha="right")
        panel.set_yticks(range(len(table)), table.index if panel is axes[0, 0] else [""] * len(table))
        panel.set_xlabel(columns)
        panel.tick_params(length=0)
        panel.grid(visible=False)
        panel.spines[:].set_visible(False)
    figure.colorbar(image, ax=list(axes[0]), label=unit)
    return figure
