"""Small multiples: where lines are too many for one panel, a panel per group shows those of others in grey."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lth_core.drawing.colours import BACKGROUND
from lth_core.drawing.figures import MOST_COLUMNS, panels

GREY = "grey: lines of other panels"
"""What notes say of the lines behind."""


def multiples(
    groups: Mapping[str, Sequence[str]],
    line: Callable[[Axes, str], None],
    behind: Callable[[str], pd.Series],
    *,
    across: int = MOST_COLUMNS,
    height: float = 2.3,
) -> tuple[Figure, list[Axes]]:
    """Draw one panel per group (title -> names); panels share their vertical axis. Return the figure and its panels.

    Args:
        groups: title -> names of its lines; a name may be in several groups.
        line: draws the line of a name, in its colours and with its label.
        behind: the means of a name (x -> y), drawn in grey where its group is another one.
    """
    figure, axes = panels(len(groups), height=height, across=across)
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    for panel, (title, group) in zip(axes[0], groups.items(), strict=True):
        if panel is not axes[0, 0]:
            panel.sharey(axes[0, 0])
        for name in names:
            if name not in group:
                means = behind(name)
                panel.plot(means.index, means, color=BACKGROUND, linewidth=0.8, zorder=1)
        for name in group:
            line(panel, name)
        panel.set_title(title)
    return figure, list(axes[0])
