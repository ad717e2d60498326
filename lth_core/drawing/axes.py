"""Axes of densities, steps, metrics and other quantities, with the ticks and labels that all figures share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import floor, log
from textwrap import wrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from lth_core.metrics import Metric, percent_text


def density_axis(axes: Axes, densities: Iterable[float]) -> None:
    """Make the horizontal axis one of density: logarithmic, falling to the right, ticks at some of the `densities`."""
    axes.set_xscale("log")
    known = sorted(set(densities), reverse=True)
    ticks = _spread_ticks(known, _panel_width(axes))
    margin = max(1.06, (known[0] / known[-1]) ** 0.025)  # markers at the ends are drawn whole
    axes.set_xlim(known[0] * margin, known[-1] / margin)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda density, position: percent_text(density))
    axes.set_xlabel("weights remaining (%)")


def linear_density_axis(axes: Axes) -> None:
    """Make the horizontal axis one of density from 100% to 0, where half of the weights is in the middle."""
    axes.set_xlim(1.02, 0)
    axes.xaxis.set_major_locator(FixedLocator([tenth / 10 for tenth in range(10, -1, -2)]))
    axes.xaxis.set_major_formatter(lambda density, position: f"{100 * density:.0f}")
    axes.set_xlabel("weights remaining (%)")


def whole_axis(axis: Axis) -> None:
    """Let an axis of epochs, layers or other counts have ticks at whole numbers only."""
    axis.set_major_locator(MaxNLocator(5, integer=True))


def _panel_width(axes: Axes) -> float:
    """Return the inches between two neighbouring panels."""
    subplot, figure = axes.get_subplotspec(), axes.get_figure(root=True)
    return figure.get_figwidth() / subplot.get_gridspec().ncols if subplot and figure else 3.4


def _spread_ticks(values: Sequence[float], width: float = 3.4) -> list[float]:
    """Return the first and the last of falling values, and of those between as many as have room on a log axis.

    `width`: inches of the panel, whose tick labels take 0.38 each.
    """
    first, last = values[0], values[-1]
    least = max(log(first / last), 1e-9) / max(1, min(6, floor((width - 0.7) / 0.38)) or 1) * (1 - 1e-6)
    ticks = [first]
    for value in values[1:-1]:
        if min(log(ticks[-1] / value), log(value / last)) >= least:
            ticks.append(value)
    return ticks if first == last else [*ticks, last]


def step_axis(axes: Axes, steps: Sequence[int]) -> None:
    """Make the horizontal axis one of steps, with a tick at each: logarithmic, but linear from 0 to the first step."""
    linear = {"linthresh": min([step for step in steps if step > 0], default=1), "linscale": 0.6}
    axes.set_xscale("symlog", **linear) if 0 in steps else axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(steps))
    axes.xaxis.set_minor_locator(NullLocator())
    named = _with_room(axes, steps)
    axes.xaxis.set_major_formatter(lambda step, position: f"{step:g}" if round(step) in named else "")


def _with_room(axes: Axes, steps: Sequence[int]) -> set[int]:
    """Return the steps whose labels do not run into the next one's, from the last step down."""
    at = np.ravel(axes.xaxis.get_transform().transform(np.asarray(sorted(steps), dtype=float)))
    inches = (_panel_width(axes) - 0.7) / (at[-1] - at[0] or 1) * at
    named: list[tuple[float, int]] = []
    for position, step in sorted(zip(inches, sorted(steps), strict=True), reverse=True):
        if not named or named[-1][0] - position >= 0.1 + 0.09 * len(f"{step:g}"):
            named.append((position, step))
    return {step for _, step in named}


def metric_axis(axis: Axis, metric: Metric, label: str) -> None:
    """Show a metric, as measured, on a vertical axis (`axes.yaxis`): fractions in percent, others in their unit.

    The `label` names the metric ("final test accuracy"); the unit follows it where the label does not say it. Call it
    after drawing: wide bands are cut off (`follow_means`).
    """
    if metric.percent:
        percent_axis(axis, label)
        return
    axes = axis.axes
    follow_means(axes)
    if metric.scale != 1:
        axis.set_major_formatter(lambda value, position: f"{round(metric.scale * value, 6):g}")
    label_vertical(axes, label if metric.label in metric.unit or not metric.unit else f"{label} ({metric.unit})")


def percent_axis(axis: Axis, label: str) -> None:
    """Show the fractions 0..1 of a vertical axis (`axes.yaxis`) in percent.

    Call it after drawing: bands are cut off beyond 0% and 100%, and where they are wide (`follow_means`).
    """
    axes = axis.axes
    follow_means(axes)
    low, high = max(axes.get_ylim()[0], 0.0), axes.get_ylim()[1]
    axes.set_ylim(low, min(high, 1 + 0.03 * (1 - low)))
    axis.set_major_formatter(lambda fraction, position: f"{round(100 * fraction, 6):g}")
    label_vertical(axes, f"{label} (%)")


def positive_axis(axes: Axes, label: str) -> None:
    """Let the vertical axis start at 0, unless the lower half would be empty.

    Call it after drawing: wide bands are cut off (`follow_means`).
    """
    follow_means(axes)
    means = _means(axes)
    bottom, top = axes.get_ylim()
    high = len(means) and means.max() > means.min() > top / 2
    axes.set_ylim(bottom=max(bottom, 0) if high else 0)
    label_vertical(axes, label)


def label_vertical(axes: Axes, label: str) -> None:
    """Label the vertical axis, in as many lines as its height asks for: names of metrics may be long."""
    subplot, figure = axes.get_subplotspec(), axes.get_figure(root=True)
    if subplot and figure:
        height = figure.get_figheight() / subplot.get_gridspec().nrows
        letters = max(12, floor((height - 0.6) / 0.06 + 1e-6))  # with 0.6 inches for what is below
        label = "\n".join(even_lines(line, letters) for line in label.split("\n"))
    axes.set_ylabel(label)


def even_lines(text: str, most: int) -> str:
    """Break a text into as few lines of `most` letters as it takes, each as short as that number allows."""
    count = len(wrap(text, most))
    return next("\n".join(lines) for width in range(1, most + 1) if len(lines := wrap(text, width)) <= count)


def follow_means(axes: Axes) -> None:
    """Cut the vertical axis, and those shared with it, to the means and at most their range above and below.

    Bands of few seeds may be many times wider than the range of the means; these bands leave the axis.
    """
    means = _means(axes)
    if not len(means):
        return
    low, high = means.min(), means.max()
    beyond = high - low or 0.05 * abs(high) or 1.0
    bottom, top = axes.get_ylim()
    axes.set_ylim(max(bottom, low - beyond), min(top, high + beyond))


def _means(axes: Axes) -> np.ndarray:
    """Return the heights of all lines on a vertical axis, which panels may share."""
    sharing = axes.get_shared_y_axes().get_siblings(axes)
    lines = [np.asarray(line.get_ydata(), dtype=float) for panel in sharing for line in panel.get_lines()]
    means = np.concatenate([*lines, []])
    return means[np.isfinite(means)]
