"""How the figures of the early phase show one value of every seed: the mean with its interval as a bar."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from lth_core.analysis.claims import mean_interval
from lth_core.drawing.colours import role_style
from lth_core.drawing.marks import mark_diverged


def point(
    axes: Axes,
    values: pd.Series,
    label: str,
    *,
    x: float | None = None,
    y: float | None = None,
    role: str = "other",
    colour: str | None = None,
    filled: bool = True,
) -> float:
    """Draw the mean of one value per seed, with its 95% interval as a bar, at `x` or `y`; return the mean.

    Where seeds diverged, the mean is that of the others and marked with a cross.
    """
    mean, low, high = mean_interval(values.dropna())
    bar = [[mean - low], [high - mean]] if np.isfinite([low, high]).all() else None
    at = {"x": [mean], "y": [y], "xerr": bar} if x is None else {"x": [x], "y": [mean], "yerr": bar}
    colour = colour or role_style(role).colour
    face = colour if filled else "white"
    axes.errorbar(
        **at, fmt=role_style(role).marker, color=colour, markerfacecolor=face, label=label, elinewidth=1.1, markersize=5
    )
    if values.isna().any():
        mark_diverged(axes, at["x"], at["y"], label, values.isna())
    return mean
