"""Horizontal bars with their numbers: a table of accuracies that can be seen, in the style of `plotting`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from lth_core.analysis.claims import mean_interval
from lth_core.drawing.marks import how_many

Rows = Mapping[str, Mapping[str, Sequence[float]]]
"""Row -> series -> one fraction per seed."""


def bars(axes: Axes, rows: Rows, colours: Mapping[str, str], label: str) -> None:
    """One bar per row and series, from the top, with the mean and its 95% interval in percent beside it.

    `colours` has one per series, in order. Of a series with seeds that diverged (nan) it is the mean of the
    others, and the remark says how many did.
    """
    place, middles = 0.0, []
    for series in rows.values():
        first = place
        for name, colour in colours.items():
            if name in series:
                _bar(axes, place, series[name], colour, name)
                place += 1
        middles.append((first + place - 1) / 2)
        place += 0.6
    axes.set_yticks(middles, rows)
    axes.set_ylim(place - 0.6, -1)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlim(0, 1.22)  # with room for the numbers
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.xaxis.set_major_formatter(lambda fraction, position: f"{round(100 * fraction, 6):g}")
    axes.set_xlabel(f"{label} (%)")


def _bar(axes: Axes, place: float, values: Sequence[float], colour: str, name: str) -> None:
    known = [value for value in values if np.isfinite(value)]
    mean, low, high = mean_interval(known)
    bounded = np.isfinite([low, high]).all()
    axes.barh(place, 0 if np.isnan(mean) else mean, height=0.85, color=colour, alpha=0.75, label=name)
    if bounded:
        axes.plot([max(low, 0), min(high, 1)], [place, place], color="black", linewidth=1)
    words = [f"{100 * mean:.1f}" + (f" ± {100 * (high - mean):.1f}" if bounded else "")] if known else []
    if len(known) < len(values):
        words.append(how_many(~np.isfinite(values)))
    edge = max(min(high, 1), mean) if bounded else np.nan_to_num(mean)
    axes.text(edge + 0.015, place, ", ".join(words), va="center", fontsize=7)
