"""Marks of what figures lack: replicates that diverged are left out of means, and counted where they are."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from matplotlib.axes import Axes

COLOUR = "#CC0000"
"""Of the crosses."""


def how_many(diverged: Collection[bool], noun: str = "") -> str:
    """Of how many how many diverged: 1 of 5 diverged."""
    return f"{sum(diverged)} of {len(diverged)}{noun} diverged"


def mark_diverged(axes: Axes, x: Sequence[float], y: Sequence[float], label: str, diverged: Collection[bool]) -> None:
    """Crosses where what is called `label` lacks seeds, and in the legend how many `diverged`; nothing if none did."""
    if any(diverged):
        axes.plot(x, y, "x", color=COLOUR, markersize=7, label=f"{label}: {how_many(diverged, ' seeds')}")


def mark_field(axes: Axes, column: int, row: int, diverged: Collection[bool]) -> None:
    """A cross and how many seeds `diverged` in the corner of a heat map's field; nothing if none did."""
    if any(diverged):
        behind = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none"}
        place = {"ha": "right", "va": "top", "fontsize": 6}
        axes.text(column + 0.47, row - 0.46, f"×{sum(diverged)}", color=COLOUR, bbox=behind, **place)


def explain_fields(axes: Axes, seeds: int) -> None:
    """What the marks of fields mean, for the legend."""
    label = f"how many of {seeds} seeds diverged: the number is the mean of the others"
    axes.plot([], [], "x", color=COLOUR, label=label)
