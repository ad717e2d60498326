"""Figures 15, 16 and 19 of Frankle & Carbin 2019: the weights in and out of a ticket."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lth_core.drawing.figures import interval_note, legend, panels
from lth_core.drawing.lines import band
from lth_core.metrics import percent_text
from lth_core.studies.frankle2019.view import View

LAYERS_SHOWN = 5
"""The most columns that a figure has."""


def initial_values_figure(view: View) -> Figure:
    """Draw Figures 15 and 16: the initial values of the weights that survive, per layer and level."""
    levels = sorted(view.tables["weights"].query("task == @view.task")["level"].unique())
    layers = _layers(view)
    figure, axes = panels(len(layers), len(levels), width=2.9, height=2.1)
    for row, level in zip(axes, levels, strict=True):
        for panel, layer in zip(row, layers, strict=True):
            rows = _histogram(view, layer, "initial", level)
            everything = rows.groupby(["seed", "left", "right"])["count"].sum(min_count=1).reset_index()
            _density_curve(panel, everything, "other", "all weights")
            _density_curve(panel, rows[rows["group"] == "kept"], "ticket", "kept weights")
            panel.set_title(f"{_layer_label(layer)}, {_level_density(view, level)}")
    for panel in axes[-1]:
        panel.set_xlabel("value at initialization")
    _finish_histograms(figure, axes, view)
    return figure


def distances_figure(view: View) -> Figure:
    """Draw Figure 19: how far dense training moves the weights in and out of the ticket."""
    levels = sorted(view.tables["weights"].query("task == @view.task")["level"].unique())
    level, layers = levels[len(levels) // 2], _layers(view)
    figure, axes = panels(len(layers), width=2.9, height=2.3)
    for panel, layer in zip(axes[0], layers, strict=True):
        rows = _histogram(view, layer, "distance", level)
        _density_curve(panel, rows[rows["group"] == "kept"], "ticket", "weights in the ticket")
        _density_curve(panel, rows[rows["group"] == "pruned"], "other", "pruned weights")
        panel.set_title(f"{_layer_label(layer)}, {_level_density(view, level)}")
        panel.set_xlabel("distance moved in dense training")
    _finish_histograms(figure, axes, view)
    return figure


def _layers(view: View) -> list[str]:
    """Return the layers in network order; of a deep network only some, evenly spread from first to last."""
    names = view.layers()
    spread = np.linspace(0, len(names) - 1, min(len(names), LAYERS_SHOWN)).round().astype(int)
    return [names[index] for index in spread]


def _histogram(view: View, layer: str, quantity: str, level: int) -> pd.DataFrame:
    rows = view.tables["weights"].query("task == @view.task and layer == @layer and quantity == @quantity")
    return rows[rows["level"] == level]


def _density_curve(axes: Axes, bins: pd.DataFrame, role: str, label: str) -> None:
    """Draw each seed's histogram as a probability density, on one grid (cohorts may differ in their bins)."""
    grid = np.linspace(bins["left"].min(), bins["right"].max(), _bins(bins) + 1)
    centres = (grid[:-1] + grid[1:]) / 2
    seeds = []
    for seed, histogram in bins.groupby("seed"):
        histogram = histogram.sort_values("left")
        total = histogram["count"].sum(skipna=False) or 1  # 0: nothing is left of the layer; nan: diverged
        share = histogram["count"] / total / (histogram["right"] - histogram["left"])
        shares = np.interp(centres, (histogram["left"] + histogram["right"]) / 2, share)
        seeds.append(pd.DataFrame({"seed": seed, "value": centres, "share": shares}))
    band(axes, pd.concat(seeds), "value", "share", role=role, label=label, markers=False)


def _bins(bins: pd.DataFrame) -> int:
    """Return the number of bins per seed."""
    return len(bins) // bins["seed"].nunique()


def _layer_label(layer: str) -> str:
    return layer.removesuffix(".weight")


def _level_density(view: View, level: int) -> str:
    rows = view.curve()
    return f"{percent_text(rows.loc[rows['level'] == level, 'density'].iloc[0])}% remaining"


def _finish_histograms(figure: Figure, axes: np.ndarray, view: View) -> None:
    for column in axes.T:  # one scale per layer
        highest = max(panel.get_ylim()[1] for panel in column)
        for panel in column:
            panel.set_ylim(0, highest)
    for panel in axes[:, 0]:
        panel.set_ylabel("probability density")
    legend(figure, interval_note(view.seeds()))
