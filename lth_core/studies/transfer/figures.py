"""The figures of the transfer study (Morcos et al. 2019), drawn from its tables, and their captions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lth_core.analysis.measurements import nearest_level, seed_means
from lth_core.config import Config
from lth_core.drawing.axes import density_axis, metric_axis
from lth_core.drawing.colours import series
from lth_core.drawing.figures import interval_note, legend, panels
from lth_core.drawing.heatmaps import heatmaps
from lth_core.drawing.lines import band, reference
from lth_core.drawing.overlap import layerwise_figure, overlap_figure
from lth_core.metrics import Metric, counted, percent_text
from lth_core.studies.base import Drawing
from lth_core.studies.captions import listing, seeds_note, with_direction
from lth_core.studies.transfer.groups import channels_may_differ, classes_may_differ
from lth_core.studies.transfer.study import CONTROLS, RANDOM, RANDOM_LAYERWISE, REINIT, TICKET, Design
from lth_core.tasks.metrics import metric_of

LABELS = {
    RANDOM: "random ticket",
    RANDOM_LAYERWISE: "random ticket, layerwise densities kept",
    REINIT: "target mask, reinitialized",
}
"""Control -> its label."""
DENSITIES = (0.5, 0.2, 0.1, 0.05)
"""A figure without room for every level shows those nearest to these densities."""
MOST_LEVELS = 4
"""How many levels such a figure shows at most."""


def drawings(study: Design, config: Config, group: str, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
    """Draw the figures of one group."""
    members = study.groups[group]
    measurements = tables["measurements"][tables["measurements"]["group"] == group]
    pairs = study.pairs(members)
    overlap = tables["overlap"]
    overlap = overlap[[pair in pairs for pair in zip(overlap["task"], overlap["other"], strict=True)]]
    levels = _shown_levels(measurements)
    metric = metric_of(config.tasks[members[0]])  # that of the whole group
    differences = _differences(measurements, members, levels, metric)
    seeds = measurements["seed"].nunique()
    tasks = f"Tasks: {listing([_task_note(config, task) for task in members])}."
    data = f"{tasks} {seeds_note(seeds).capitalize()}."
    kernels = (
        ", and kernels on one channel are spread over several, or the other way round"
        if channels_may_differ(config, members)
        else ""
    )
    outputs = (
        "; the output layer is that of the target where the numbers of classes differ"
        if classes_may_differ(config, members)
        else ""
    )
    drawn = [
        Drawing(
            f"densities-{group}",
            with_direction(
                f"Test {metric.label} at the end of training against density, on each target (columns): tickets found "
                f"on the target itself and on the other tasks of the group (top; mask and starting weights{outputs}"
                f"{kernels}); the target's mask and random tickets on a fresh initialization (bottom). The random "
                "ticket permutes the mask over all layers together; the other one keeps the density of every layer.",
                metric,
            )
            + f" {data}",
            lambda: _by_target(measurements, members, metric),
        ),
        Drawing(
            f"heatmap-{group}",
            f"{_compared(metric)}, mean over {counted(seeds, 'seeds')}, by where the ticket comes from (rows) "
            f"and what it is trained on (columns). {tasks}{_diverged_note(differences)}",
            lambda: heatmaps(differences, "target", _scale(metric), metric.decimals),
        ),
        Drawing(
            f"overlap-{group}",
            "Overlap of the masks of two tasks' tickets, at the same level and seed, over the layers that both "
            "networks have in the same shape. Left: weights that both keep, divided by those that either keeps. "
            "Right: fraction of positions in which the masks differ. Dashed: what two random masks give that keep as "
            "many weights in every layer. Networks of equal shapes start from the same initialization, which is a "
            f"part of what their masks share. {data}",
            lambda: overlap_figure(overlap, {pair: f"{pair[0]} and {pair[1]}" for pair in pairs}),
        ),
        Drawing(
            f"layers-{group}",
            "Density of each layer, from input to output, in the tickets of the group's tasks (layers that all their "
            "networks have in the same shape). Dashed: density of the whole network, which a random ticket has in "
            f"every layer. {data}",
            lambda: layerwise_figure(_masks(overlap, pairs), {task: task for task in members}, levels),
        ),
    ]
    return [drawing for drawing in drawn if drawing.name in study.group_figures(config, group)]


def _compared(metric: Metric) -> str:
    """Say in captions what the fields of the heat map hold: differences that are positive where a ticket is better."""
    if metric.higher_is_better:
        return f"Test {metric.label} at the end of training minus that of the target ticket, in {metric.unit}"
    return f"How far test {metric.label} at the end of training lies below that of the target ticket"


def _scale(metric: Metric) -> str:
    """Name the numbers of the heat map."""
    unit = "" if metric.label in metric.unit else f" ({metric.points})"
    return f"{metric.label} {metric.directed('minus', 'below')} target ticket{unit}"


def _task_note(config: Config, name: str) -> str:
    """Describe a task for captions."""
    task = config.tasks[name]
    return f"{name} (data: {task.dataset}, network: {task.model.name}, optimizer: {task.train.optimizer.name})"


def _shown_levels(measurements: pd.DataFrame) -> list[int]:
    """Return all levels if they are few, otherwise those nearest to DENSITIES."""
    tickets = measurements[measurements["network"] == "ticket"]
    levels = sorted(tickets["level"].unique())
    if len(levels) <= MOST_LEVELS:
        return levels
    nearest = (nearest_level(tickets, density) for density in DENSITIES)
    return sorted({level for level in nearest if level is not None}) or levels[-1:]


def _select(measurements: pd.DataFrame, target: str, network: str, source: str) -> pd.DataFrame:
    chosen = (
        (measurements["target"] == target) & (measurements["network"] == network) & (measurements["source"] == source)
    )
    return measurements[chosen]


def _by_target(measurements: pd.DataFrame, members: Sequence[str], metric: Metric) -> Figure:
    """Draw one column per target: its own ticket with those of other tasks (top), and with controls (bottom)."""
    figure, axes = panels(len(members), 2, height=2.4)
    colours = dict(zip(members, series(len(members), besides=[TICKET, *CONTROLS]), strict=True))
    for (top, bottom), target in zip(axes.T, members, strict=True):
        bottom.sharey(top)
        tickets = _select(measurements, target, TICKET, target)
        for panel in (top, bottom):
            reference(panel, _select(measurements, target, "dense", target)["metric"])
            band(panel, tickets, "density", "metric", role="ticket", label="target ticket")
        for source in members:
            if source != target:
                rows = _select(measurements, target, "ticket", source)
                label, colour = f"ticket of {source}", colours[source]
                band(top, rows, "density", "metric", role="transferred", label=label, colour=colour)
        for control, label in LABELS.items():
            rows = _select(measurements, target, control, target)
            band(bottom, rows, "density", "metric", role=control, label=label)
        top.set_title(f"target: {target}")
        for panel in (top, bottom):
            density_axis(panel, tickets["density"])
            metric_axis(panel.yaxis, metric, f"test {metric.label}")
    legend(figure, interval_note(measurements["seed"].nunique()))
    return figure


def _differences(
    measurements: pd.DataFrame, members: Sequence[str], levels: Sequence[int], metric: Metric
) -> dict[str, pd.DataFrame]:
    """Return title of a level -> sources and controls x targets: by seed, how much better than the target ticket.

    A seed has a nan where its training diverged, or that of its target ticket.
    """
    rows = {f"ticket of {task}": ("ticket", task) for task in members}
    rows |= {label: (control, None) for control, label in LABELS.items()}
    by_level = {}
    for level in levels:
        here = measurements[measurements["level"] == level]
        columns = {}
        for target in members:
            tickets = seed_means(_select(here, target, TICKET, target), "metric")
            columns[target] = {
                label: metric.gain(
                    seed_means(_select(here, target, network, source or target), "metric"), tickets
                ).tolist()
                for label, (network, source) in rows.items()
            }
        density = here.loc[here["network"] == "ticket", "density"].mean()
        by_level[f"{percent_text(density)}% of weights"] = pd.DataFrame(columns)
    return by_level


def _diverged_note(differences: dict[str, pd.DataFrame]) -> str:
    """Say in how many fields of heat maps seeds diverged; say nothing if in none."""
    fields = [field for table in differences.values() for field in table.to_numpy().flat]
    lacking = sum(bool(np.isnan(field).any()) for field in fields)
    if not lacking:
        return ""
    return (
        f" In {lacking} of {len(fields)} fields seeds diverged, there or with the target ticket: × says how many, and "
        "the number is the mean of the others; fields where all seeds diverged say so."
    )


def _masks(overlap: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Return the density of each layer of each task's mask, once, for the layers that every pair compares."""
    compared = overlap.groupby("layer")[["task", "other"]].apply(lambda rows: len(rows.drop_duplicates()))
    everywhere = overlap[overlap["layer"].map(compared) == len(pairs)]
    parts = [
        everywhere.assign(mask=everywhere[name], layer_density=everywhere[kept] / everywhere["weights"])
        for name, kept in (("task", "kept"), ("other", "kept_other"))
    ]
    columns = ["mask", "level", "density", "seed", "layer", "layer_density"]
    return pd.concat(parts)[columns].drop_duplicates(["mask", "level", "seed", "layer"])
