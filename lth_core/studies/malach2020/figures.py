"""The figures of the study of Malach et al. 2020, drawn from its tables, and their captions."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lth_core.config import Config
from lth_core.drawing.axes import label_vertical, percent_axis, whole_axis
from lth_core.drawing.colours import THRESHOLD, series
from lth_core.drawing.figures import interval_note, legend, panels
from lth_core.drawing.lines import band, reference, threshold
from lth_core.studies.base import Drawing
from lth_core.studies.captions import data_note, seeds_note
from lth_core.studies.malach2020.claims import TaskClaims
from lth_core.studies.malach2020.fits import needed
from lth_core.studies.malach2020.study import Design

LABELS = {"weights": "weights pruned", "neurons": "neurons pruned"}


def drawings(study: Design, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
    """Return the figures of the study."""
    views = [TaskClaims(study, config, tables, task) for task in study.tasks]
    return [draw(view) for view in views for draw in (subset_sums, construction)]


def power_axis(axes: Axes, label: str) -> None:
    """Show values that are given as log10 on a vertical axis."""
    axes.yaxis.set_major_formatter(lambda power, position: f"$10^{{{power:g}}}$")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    label_vertical(axes, label)


def subset_sums(view: TaskClaims) -> Drawing:
    """Return the figure of errors against the number of values, and of the number that a precision takes."""
    rows = view.of_task("subset_sums")
    seeds = rows["seed"].nunique()

    def draw() -> Figure:
        figure, axes = panels(2)
        colours = dict(zip(("mean_error", "largest_error"), series(2), strict=True))
        for column, colour in colours.items():
            words = "mean over targets" if column == "mean_error" else "largest of all targets"
            log = rows.assign(log=np.log10(rows[column]))
            band(axes[0, 0], log, "values", "log", label=words, colour=colour)
        values, log = rows["values"], np.log10(rows["mean_error"])
        line = np.poly1d(np.polyfit(values, log, 1))
        ends = np.array([values.min(), values.max()])
        axes[0, 0].plot(
            ends, line(ends), color=THRESHOLD, linestyle="--", linewidth=1.0, label="line fitted to the mean"
        )
        axes[0, 0].set_xlabel("random values")
        whole_axis(axes[0, 0].xaxis)
        power_axis(axes[0, 0], "error of the best subset sum")
        band(
            axes[0, 1],
            needed(rows),
            "precision",
            "values",
            colour=colours["largest_error"],
            label="largest of all targets",
        )
        axes[0, 1].set_xlabel(r"$\log_2(1/\epsilon)$")
        label_vertical(axes[0, 1], "random values for errors up to ε")
        legend(figure, interval_note(seeds))
        return figure

    settings = view.config.subset_sums
    caption = (
        f"Subset sums of random values, uniform on [-1, 1]: how near the best one comes to {settings.targets} targets, "
        "uniform on [-0.5, 0.5], by the number of values (left; logarithmic), and how many values bring the errors of "
        "all targets down to ε (right). Every subset is searched. Intervals on the left are those of the logarithm."
    )
    return Drawing(f"subset-sums-{view.task}", f"{caption} Lines: {seeds_note(seeds)}.", draw)


def construction(view: TaskClaims) -> Drawing:
    """Return the figure of errors and agreement of pruned random networks."""
    rows = {what: view.pruned(what) for what in LABELS}
    seeds = view.of_task("constructions")["seed"].nunique()
    metric = view.sheet.metric

    def draw() -> Figure:
        figure, axes = panels(3)
        for (what, label), colour in zip(LABELS.items(), series(2), strict=True):
            log = rows[what].assign(log=np.log10(rows[what]["largest_error"]))
            band(axes[0, 0], log, "units", "log", label=label, colour=colour)
            band(axes[0, 1], rows[what], "units", "agreement", label=label, colour=colour)
            band(axes[0, 2], rows[what], "units", "metric", label=label, colour=colour)
        threshold(axes[0, 0], float(np.log10(view.study.epsilon)), f"ε = {view.study.epsilon:g}")
        reference(axes[0, 2], view.pruned("target")["metric"], label="trained network")
        power_axis(axes[0, 0], "largest error of outputs\n(part of the largest output)")
        percent_axis(axes[0, 1].yaxis, "same prediction")
        percent_axis(axes[0, 2].yaxis, f"test {metric.label}")
        for panel in axes[0]:
            panel.set_xlabel("random units\nfor each weight")
            whole_axis(panel.xaxis)
        legend(figure, interval_note(seeds))
        return figure

    width = rows["weights"].groupby("units")["width"].mean()
    caption = (
        "Random networks pruned to a trained one, without any training, by the number of random units from which a "
        "subset is chosen for each of its weights: the largest error of test outputs, test examples with the trained "
        f"network's prediction, and test {metric.label}. Their first hidden layers are {width.min():.0f} to "
        f"{width.max():.0f} times as wide as the input. Control: the same number of random neurons, of which some are "
        "kept with all of their weights."
    )
    return Drawing(f"construction-{view.task}", f"{caption} {data_note(view.config.tasks[view.task], seeds)}", draw)
