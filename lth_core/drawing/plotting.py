"""Plot style: the colours, labels, axes and file formats of every figure. No other module knows how a figure looks.

Importing this module sets matplotlib's defaults. Figures are made by `panels`, never through pyplot, so drawing needs
no display and leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from lth_core.analysis.claims import mean_interval
from lth_core.drawing.marks import mark_diverged
from lth_core.storage.files import write_whole


@dataclass(frozen=True)
class Style:
    """How one role looks in every figure: told apart by colour, by marker and by name."""

    label: str
    colour: str
    marker: str


ROLES = {  # colours of Okabe & Ito, then of Tol, which people with any colour vision tell apart
    "dense": Style("dense network", "#000000", "s"),
    "ticket": Style("winning ticket", "#0072B2", "o"),
    "reinit": Style("random reinitialization", "#D55E00", "^"),
    "random-mask": Style("random mask", "#009E73", "v"),
    "random-mask-reinit": Style("random mask, reinitialized", "#E69F00", "D"),
    "one-shot": Style("one-shot ticket", "#CC79A7", "P"),
    "continued": Style("continued training", "#56B4E9", "X"),
    "redraw-kept": Style("redrawn from kept values", "#8C564B", "<"),
    "reset": Style("reset to initialization", "#332288", "8"),
    "sign-magnitude": Style("signs and magnitudes", "#44AA99", "H"),
    "shuffle": Style("shuffles", "#AA4499", ">"),
    "gaussian-noise": Style("Gaussian noise", "#CC6677", "*"),
    "transferred": Style("ticket of another task", "#882255", "p"),
    "random-ticket": Style("random ticket", "#999933", "d"),
    "fine-tune": Style("fine-tuning", "#661100", "1"),
    "rewind-low-rate": Style("rewinding at the last learning rate", "#DDCC77", "2"),
    "other": Style("other", "#7F7F7F", "h"),
}
"""Role -> style; a branch's role is its treatment's name, and treatments not listed here are `other`."""

SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C564B", "#7F7F7F")
"""Colours for series that are not roles (tasks), in order of use."""

FORMATS = {
    "svg": {"metadata": {"Date": None}},
    "png": {"dpi": 200, "metadata": {"Software": None}},
    "pdf": {"metadata": {"CreationDate": None}},
}
"""Format -> options of `savefig`; no clock times, so equal figures are equal files."""

matplotlib.rcParams.update(
    {
        "font.family": "DejaVu Sans",  # comes with matplotlib: the same figure on every machine
        "font.size": 9,
        "axes.titlesize": 9,
        "axes.labelsize": 9,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "legend.fontsize": 8,
        "legend.title_fontsize": 8,
        "legend.frameon": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.8,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#E6E6E6",
        "grid.linewidth": 0.6,
        "lines.linewidth": 1.4,
        "lines.markersize": 3.5,
        "figure.constrained_layout.w_pad": 0.08,
        "figure.constrained_layout.h_pad": 0.06,
        "svg.hashsalt": "lth",
        "pdf.fonttype": 42,
    }
)


# ---------------------------------------------------------------- figures and legends


def panels(columns: int = 1, rows: int = 1, *, width: float = 3.4, height: float = 2.8) -> tuple[Figure, np.ndarray]:
    """A figure of rows x columns panels, each about width x height inches, and its axes as an array (rows, columns)."""
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def legend(figure: Figure, note: str = "") -> None:
    """One legend for all panels, below them, so that it covers no line; `note` is printed above the entries."""
    entries = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    if not entries:
        return
    columns = _legend_columns(list(entries), figure.get_figwidth())
    rows = -(-len(entries) // columns)
    figure.set_figheight(figure.get_figheight() + 0.18 * rows + (0.25 if note else 0.1))
    figure.legend(
        entries.values(), entries, loc="outside lower center", ncols=columns, title=note or None, columnspacing=1.6
    )


def _legend_columns(labels: Sequence[str], width: float) -> int:
    """As many columns as fit into `width` inches: each is as wide as its longest label."""
    for columns in range(len(labels), 1, -1):
        rows = -(-len(labels) // columns)
        longest = [max(map(len, labels[start : start + rows])) for start in range(0, len(labels), rows)]
        if sum(0.6 + 0.062 * letters for letters in longest) <= width:
            return len(longest)
    return 1


def interval_note(replicates: int) -> str:
    """What a line and its band show, for legends and captions."""
    if replicates < 2:
        return "one seed, no interval"
    return f"mean of {replicates} seeds; band: 95% t interval"


def save(figure: Figure, stem: str | Path) -> None:
    """Write `stem`.svg, .png and .pdf; the same figure gives the same bytes."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, the same in every format
    for suffix, options in FORMATS.items():
        write_whole(f"{stem}.{suffix}", lambda path, s=suffix, o=options: figure.savefig(path, format=s, **o))


# ---------------------------------------------------------------- axes


def density_axis(axes: Axes, densities: Iterable[float]) -> None:
    """Percent of weights remaining: logarithmic, falling to the right, ticks at some of the `densities`."""
    axes.set_xscale("log")
    known = sorted(set(densities), reverse=True)
    ticks = _spread_ticks(known)
    axes.set_xlim(known[0] * 1.06, known[-1] / 1.06)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda density, position: percent_text(density))
    axes.set_xlabel("weights remaining (%)")


