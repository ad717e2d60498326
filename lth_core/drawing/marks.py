"""Marks of replicates that diverged: means leave them out, and crosses and labels count them."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from lth_core.drawing.colours import DIVERGED
from lth_core.drawing.style import SMALL
from lth_core.metrics import counted


def how_many(diverged: Collection[bool], noun: str = "") -> str:
    """Say how many of all diverged: 1 of 5 diverged."""
    return f"{sum(diverged)} of {len(diverged)}{noun} diverged"


def mark_diverged(axes: Axes, x: ArrayLike, y: ArrayLike, label: str, diverged: Collection[bool]) -> None:
    """Draw crosses at the points that lack seeds and say in the legend how many `diverged`; draw none if none did."""
    if any(diverged):
        axes.plot(x, y, "x", color=DIVERGED, markersize=7, label=f"{label}: {how_many(diverged, ' seeds')}")


def say_all_diverged(axes: Axes) -> None:
    """Say so in a panel of which every point diverged: empty, it would look like missing data."""
    drawn = [line for line in axes.lines if line.get_transform() == axes.transData]  # not those across the panel
    shown = any(np.isfinite(np.asarray(line.get_ydata(), dtype=float)).any() for line in drawn)
    if not shown and any(str(line.get_label()).endswith(" diverged") for line in drawn):
        middle = {"ha": "center", "va": "center", "transform": axes.transAxes}
        axes.text(0.5, 0.5, "all diverged", color=DIVERGED, fontsize=SMALL, **middle)


def mark_field(axes: Axes, column: int, row: int, diverged: Collection[bool]) -> None:
    """Print a cross and how many seeds `diverged` in the corner of a heat map's field; print nothing if none did."""
    if any(diverged):
        axes.text(
            column + 0.47,
            row - 0.46,
            f"×{sum(diverged)}",
            color=DIVERGED,
            bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none"},
            ha="right",
            va="top",
            fontsize=SMALL,
        )


def explain_fields(axes: Axes, seeds: int) -> None:
    """Add what the marks of fields mean to the legend."""
    label = f"how many of {counted(seeds, 'seeds')} diverged: the number is the mean of the others"
    axes.plot([], [], "x", color=DIVERGED, label=label)
