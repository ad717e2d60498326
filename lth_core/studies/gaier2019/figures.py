"""The figures of the study of Gaier & Ha 2019, drawn from its tables, and their captions."""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lth_core.analysis.measurements import seed_means
from lth_core.config import Config
from lth_core.drawing.axes import label_vertical, metric_axis, whole_axis
from lth_core.drawing.colours import NEUTRAL, ROLES, THRESHOLD, series
from lth_core.drawing.figures import interval_note, legend, panels
from lth_core.drawing.lines import band
from lth_core.drawing.style import SMALL
from lth_core.metrics import counted
from lth_core.studies.base import Drawing
from lth_core.studies.captions import data_note
from lth_core.studies.gaier2019.claims import TaskClaims
from lth_core.studies.gaier2019.study import Design

EVOLVED, FIXED, TRAINED = (*series(2), ROLES["dense"].colour)
NAMED = 12
"""Inputs that are named; of more, such as pixels, each is a point."""
FAINT = 60
"""Connections of a topology that are drawn clearly; more are drawn the fainter."""


def drawings(study: Design, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
    """Return the figures of the study."""
    views = [TaskClaims(study, config, tables, task) for task in study.tasks]
    return [draw(view) for view in views for draw in (evolution, topology)]


def evolution(view: TaskClaims) -> Drawing:
    """Return the figure of an evolution and of what its networks come to with each weight."""
    table, metric = view.tables["generations"], view.sheet.metric
    rows = table[table["task"] == view.task]
    seeds = rows["seed"].nunique()

    def draw() -> Figure:
        figure, axes = panels(3)
        band(axes[0, 0], rows, "generation", "mean", label="mean over weights", colour=EVOLVED, markers=False)
        band(axes[0, 0], rows, "generation", "best", label="best weight", colour=FIXED, markers=False)
        metric_axis(axes[0, 0].yaxis, metric, f"{metric.label} in evolution")
        band(axes[0, 1], rows, "generation", "connections", label="connections", colour=NEUTRAL, markers=False)
        label_vertical(axes[0, 1], "connections")
        for panel in axes[0, :2]:
            panel.set_xlabel("generation")
            whole_axis(panel.xaxis)
        by_weight(axes[0, 2], view)
        legend(figure, interval_note(seeds))
        return figure

    caption = (
        f"Evolution of networks whose connections share one weight: {metric.label} of the topology that is best on "
        "average over weights, on the training data of each generation (left), its connections (middle), and, at the "
        f"end, test {metric.label} with each shared weight, against the network of the task, whose topology is fixed "
        "(right). Lines: the best shared weight on validation data, and all weights random or trained."
    )
    return Drawing(f"evolution-{view.task}", f"{caption} {data_note(view.config.tasks[view.task], seeds)}", draw)


def by_weight(axes: Axes, view: TaskClaims) -> None:
    """Draw the test metric against the shared weight."""
    metric = view.sheet.metric
    for network, colour in (("evolved", EVOLVED), ("fixed", FIXED)):
        label = f"{network} topology, shared weight"
        band(axes, view.rows(network, "shared"), "weight", "metric", label=label, colour=colour)
    lines = (
        ("evolved", "tuned", EVOLVED, "--"),
        ("fixed", "random", FIXED, ":"),
        ("fixed", "trained", TRAINED, "-."),
    )
    for network, weights, colour, style in lines:
        values = view.rows(network, weights)["metric"]
        words = {"tuned": "tuned weight", "random": "random weights", "trained": "trained weights"}[weights]
        label = f"{network} topology, {words}"
        axes.axhline(values.mean(), color=colour, linestyle=style, linewidth=1.0, label=label)
    axes.set_xlabel("weight of all connections")
    metric_axis(axes.yaxis, metric, f"test {metric.label}")


def topology(view: TaskClaims) -> Drawing:
    """Return the drawing of the evolved topology of the seed that is best on validation data."""
    table = view.tables["topologies"]
    rows = table[table["task"] == view.task]
    validation = seed_means(view.rows("evolved", "shared"), "validation_metric")
    seed = cast(int, validation.idxmax())
    nodes = rows[rows["seed"] == seed]

    def draw() -> Figure:
        figure, axes = panels(1, width=6.4, height=4.4)
        draw_topology(axes[0, 0], nodes)
        return figure

    count = int(nodes["sources"].fillna("").astype(str).str.split().map(len).sum())
    connections = counted(count, "connections")
    caption = (
        f"The evolved topology of seed {seed}, the best on validation data, with {connections}: on the left the inputs "
        "that are connected, on the right the outputs, and what each node computes. All connections have the same "
        "weight."
    )
    return Drawing(f"topology-{view.task}", f"{caption} {data_note(view.config.tasks[view.task])}", draw)


def draw_topology(axes: Axes, nodes: pd.DataFrame) -> None:
    """Draw the nodes of a topology by depth, and the connections between them."""
    sources = {
        int(node): [int(float(source)) for source in str(listed).split()]
        for node, listed in zip(nodes["node"], nodes["sources"].fillna(""), strict=True)
    }
    depths = dict(zip(nodes["node"].astype(int), nodes["depth"], strict=True))
    first = min(depths)
    inputs = sorted({source for listed in sources.values() for source in listed if source < first})
    columns: dict[float, list[int]] = {0.0: inputs}
    for node, depth in depths.items():
        if depth == 1 or sources[node]:
            columns.setdefault(depth, []).append(node)
    positions = {
        node: (position, (index + 0.5) / len(columns[depth]))
        for position, depth in enumerate(sorted(columns))
        for index, node in enumerate(columns[depth])
    }
    count = sum(map(len, sources.values()))
    for target, listed in sources.items():
        for source in listed:
            xs, ys = zip(positions[source], positions[target], strict=True)
            axes.plot(xs, ys, color=THRESHOLD, linewidth=0.6, alpha=min(1.0, FAINT / max(count, 1)), zorder=1)
    functions = dict(zip(nodes["node"].astype(int), nodes["function"], strict=True))
    for node, (x, y) in positions.items():
        axes.scatter([x], [y], s=14, color=EVOLVED if node in functions else NEUTRAL, zorder=2)
        if node in functions:
            axes.annotate(functions[node], (x, y), xytext=(4, 3), textcoords="offset points", fontsize=SMALL)
        elif len(inputs) <= NAMED:
            words = "always 1" if node == first - 1 else f"input {node + 1}"
            axes.annotate(words, (x, y), xytext=(-4, 3), textcoords="offset points", fontsize=SMALL, ha="right")
    axes.set_xlim(-0.3, max(np.max([x for x, _ in positions.values()]), 1) + 0.6)
    axes.set_axis_off()
