"""Marks of what figures lack: replicates that diverged are left out of means, and counted where they are."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from matplotlib.axes import Axes


def how_many(diverged: Collection[bool], noun: str = "") -> str:
    """Of how many how many diverged: 1 of 5 diverged."""
    return f"{sum(diverged)} of {len(diverged)}{noun} diverged"


def mark_diverged(axes: Axes, x: Sequence[float], y: Sequence[float], label: str, diverged: Collection[bool]) -> None:
    """Crosses where what is called `label` lacks seeds, and in the legend how many `diverged`; nothing if none did."""
    if any(diverged):
        axes.plot(x, y, "x", color="#CC0000", markersize=7, label=f"{label}: {how_many(diverged, ' seeds')}")
