"""The figures of the study of Tanaka et al. 2020, drawn from its tables, and their captions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from lth_core.config import Config
from lth_core.drawing.axes import density_axis, label_vertical, metric_axis, whole_axis
from lth_core.drawing.colours import NEUTRAL, THRESHOLD, series
from lth_core.drawing.figures import interval_note, legend, panels
from lth_core.drawing.heatmaps import heatmaps
from lth_core.drawing.lines import band, reference, threshold
from lth_core.drawing.multiples import GREY, multiples
from lth_core.metrics import amount, counted, percent_text
from lth_core.studies.base import Drawing
from lth_core.studies.captions import data_note, listing, with_direction
from lth_core.studies.tanaka2020.study import (
    INVERTED,
    RANDOM,
    REINIT,
    SHUFFLED,
    SMART,
    UNCHANGED,
    Design,
)
from lth_core.studies.tanaka2020.tables import AFTER, DENSE, ITERATIVE
from lth_core.studies.task_tables import TaskTables

LABELS = {
    RANDOM: "random",
    "magnitude": "magnitude at initialization",
    "snip": "SNIP",
    "grasp": "GraSP",
    "synflow": "SynFlow",
    AFTER: "one-shot magnitude, trained",
    ITERATIVE: "iterative magnitude, trained",
}
CHECKS = {SHUFFLED: "shuffled", REINIT: "fresh weights", INVERTED: "inverted"}
LINES = ("-", "-", "-", (0, (3, 3)))
"""Of the scores of `conservation`: the last lies on another one."""
MARKERS = ("v", "s", "^", "D", "P", "X", "<", ">")


def drawings(study: Design, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
    """Return the figures of every task."""
    views = [View(study, config, tables, task) for task in study.tasks]
    return [draw(view) for view in views for draw in (collapse, conservation, accuracy, checks)]


@dataclass(frozen=True)
class View(TaskTables):
    """One task, and what its figures are drawn from."""

    study: Design

    @property
    def note(self) -> str:
        """Return the data and the network."""
        return data_note(self.config.tasks[self.task])

    @property
    def seeds(self) -> int:
        """Return the number of seeds."""
        return self.of_task("measurements")["seed"].nunique()

    def measured(self, pruning: str, check: str = UNCHANGED) -> pd.DataFrame:
        """Return the measurements of one way to prune, rows by seed and level."""
        rows = self.of_task("measurements")
        return rows[(rows["pruning"] == pruning) & (rows["check"] == check)]

    @property
    def styles(self) -> dict[str, tuple[str, str]]:
        """Map every variant of a criterion to its colour, which the criterion's variants share, and its line."""
        prunings = self.study.prunings(self.config, self.task)
        colours = dict(zip(self.study.criteria, series(len(self.study.criteria), ("ticket", "dense")), strict=True))
        return {
            pruning.name: (colours[pruning.criterion], "-" if pruning.name == pruning.criterion else "--")
            for pruning in prunings
        }


def label_of(pruning: str) -> str:
    """Name a way to prune in legends: "SNIP, 100 rounds", "SynFlow, 10 rounds, linear"."""
    criterion, count, spacing = parts_of(pruning)
    words = [LABELS.get(criterion, criterion)]
    words += [amount(count, "rounds")] if count else []
    return ", ".join([*words, *([spacing] if spacing else [])])


def parts_of(pruning: str) -> tuple[str, str, str]:
    """Take the name of a variant apart: the criterion, its rounds where they are named, and "linear" where it is."""
    rest, spacing = (pruning.removesuffix("-linear"), "linear") if pruning.endswith("-linear") else (pruning, "")
    criterion, _, count = rest.rpartition("-")
    return (criterion, count, spacing) if count.isdecimal() else (rest, "", spacing)


# ---------------------------------------------------------------- without training


def collapse(view: View) -> Drawing:
    """Return the figure of layer collapse: what layers keep at one compression, and critical compressions."""
    counts, critical = view.of_task("collapse"), view.of_task("critical")
    rising = np.sort(counts["compression"].unique())
    sparsest = 1 / view.of_task("measurements")["density"].min()
    shown = float(rising[np.abs(np.log(rising / sparsest)).argmin()])
    counts = counts[counts["compression"] == shown]

    def draw() -> Figure:
        figure, axes = panels(2, width=4.2, height=3.0)
        _layers(axes[0, 0], counts, view)
        _critical(axes[0, 1], critical, view)
        legend(figure, "left: mean over seeds")
        return figure

    is_empty = counts.groupby(["pruning", "layer"])["kept"].sum().eq(0).any()
    edge = "; points at the lower edge: layers that are empty in all seeds" if is_empty else ""
    caption = (
        f"Layer collapse at initialization, without any training. Left: the fraction of each layer's weights, from "
        f"input to output, that is left where the network is compressed {shown:.3g} times{edge}. Right: critical "
        "compressions, the largest up to which no layer is empty, with the smallest and the largest of all seeds; "
        "dotted: one weight per layer, the most that is possible. "
        f"Rounds are spaced exponentially unless it says linear. Seeds: {view.seeds}."
    )
    return Drawing(f"collapse-{view.task}", f"{caption} {view.note}", draw)


