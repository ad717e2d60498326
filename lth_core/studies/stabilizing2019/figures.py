"""The figures of Frankle et al. 2019 (arXiv 1903.01611), drawn from the table of measurements, and their captions."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lth_core.config import Config
from lth_core.drawing.axes import density_axis, metric_axis, positive_axis, step_axis
from lth_core.drawing.colours import ramp
from lth_core.drawing.figures import interval_note, legend, panels
from lth_core.drawing.lines import band, reference
from lth_core.metrics import Metric, percent_text
from lth_core.studies.base import Drawing
from lth_core.studies.captions import data_note, listing, with_direction
from lth_core.studies.stabilizing2019.study import Design
from lth_core.tasks.metrics import metric_of

NETWORKS = {"ticket": "IMP subnetwork", "random-mask": "random subnetwork"}
DISTANCES = {"order_l2": "L2 distance\nbetween data orders", "pruning_l2": "L2 distance\nto dense network"}
ANGLES = {"order_degrees": "angle between\ndata orders (°)", "pruning_degrees": "angle to\ndense network (°)"}
FRESH_STATE = (
    "For k > 0 the subnetwork starts from step k with a fresh optimizer state, while the dense network's continues."
)


def drawings(study: Design, config: Config, task: str, measurements: pd.DataFrame) -> list[Drawing]:
    """Return the figures of one task."""
    table = measurements[measurements["task"] == task]
    table = table.assign(
        order_degrees=np.degrees(table["order_angle"]), pruning_degrees=np.degrees(table["pruning_angle"])
    )
    densities = [table.loc[table["level"] == level, "density"].mean() for level in study.levels]
    where = listing([f"{percent_text(density)}%" for density in densities])
    data, metric = data_note(config.tasks[task], table["seed"].nunique()), metric_of(config.tasks[task])
    return [
        Drawing(
            f"fig04-stability-{task}",
            f"Stability and {metric.label} against the rewind step k (Figure 4): subnetworks found by iterative "
            f"magnitude pruning (IMP) and random ones of the same layerwise counts, with {where} of the weights. Top: "
            "L2 distance between the weights of a subnetwork after training on two data orders. Middle: L2 distance "
            "between its trained weights and the same weights of the dense network, trained on the same data order. "
            + with_direction(f"{FRESH_STATE} Bottom: test {metric.label} at the end of training.", metric)
            + f" {data}",
            lambda: _against_k(table, study.levels, study.rewind_steps, DISTANCES, metric),
        ),
        Drawing(
            f"fig05-densities-{task}",
            with_direction(
                f"Test {metric.label} at the end of training against density for each rewind step k (Figure 5). Left: "
                "subnetworks found by IMP. Right: random subnetworks of the same layerwise counts, at the densities "
                "where they were trained.",
                metric,
            )
            + f" {data}",
            lambda: _against_density(table, study.rewind_steps, metric),
        ),
        Drawing(
            f"angles-{task}",
            "Stability against the rewind step k, as angles between the weight vectors instead of L2 distances "
            f"(appendix): IMP and random subnetworks with {where} of the weights. Top: angle between the weights of a "
            "subnetwork after training on two data orders. Bottom: angle between its trained weights and the same "
            f"weights of the dense network, trained on the same data order. {FRESH_STATE} {data}",
            lambda: _against_k(table, study.levels, study.rewind_steps, ANGLES),
        ),
    ]


def _against_k(
    table: pd.DataFrame, levels: list[int], steps: list[int], quantities: dict[str, str], metric: Metric | None = None
) -> Figure:
    """Draw one row per quantity, with the metric last, and one column per level: subnetworks over the rewind step."""
    if metric:
        quantities = quantities | {"metric": f"test {metric.label}"}
    figure, axes = panels(len(levels), len(quantities), height=2.1)
    for row, (quantity, label) in zip(axes, quantities.items(), strict=True):
        for panel, level in zip(row, levels, strict=True):
            panel.sharey(row[0])
            panel.sharex(axes[0, 0])
            here = table[table["level"] == level]
            for network, name in NETWORKS.items():
                band(panel, here[here["network"] == network], "k", quantity, role=network, label=name)
            if quantity == "metric":
                reference(panel, table.loc[table["network"] == "dense", quantity])
            step_axis(panel, steps)
        if metric and quantity == "metric":
            metric_axis(row[0].yaxis, metric, label)
        else:
            positive_axis(row[0], label)
    for panel, level in zip(axes[0], levels, strict=True):
        density = table.loc[table["level"] == level, "density"].mean()
        panel.set_title(f"{percent_text(density)}% of weights")
    for panel in axes[-1]:
        panel.set_xlabel("rewind step k")
    legend(figure, interval_note(table["seed"].nunique()))
    return figure


def _against_density(table: pd.DataFrame, steps: list[int], metric: Metric) -> Figure:
    """Draw IMP and random subnetworks side by side; one curve per rewind step, dark (k = 0) to light."""
    figure, axes = panels(2)
    dense = table[table["network"] == "dense"]
    for panel, (network, name) in zip(axes[0], NETWORKS.items(), strict=True):
        reference(panel, dense["metric"])
        for step, colour in zip(steps, ramp(len(steps)), strict=True):
            rows = table[(table["network"] == network) & (table["k"] == step)]
            band(panel, rows, "density", "metric", role=network, label=f"k = {step}", colour=colour)
        panel.set_title(f"{name}s")
        panel.sharey(axes[0, 0])
        density_axis(panel, table["density"])
    for panel in axes[0]:
        metric_axis(panel.yaxis, metric, f"test {metric.label}")
    legend(figure, interval_note(table["seed"].nunique()))
    return figure
