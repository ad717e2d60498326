"""The figures of supermasks (Zhou et al. 2019, section 5), drawn from the study's tables, and their captions."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from lth_core.config import Config
from lth_core.drawing.axes import density_axis, percent_axis
from lth_core.drawing.bars import bars
from lth_core.drawing.colours import NEUTRAL, SERIES
from lth_core.drawing.figures import interval_note, legend, panels
from lth_core.drawing.lines import band
from lth_core.studies.base import Drawing
from lth_core.studies.captions import data_note
from lth_core.studies.deconstructing.figures import CRITERION_STYLES, OTHER_STYLE, criterion_groups, criterion_label
from lth_core.studies.deconstructing.study import Design
from lth_core.studies.deconstructing.tables import FOUND, TRAINED, at_best_level, by_seed, supermask_kinds

VALUES = {"initial": "initial values", "constant": "signed constants"}
COLOURS = dict(zip(VALUES.values(), SERIES, strict=False))
TRAINED_LABEL = "trained weights"
KIND_LABELS = {
    FOUND: "best mask\nof a criterion",
    "learned": "learned mask",
    "learned-rescaled": "learned mask,\nrescaled",
    "likely": "likely mask",
    "likely-rescaled": "likely mask,\nrescaled",
    TRAINED: "dense network",
}

CAPTIONS = {
    "supermask-bars": "Test accuracy of untrained networks under masks that are found from the trained dense network "
    "by different criteria, at the density that validation accuracy chooses for each (section 5). Kept weights have "
    "their initial values, or the layer's standard deviation with their sign.",
    "supermask-densities": "Test accuracy of untrained networks under masks that are found from the trained dense "
    "network by different criteria, against density (section 5). Left: kept weights have their initial values. Right: "
    "the layer's standard deviation with their sign. Below: kept only where the sign after training is the initial "
    "one, or only where it is not.",
    "learned-supermasks": "Test accuracy without and with training: the best mask that a criterion finds (criterion "
    "and density by validation accuracy); masks that are learned while no weight changes, and drawn once, "
    "without and with dynamic weight rescaling; likely masks, which keep the weights that are drawn more often than "
    "not; the trained dense network at early stopping. In all but the last, weights are initial values or signed "
    "constants.",
}


def supermask_drawings(study: Design, config: Config, task: str, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
    """Draw the figures of one task."""
    supermasks = tables["supermasks"].loc[tables["supermasks"]["task"] == task]
    draw = {
        "supermask-bars": lambda: _bars(supermasks, study.criteria),
        "supermask-densities": lambda: _densities(supermasks, study.criteria),
        "learned-supermasks": lambda: _learned(tables, task),
    }
    data = data_note(config.tasks[task], supermasks["seed"].nunique())
    of_bars = data.replace("; band: ", "; bar: mean, line: ")
    return [
        Drawing(f"{kind}-{task}", f"{CAPTIONS[kind]} {data if kind == 'supermask-densities' else of_bars}", draw[kind])
        for kind in draw
    ]


def _bars(supermasks: pd.DataFrame, criteria: list[str]) -> Figure:
    rows = {
        criterion_label(name): {
            label: by_seed(at_best_level(supermasks, name, values)).to_list() for values, label in VALUES.items()
        }
        for name in criteria
    }
    figure, axes = panels(width=5.2, height=0.6 + 0.36 * len(rows))
    bars(axes[0, 0], rows, COLOURS, "test accuracy of untrained weights")
    legend(figure)
    return figure


def _densities(supermasks: pd.DataFrame, criteria: list[str]) -> Figure:
    """Draw a column per kind of values, a row of criteria without and one with a condition on signs, a curve each."""
    groups = criterion_groups(criteria)
    figure, axes = panels(len(VALUES), len(groups))
    for row, names in zip(axes, groups, strict=True):
        for panel, values in zip(row, VALUES, strict=True):
            panel.sharey(axes[0, 0])
            of_values = supermasks[supermasks["values"] == values]
            for name in names:
                style = dict(zip(("colour", "linestyle"), CRITERION_STYLES.get(name, OTHER_STYLE), strict=True))
                rows = of_values[of_values["criterion"] == name]
                band(panel, rows, "density", "test_accuracy", label=criterion_label(name), markers=False, **style)
            density_axis(panel, supermasks.groupby("level")["density"].mean())
    for row in axes:  # once everything is drawn: all panels share the axis
        percent_axis(row[0].yaxis, "test accuracy")
    for panel, title in zip(axes[0], VALUES.values(), strict=True):
        panel.set_title(title)
    legend(figure, interval_note(supermasks["seed"].nunique()))
    return figure


def _learned(tables: dict[str, pd.DataFrame], task: str) -> Figure:
    labels = VALUES | {TRAINED: TRAINED_LABEL}
    rows: dict[str, dict[str, list[float]]] = {}
    for kind, values, _, accuracies in supermask_kinds(tables, task):
        rows.setdefault(KIND_LABELS[kind], {})[labels[values]] = accuracies.to_list()
    figure, axes = panels(width=5.2, height=0.6 + 0.45 * len(rows))
    bars(axes[0, 0], rows, COLOURS | {TRAINED_LABEL: NEUTRAL}, "test accuracy")
    legend(figure)
    return figure