def _layers(axes: Axes, counts: pd.DataFrame, view: View) -> None:
    floor = 0.5 / counts["total"].max() / view.seeds
    for number, criterion in enumerate(view.study.criteria):
        rows = counts[counts["pruning"] == criterion]
        mean = (rows["kept"] / rows["total"]).groupby(rows["layer"], sort=False).mean()
        colour, line = view.styles[criterion]
        marker = MARKERS[number % len(MARKERS)]
        numbers = np.arange(1, len(mean) + 1)
        axes.plot(
            numbers, mean.clip(lower=floor), color=colour, linestyle=line, marker=marker, label=label_of(criterion)
        )
    axes.set_yscale("log")
    whole_axis(axes.xaxis)
    axes.set_xlabel("layer")
    axes.set_ylabel("weights remaining (%)")
    axes.yaxis.set_major_formatter(lambda fraction, position: f"{100 * fraction:g}")


def _critical(axes: Axes, critical: pd.DataFrame, view: View) -> None:
    names = list(view.styles)
    for number, name in enumerate(names):
        values = critical[critical["pruning"] == name]["critical"]
        colour, _ = view.styles[name]
        axes.plot([values.min(), values.max()], [number, number], color=colour, linewidth=1.2)
        axes.plot(np.exp(np.log(values).mean()), number, marker="o", color=colour)
    threshold(axes, critical["maximal"].iloc[0], "one weight per layer", vertical=True)
    axes.set_xscale("log")
    axes.set_xlim(left=0.8)
    axes.set_yticks(range(len(names)), [label_of(name) for name in names])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("critical compression (times)")


def conservation(view: View) -> Drawing:
    """Return the figure of saliencies by layer: their sums, and their means against the size of layers."""
    table = view.of_task("conservation")
    whole = table.groupby(["score", "seed"])["total"].transform("mean")
    table = table.assign(ratio=table["total"] / whole)
    by_layer = table.groupby(["score", "layer"], sort=False)[["ratio", "size"]].mean().reset_index()

    def draw() -> Figure:
        figure, axes = panels(2, width=3.8)
        colours = dict(zip(view.study.criteria, series(len(view.study.criteria), ("ticket", "dense")), strict=True))
        for number, (score, rows) in enumerate(by_layer.groupby("score", sort=False)):
            style = {
                "color": colours.get(str(score), NEUTRAL),
                "marker": MARKERS[number],
                "markersize": 9 - 1.5 * number,  # of equal values, all are seen
                "markerfacecolor": "none",
                "label": label_of(str(score)),
            }
            axes[0, 0].plot(np.arange(1, len(rows) + 1), rows["ratio"], linestyle=LINES[number], **style)
            axes[0, 1].plot(rows["size"], (rows["ratio"] / rows["size"]).abs(), linestyle="", **style)
        sizes = np.array([by_layer["size"].min(), by_layer["size"].max()])
        axes[0, 1].plot(sizes, 1 / sizes, color=THRESHOLD, linestyle=":", label="1 / size")
        axes[0, 0].set_xlabel("layer")
        whole_axis(axes[0, 0].xaxis)
        label_vertical(axes[0, 0], "sum of layer / mean sum")
        axes[0, 1].set_xscale("log")
        axes[0, 1].set_yscale("log")
        axes[0, 1].set_xlabel("weights of the layer")
        label_vertical(axes[0, 1], "mean score / mean sum")
        for axis in (axes[0, 1].xaxis, axes[0, 1].yaxis):
            axis.set_minor_locator(NullLocator())
        legend(figure, "mean over seeds")
        return figure

    units = table.groupby("score")["unit_difference"].max()
    words = [f"{units[score]:.1g} for {label_of(score)}" for score in units.index if np.isfinite(units[score])]
    largest = f" The sums of a hidden unit's incoming and outgoing weights differ by at most {listing(words)}, as a "
    largest += "part of the largest sum of a unit." if words else ""
    caption = (
        "Scores of weights at initialization, with their signs: the sum over each layer, from input to output, as a "
        "part of its mean over layers (left), and the mean over each layer against its size (right). Where the sum is "
        f"conserved, the mean falls as 1 / size.{largest if words else ''} Seeds: {view.seeds}."
    )
    return Drawing(f"conservation-{view.task}", f"{caption} {view.note}", draw)


