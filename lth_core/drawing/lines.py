"""Lines: means with the band of their interval, and reference lines to compare them with."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.markers import MarkerStyle

from lth_core.analysis.claims import mean_interval
from lth_core.drawing.colours import THRESHOLD, role_style
from lth_core.drawing.marks import mark_diverged


def band(
    axes: Axes,
    frame: pd.DataFrame,
    x: str,
    y: str,
    *,
    role: str = "other",
    label: str | None = None,
    replicate: str = "seed",
    colour: str | None = None,
    linestyle: str = "-",
    markers: bool = True,
    bars: slice | None = None,
) -> None:
    """Draw a line through the mean of `y` at each `x`, with a band: the 95% interval over replicates.

    Draws of one replicate are averaged first. Where a replicate diverged (y is nan), the line shows the others, a cross
    marks the point (without `markers` only the first) and the legend says how many diverged. Where replicates agree,
    which says nothing of their spread, the band narrows to the line. A point that only one replicate has reached has no
    band; an interval without neighbours is an error bar. A single point always has a marker, hollow without `markers`.
    Where many lines cross, bands hide each other: then `bars` are the points that show the interval, as a bar.
    """
    if frame.empty:
        return
    style = role_style(role)
    colour = colour or style.colour
    by_replicate = frame.groupby([x, replicate])[y].agg(lambda draws: draws.mean(skipna=False)).reset_index()
    summary = pd.DataFrame(
        [(at, *_interval(group[y].dropna()), group[y].isna().any()) for at, group in by_replicate.groupby(x)],
        columns=["x", "mean", "low", "high", "incomplete"],
    )
    (line,) = axes.plot(summary["x"], summary["mean"], color=colour, linestyle=linestyle, label=label or style.label)
    if markers or len(summary) == 1:
        line.set(marker=style.marker, markerfacecolor=colour if markers else "white")
    if bars is None:
        _shade(axes, summary, colour, style.marker, colour if markers else "white")
    else:
        few = summary[bars]
        few = few[few["high"] < np.inf]
        axes.vlines(few["x"], few["low"], few["high"], color=colour, linewidth=1.6, alpha=0.55)
    diverged = by_replicate[y].isna().groupby(by_replicate[replicate]).any()
    crosses = summary[summary["incomplete"]][: None if markers else 1]
    mark_diverged(axes, crosses["x"], crosses["mean"].fillna(summary["mean"].min()), label or style.label, diverged)


def _shade(axes: Axes, summary: pd.DataFrame, colour: str, marker: str, face: str) -> None:
    """Shade the intervals of points next to each other; draw the others as error bars."""
    bounded = summary["high"] < np.inf
    alone = bounded & ~bounded.shift(1, fill_value=False) & ~bounded.shift(-1, fill_value=False)
    low, high = summary["low"].where(bounded & ~alone), summary["high"].where(bounded & ~alone)
    if high.notna().any():
        axes.fill_between(summary["x"], low, high, color=colour, alpha=0.16, linewidth=0)
    alone &= summary["high"] > summary["low"]
    if alone.any():
        _error_bars(axes, summary[alone], colour, marker, face)


def _interval(values: pd.Series) -> tuple[float, float, float]:
    """Return mean, low and high as they are drawn: of replicates that agree, all are the mean."""
    mean, low, high = mean_interval(values)
    return (mean, mean, mean) if len(values) > 1 and not np.isfinite(high) else (mean, low, high)


def _error_bars(axes: Axes, points: pd.DataFrame, colour: str, marker: str, face: str) -> None:
    """Draw points with their intervals; not as lines, whose ends would count as means where axes follow these."""
    axes.vlines(points["x"], points["low"], points["high"], color=colour, linewidth=1)
    for end in ("low", "high"):
        axes.scatter(points["x"], points[end], marker="_", s=30, color=colour, linewidth=1)
    inside = face if MarkerStyle(marker).is_filled() else colour
    means = axes.scatter(points["x"], points["mean"], marker=marker, s=20, facecolor=inside, zorder=3)
    if MarkerStyle(marker).is_filled():  # others have no edge
        means.set_edgecolor(colour)


def reference(axes: Axes, values: pd.Series, role: str = "dense", label: str | None = None) -> None:
    """Draw a thin horizontal line at the mean of `values`, with which the other curves are compared."""
    style = role_style(role)
    axes.axhline(values.mean(), color=style.colour, linestyle=(0, (4, 3)), linewidth=0.9, label=label or style.label)


def threshold(axes: Axes, value: float, label: str, *, vertical: bool = False) -> None:
    """Draw a thin dotted line at a value that a definition names: horizontal, or `vertical`."""
    draw = axes.axvline if vertical else axes.axhline
    draw(value, color=THRESHOLD, linestyle=":", linewidth=1.1, label=label, zorder=1)
