"""The figures of the comparison, drawn from its tables: small multiples, so that 18 methods can be told apart."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from lth_core.config import Config
from lth_core.drawing.axes import density_axis, metric_axis
from lth_core.drawing.colours import NEUTRAL, series
from lth_core.drawing.figures import interval_note, leftmost, legend, panels
from lth_core.drawing.lines import band, reference, threshold
from lth_core.drawing.multiples import GREY, multiples
from lth_core.drawing.style import SMALL
from lth_core.metrics import counted, percent_text
from lth_core.studies.base import Drawing
from lth_core.studies.comparison.captions import captions
from lth_core.studies.comparison.study import TOTAL, TRAINING, Design
from lth_core.studies.comparison.view import View
from lth_core.studies.contenders import CONTROL, GROUPS, LEARNED

TITLES = {group: f"masks made {group}" for group in GROUPS} | {LEARNED: "learned masks", CONTROL: CONTROL}
"""Of the groups' panels."""
GROUP_COLOURS: dict[str, str] = dict(zip(GROUPS, series(len(GROUPS)), strict=True))
ROW = 0.21
"""Inches for each method where methods are rows."""
NAMES = 1.7
"""Inches for their names."""


def drawings(study: Design, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
    """Return the figures of the study."""
    kinds: dict[str, Callable[[View], Figure]] = {
        "densities": densities,
        "flops": flops,
        "ranks": ranks,
        "search": search,
        "equal-cost": equal_cost,
    }
    made = []
    for task in study.tasks:
        view = View(study, config, tables, task)
        texts = captions(view)
        for name in study.task_figures(task):
            kind = name.removesuffix(f"-{task}")
            made.append(Drawing(name, texts[kind], partial(kinds[kind], view)))
    return made


# ---------------------------------------------------------------- lines, a panel per group


def by_group(view: View, line: Callable[[Axes, str, str], None], behind: Callable[[str], pd.Series]) -> Figure:
    """Draw a panel for each group: its methods in colour (`line`), those of other groups in grey (`behind`)."""
    groups, colours = {}, {}
    for group in GROUPS:
        if inside := [one.name for one in view.contenders.values() if one.group == group]:
            groups[TITLES[group]] = inside
            colours |= dict(zip(inside, series(len(inside)), strict=True))
    figure, _ = multiples(groups, lambda axes, name: line(axes, name, colours[name]), behind, height=2.6)
    return figure


def densities(view: View) -> Figure:
    """Draw the metric at the end of training by density."""

    def line(axes: Axes, method: str, colour: str) -> None:
        rows, label = view.rows("measurements", method), view.contenders[method].label
        band(axes, rows, "density", "metric", colour=colour, label=label)

    def behind(method: str) -> pd.Series:
        return view.rows("measurements", method).groupby("density")["metric"].mean()

    figure = by_group(view, line, behind)
    for axes in figure.axes:
        reference(axes, view.dense["metric"])
        density_axis(axes, view.study.densities)
    _finish(view, figure, interval_note(view.seeds))
    return figure


def flops(view: View) -> Figure:
    """Draw the metric by what search and training cost; at equal cost, diamonds."""

    def points(method: str, budget: str) -> pd.Series:
        metric = view.rows("measurements", method, budget).groupby("density")["metric"].mean()
        cost = view.rows("costs", method, budget).groupby("density")["total"].mean()
        return pd.DataFrame({"metric": metric, "cost": cost}).sort_index(ascending=False).set_index("cost")["metric"]

    def line(axes: Axes, method: str, colour: str) -> None:
        once = points(method, TRAINING)
        axes.plot(once.index, once, "o-", color=colour, label=view.contenders[method].label)
        if view.study.has_total:
            longer = points(method, TOTAL)
            axes.plot(longer.index, longer, "D", color=colour, markerfacecolor="white", markersize=5)

    figure = by_group(view, line, lambda method: points(method, TRAINING))
    for axes in figure.axes:
        reference(axes, view.dense["metric"])
        threshold(axes, 1, "one dense training", vertical=True)
        _cost_axis(axes)
    _finish(view, figure, f"means of {counted(view.seeds, 'seeds')}")
    return figure


def _finish(view: View, figure: Figure, note: str) -> None:
    """Label the vertical axes, and explain the lines."""
    for axes in figure.axes:
        metric_axis(axes.yaxis, view.metric, f"test {view.metric.label}")
    legend(figure, f"{note}; {GREY}")


def _cost_axis(axes: Axes) -> None:
    """Make the horizontal axis one of costs, in dense trainings."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if high > 30 * low else (1.0, 2.0, 5.0)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda cost, position: f"{cost:g}")
    axes.set_xlabel("search and training\n(dense trainings)")


# ---------------------------------------------------------------- a row per method


def _rows(axes: Axes, labels: list[str]) -> None:
    """Make the vertical axis one of methods, the first at the top."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def ranks(view: View) -> Figure:
    """Draw the rank of every method at every density, with simultaneous intervals."""
    compared, columns = view.contenders, view.study.densities
    ranked = {density: view.ranks(density) for density in columns}
    means = pd.concat(ranked.values()).groupby("method")["rank"].mean()
    order = list(means.sort_values(kind="stable").index)
    figure, axes = panels(len(columns), width=1.45, height=0.9 + ROW * len(order), names=NAMES)
    for panel, density in zip(axes[0], columns, strict=True):
        _ranked(panel, view, ranked[density], order)
        panel.set_title(f"{percent_text(density)}% of weights")
        _rows(panel, [compared[name].label for name in order] if leftmost(panel) else [""] * len(order))
    legend(figure, f"rank by the mean of {counted(view.seeds, 'seeds')}; line: simultaneous 95% interval")
    return figure


def _ranked(axes: Axes, view: View, table: pd.DataFrame, order: list[str]) -> None:
    """Draw the ranks of one density, in the colours of the groups."""
    ranked = table.set_index("method")
    for name, contender in view.contenders.items():  # in the order of groups, for the legend
        rank, best, worst = ranked.loc[name, ["rank", "best", "worst"]].to_numpy(float)
        position, group = order.index(name), contender.group
        axes.plot([best, worst], [position, position], color=GROUP_COLOURS[group], linewidth=2, alpha=0.45)
        axes.plot([rank], [position], "o", color=GROUP_COLOURS[group], markersize=4.5, label=group)
    axes.set_xlim(0.3, len(order) + 0.7)
    axes.set_xticks(sorted({1, (len(order) + 1) // 2, len(order)}))
    axes.set_xlabel("rank")


def search(view: View) -> Figure:
    """Draw what finding a mask and training its ticket cost, at the highest and the lowest density."""
    shown = list(dict.fromkeys([view.study.densities[0], view.study.densities[-1]]))
    names = list(view.contenders)
    figure, axes = panels(len(shown), width=3.2, height=0.9 + ROW * len(names), names=NAMES)
    for panel, density in zip(axes[0], shown, strict=True):
        costs = {name: [view.mean_cost(name, density, part) for part in ("search", "training")] for name in names}
        for position, (finding, training) in enumerate(costs.values()):
            panel.barh(position, finding, color=series(1)[0], height=0.7, label="finding the mask")
            panel.barh(position, training, left=finding, color=series(2)[1], height=0.7, label="training its ticket")
            costs_text = f" {abs(round(finding, 6)):.2g} + {training:.2g}"  # without what rounding leaves of 0
            panel.text(finding + training, position, costs_text, va="center", fontsize=SMALL)
        panel.margins(x=0.35)  # for the numbers
        panel.set_xlim(left=0)
        panel.set_title(f"{percent_text(density)}% of weights")
        panel.set_xlabel("dense trainings")
        panel.grid(visible=False, axis="y")
        _rows(panel, [view.contenders[name].label for name in names] if leftmost(panel) else [""] * len(names))
    legend(figure)
    return figure


def equal_cost(view: View) -> Figure:
    """Draw, at equal cost, costs, the metric and ranks of every method, beside those of equal training."""
    shown, most = view.study.total_densities, f"same cost, or {view.study.longest:g} times the steps"
    count = len(view.contenders)
    figure, axes = panels(3, len(shown), width=2.2, height=1.0 + ROW * count, names=NAMES)
    for row, density in zip(axes, shown, strict=True):
        table = view.ranks(density, TOTAL)
        order = list(table["method"])
        _moved(row[0], order, most, lambda name, budget, d=density: view.mean_cost(name, d, "total", budget))
        _cost_axis(row[0])
        _moved(row[1], order, most, lambda name, budget, d=density: float(view.values(name, d, budget).mean()))
        row[1].axvline(view.dense["metric"].mean(), color="black", linestyle=(0, (4, 3)), linewidth=0.9, label="dense")
        _metric_below(row[1], view)
        _ranked(row[2], view, table, order)
        row[1].set_title(f"{percent_text(density)}% of weights")
        for panel in row:
            _rows(panel, [view.contenders[name].label for name in order] if panel is row[0] else [""] * count)
    legend(figure, f"means of {counted(view.seeds, 'seeds')}; rank: simultaneous 95% interval")
    return figure


def _moved(axes: Axes, order: list[str], most: str, value: Callable[[str, str], float]) -> None:
    """Draw a number of every method under both budgets, joined by a line."""
    for position, name in enumerate(order):
        once, longer = value(name, TRAINING), value(name, TOTAL)
        axes.plot([once, longer], [position, position], color=NEUTRAL, linewidth=0.9)
        axes.plot(once, position, "o", color=NEUTRAL, markerfacecolor="white", label="same training")
        axes.plot(longer, position, "D", color=NEUTRAL, label=most)


def _metric_below(axes: Axes, view: View) -> None:
    """Show the metric on the horizontal axis."""
    if view.metric.percent:
        axes.xaxis.set_major_formatter(lambda fraction, position: f"{round(100 * fraction, 6):g}")
    unit = " (%)" if view.metric.percent else ""
    axes.set_xlabel(f"test {view.metric.label}{unit}")
