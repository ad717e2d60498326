"""Small multiples: where lines are too many for one panel, a panel per group shows those of others in grey."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from lth_core.drawing.colours import BACKGROUND
from lth_core.drawing.figures import MOST_COLUMNS, panels

GREY = "grey: lines of other panels"
"""What notes say of the lines behind."""
SMALL = 1 / 3
"""Panels whose lines together take a smaller part of the range of all lines have a scale of their own."""


def multiples(
    groups: Mapping[str, Sequence[str]],
    line: Callable[[Axes, str], None],
    behind: Callable[[str], pd.Series],
    *,
    across: int = MOST_COLUMNS,
    height: float = 2.3,
) -> tuple[Figure, list[Axes]]:
    """Draw one panel per group (title -> names). Return the figure and its panels.

    Panels share their vertical axis, so that heights compare: those whose own lines are close together share a finer
    one, which lines behind may leave.

    Args:
        groups: title -> names of its lines; a name may be in several groups.
        line: draws the line of a name, in its colours and with its label.
        behind: the means of a name (x -> y), drawn in grey where its group is another one.
    """
    figure, axes = panels(len(groups), height=height, across=across)
    means = {name: behind(name) for name in dict.fromkeys(name for group in groups.values() for name in group)}
    close = _close_together(groups, means)
    first: dict[bool, Axes] = {}
    for panel, (title, group) in zip(axes[0], groups.items(), strict=True):
        small = title in close
        if first.setdefault(small, panel) is not panel:
            panel.sharey(first[small])
        others = [np.column_stack([of.index, of]) for name, of in means.items() if name not in group]
        lines = LineCollection(others, colors=BACKGROUND, linewidths=0.8, zorder=1)
        panel.add_collection(lines, autolim=not small)
        for name in group:
            line(panel, name)
        panel.set_title(title)
    return figure, list(axes[0])


def _close_together(groups: Mapping[str, Sequence[str]], means: Mapping[str, pd.Series]) -> set[str]:
    """Return the titles of groups whose lines, all together, are in a small part of the range of all lines."""
    least = SMALL * _range(means.values())
    close = {title for title, group in groups.items() if _range(means[name] for name in group) < least}
    return close if _range(means[name] for title in close for name in groups[title]) < least else set()


def _range(lines: Iterable[pd.Series]) -> float:
    """Return the distance between the lowest and the highest point of lines; 0 where there is none."""
    heights = np.concatenate([*(line.to_numpy(float) for line in lines), []])
    finite = heights[np.isfinite(heights)]
    return float(np.ptp(finite)) if len(finite) else 0.0
