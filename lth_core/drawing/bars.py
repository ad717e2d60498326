"""Horizontal bars with their numbers: a table of accuracies as a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from lth_core.analysis.claims import mean_interval
from lth_core.drawing.marks import how_many
from lth_core.drawing.style import SMALL

Rows = Mapping[str, Mapping[str, Sequence[float]]]
"""Row -> series -> one fraction per seed."""


def bars(axes: Axes, rows: Rows, colours: Mapping[str, str], label: str) -> None:
    """Draw one bar per row and series, from the top, with the mean and its 95% interval in percent beside it.

    `colours` names one per series, in order. A series with seeds that diverged (nan) shows the mean of the others and
    says how many diverged.
    """
    height, middles = 0.0, []
    for series in rows.values():
        first = height
        for name, colour in colours.items():
            if name in series:
                _bar(axes, height, series[name], colour, name)
                height += 1
        middles.append((first + height - 1) / 2)
        height += 0.6
    axes.set_yticks(middles, rows)
    axes.set_ylim(height - 0.6, -1)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlim(0, 1.22)  # with room for the numbers
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.xaxis.set_major_formatter(lambda fraction, position: f"{round(100 * fraction, 6):g}")
    axes.set_xlabel(f"{label} (%)")


def _bar(axes: Axes, y: float, values: Sequence[float], colour: str, name: str) -> None:
    known = [value for value in values if np.isfinite(value)]
    mean, low, high = mean_interval(known)
    bounded = np.isfinite([low, high]).all()
    axes.barh(y, 0 if np.isnan(mean) else mean, height=0.85, color=colour, alpha=0.75, label=name)
    if bounded:
        axes.plot([max(low, 0), min(high, 1)], [y, y], color="black", linewidth=1)
    words = [f"{100 * mean:.1f}" + (f" ± {100 * (high - mean):.1f}" if bounded else "")] if known else []
    if len(known) < len(values):
        words.append(how_many(~np.isfinite(values)))
    edge = max(min(high, 1), mean) if bounded else np.nan_to_num(mean)
    axes.text(edge + 0.015, y, ", ".join(words), va="center", fontsize=SMALL)