def _spread_ticks(values: Sequence[float], most: int = 7) -> list[float]:
    """At most `most` of the values at equal strides, with the first and the last."""
    stride = max(1, -(-(len(values) - 1) // (most - 1)))
    ticks = list(values[::stride])
    if ticks[-1] != values[-1]:
        crowded = len(values) - 1 - stride * (len(ticks) - 1) <= stride / 2
        ticks = [*(ticks[:-1] if crowded else ticks), values[-1]]
    return ticks


def percent_text(fraction: float) -> str:
    """A fraction in percent as tick labels and legends print it: 100, 51, 6.9, 3.6."""
    percent = 100 * fraction
    return f"{percent:.0f}" if percent >= 9.95 else f"{percent:.1f}"


def step_axis(axes: Axes, steps: Sequence[int]) -> None:
    """A horizontal axis of training steps with a tick at each: logarithmic, from 0 to the first after it linear."""
    linear = {"linthresh": min([step for step in steps if step > 0], default=1), "linscale": 0.6}
    axes.set_xscale("symlog", **linear) if 0 in steps else axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(steps))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda step, position: f"{step:g}")


def percent_axis(axis: Axis, label: str) -> None:
    """A vertical axis (`axes.yaxis`) of fractions 0..1, shown in percent.

    Call it after drawing: bands are cut off beyond 0% and 100%, and where they are wide (`follow_means`).
    """
    axes = axis.axes
    follow_means(axes)
    low, high = max(axes.get_ylim()[0], 0.0), axes.get_ylim()[1]
    axes.set_ylim(low, min(high, 1 + 0.03 * (1 - low)))
    axis.set_major_formatter(lambda fraction, position: f"{round(100 * fraction, 6):g}")
    axes.set_ylabel(f"{label} (%)")


def positive_axis(axes: Axes, label: str) -> None:
    """A vertical axis from 0 on. Call it after drawing: wide bands are cut off (`follow_means`)."""
    follow_means(axes)
    axes.set_ylim(bottom=0)
    axes.set_ylabel(label)


def follow_means(axes: Axes) -> None:
    """Cut the vertical axis, and those that it is shared with, to the means and at most their range on either side.

    Bands of few seeds may be many times as wide as what the lines show: they may leave the axis.
    """
    sharing = axes.get_shared_y_axes().get_siblings(axes)
    lines = [np.asarray(line.get_ydata(), dtype=float) for panel in sharing for line in panel.get_lines()]
    means = np.concatenate([*lines, []])
    means = means[np.isfinite(means)]
    if not len(means):
        return
    low, high = means.min(), means.max()
    beyond = high - low or 0.05 * abs(high) or 1.0
    bottom, top = axes.get_ylim()
    axes.set_ylim(max(bottom, low - beyond), min(top, high + beyond))


# ---------------------------------------------------------------- lines


def style(role: str) -> Style:
    """The style of a role; unlisted roles look like `other`."""
    return ROLES.get(role, ROLES["other"])


def series(count: int, besides: Iterable[str] = ()) -> list[str]:
    """`count` colours for series that are not roles: those of SERIES, or of a ramp where these are too few.

    Colours of the roles `besides`, which the series are drawn with, are left out.
    """
    taken = {style(role).colour for role in besides}
    free = [colour for colour in SERIES if colour not in taken]
    return free[:count] if count <= len(free) else ramp(count)


def ramp(count: int) -> list[str]:
    """`count` ordered colours from dark to light, for curves ordered by density or by step."""
    shades = np.linspace(0.1, 0.85, count) if count != 1 else [0.4]
    return [to_hex(matplotlib.colormaps["plasma"](shade)) for shade in shades]


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
) -> None:
    """A line through the mean of `y` at each `x` with a band: the 95% interval over replicates.

    Draws of one replicate are averaged first. Where a replicate diverged (y is nan) the line shows the others, a cross
    marks the place (without `markers` the first) and the legend says how many did. Where the interval is unbounded
    there is no band; one without neighbours is a bar. One point alone has a marker, hollow if it was to have none.
    """
    if frame.empty:
        return
    look = style(role)
    colour = colour or look.colour
    by_replicate = frame.groupby([x, replicate], as_index=False)[y].agg(lambda draws: draws.mean(skipna=False))
    summary = pd.DataFrame(
        [(place, *mean_interval(group[y].dropna()), group[y].isna().any()) for place, group in by_replicate.groupby(x)],
        columns=["x", "mean", "low", "high", "incomplete"],
    )
    shape = {"marker": look.marker, "mfc": colour if markers else "white"} if markers or len(summary) == 1 else {}
    axes.plot(summary["x"], summary["mean"], color=colour, linestyle=linestyle, label=label or look.label, **shape)
    bounded = np.isfinite(summary["high"])
    alone = bounded & ~bounded.shift(1, fill_value=False) & ~bounded.shift(-1, fill_value=False)
    low, high = summary["low"].where(bounded & ~alone), summary["high"].where(bounded & ~alone)
    if high.notna().any():
        axes.fill_between(summary["x"], low, high, color=colour, alpha=0.16, linewidth=0)
    if alone.any():
        bars = summary[alone]
        axes.vlines(bars["x"], bars["low"], bars["high"], color=colour, alpha=0.5, linewidth=1)
    lost = by_replicate[y].isna().groupby(by_replicate[replicate]).any()
    crosses = summary[summary["incomplete"]][: None if markers else 1]
    mark_diverged(axes, crosses["x"], crosses["mean"].fillna(summary["mean"].min()), label or look.label, lost)


def reference(axes: Axes, values: pd.Series, role: str = "dense", label: str | None = None) -> None:
    """A thin horizontal line at the mean of `values`: the level that the other curves are compared with."""
    look = style(role)
    axes.axhline(values.mean(), color=look.colour, linestyle=(0, (4, 3)), linewidth=0.9, label=label or look.label)


def threshold(axes: Axes, value: float, label: str, *, vertical: bool = False) -> None:
    """A thin dotted line at a value that a definition names, on the vertical axis unless `vertical`."""
    draw = axes.axvline if vertical else axes.axhline
    draw(value, color="#606060", linestyle=":", linewidth=1.1, label=label, zorder=1)