# ---------------------------------------------------------------- trained networks


def accuracy(view: View) -> Drawing:
    """Return the figure of the metric against density, for all ways to prune."""
    smart = [check for check in view.of_task("measurements")["check"].unique() if check.startswith(SMART)]
    dashes = dict(zip(smart, (":", "-."), strict=False))

    def curve(name: str) -> pd.DataFrame:
        return view.measured(RANDOM, name) if name in dashes else view.measured(name)

    def line(axes: Axes, name: str) -> None:
        colour, dash = (view.styles[RANDOM][0], dashes[name]) if name in dashes else view.styles[name]
        label = _smart_label(name) if name in dashes else label_of(name)
        band(axes, curve(name), "density", "metric", label=label, colour=colour, linestyle=dash)

    def draw() -> Figure:
        groups: dict[str, list[str]] = {}
        for name in view.styles:
            groups.setdefault(LABELS.get(parts_of(name)[0], parts_of(name)[0]), []).append(name)
        groups[LABELS[RANDOM]] = [*groups.get(LABELS[RANDOM], []), *smart]
        figure, row = multiples(groups, line, lambda name: curve(name).groupby("density")["metric"].mean())
        for panel in row:
            band(panel, view.measured(ITERATIVE), "density", "metric", role="ticket", label=label_of(ITERATIVE))
            reference(panel, view.measured(DENSE)["metric"])
            density_axis(panel, view.measured(ITERATIVE)["density"])
            metric_axis(panel.yaxis, view.metric, f"test {view.metric.label}")
        legend(figure, f"{interval_note(view.seeds)}; {GREY}")
        return figure

    rule = "; smart ratios: random masks whose layers keep less the deeper they are" if smart else ""
    caption = (
        f"Test {view.metric.label} at the end of training, by density: masks of scores at initialization, in as many "
        "rounds as the criterion's paper unless it says how many, and iterative magnitude pruning, which trains the "
        f"network before each round{rule}."
    )
    note = data_note(view.config.tasks[view.task], view.seeds)
    return Drawing(f"accuracy-{view.task}", f"{with_direction(caption, view.metric)} {note}", draw)


def _smart_label(check: str) -> str:
    """Name smart-ratio random tickets in legends."""
    return f"smart ratios{', ascending' * check.endswith('ascending')}"


def checks(view: View) -> Drawing:
    """Return the figure of what becomes of masks that are shuffled, inverted or put on fresh weights."""
    names = [pruning.name for pruning in view.study.checked(view.config, view.task)]
    levels = view.study.levels_of_checks
    density = view.of_task("measurements").groupby("level")["density"].mean()

    def differences(level: int) -> pd.DataFrame:
        fields = {}
        for check, column in CHECKS.items():
            fields[column] = [_gain(view, name, check, level) for name in (*names, AFTER, ITERATIVE)]
        return pd.DataFrame(fields, index=[label_of(name) for name in (*names, AFTER, ITERATIVE)])

    def draw() -> Figure:
        tables = {f"{percent_text(density[level])}% of the weights": differences(level) for level in levels}
        unit = f"{view.metric.label} gained ({view.metric.points})"
        return heatmaps(tables, "check", unit, view.metric.decimals)

    caption = (
        f"What masks know of single weights: change of the test {view.metric.label} at the end of training, gains "
        "positive, where a mask is shuffled within its layers (the same weights before training), put on fresh "
        "weights, or made of the lowest scores instead of the highest. Grey: not trained. "
        f"Mean over {counted(view.seeds, 'seeds')}."
    )
    return Drawing(f"checks-{view.task}", f"{caption} {view.note}", draw)


def _gain(view: View, pruning: str, check: str, level: int) -> list[float]:
    """How much better networks are with a check, one number per seed; empty where they are not trained."""
    one, other = (
        rows[rows["level"] == level].groupby("seed")["metric"].agg(lambda draws: draws.mean(skipna=False))
        for rows in (view.measured(pruning, check), view.measured(pruning))
    )
    return [] if one.empty else view.metric.gain(one, other).tolist()
