"""The figures of supermasks (Zhou et al. 2019, section 5), drawn from the study's tables, and their captions."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from lth_core.studies.deconstructing.figures import CRITERION_LOOKS, OTHER_LOOK, criterion_groups, criterion_label
from lth_core.studies.deconstructing.tables import FOUND, TRAINED, at_best_level, by_seed, compared

if TYPE_CHECKING:
    from lth_core.studies.deconstructing.study import Deconstructing

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
    "and density by validation accuracy); masks that are learned while no weight changes, averaged over several draws, "
    "without and with dynamic weight rescaling; likely masks, of the weights that are kept more often than not; the "
    "trained dense network at early stopping. In all but the last, weights are initial values or signed constants.",
}


def supermask_drawings(
    study: Deconstructing, config: Config, task: str, tables: dict[str, pd.DataFrame]
) -> list[Drawing]:
    """The figures of one task."""
    found = tables["supermasks"].loc[tables["supermasks"]["task"] == task]
    draw = {
        "supermask-bars": lambda: _bars(found, study.criteria),
        "supermask-densities": lambda: _densities(found, study.criteria),
        "learned-supermasks": lambda: _learned(tables, task),
    }
    data = data_note(config.tasks[task], found["seed"].nunique())
    of_bars = data.replace("; band: ", "; bar: mean, line: ")
    return [
        Drawing(f"{kind}-{task}", f"{CAPTIONS[kind]} {data if kind == 'supermask-densities' else of_bars}", draw[kind])
        for kind in draw
    ]


def _bars(found: pd.DataFrame, criteria: list[str]) -> Figure:
    rows = {
        criterion_label(name): {
            label: by_seed(at_best_level(found, name, values)).to_list() for values, label in VALUES.items()
        }
        for name in criteria
    }
    figure, axes = panels(width=5.2, height=0.6 + 0.36 * len(rows))
    bars(axes[0, 0], rows, COLOURS, "test accuracy of untrained weights")
    legend(figure)
    return figure


def _densities(found: pd.DataFrame, criteria: list[str]) -> Figure:
    """One column per kind of values; criteria without, then with a condition on signs; one curve per criterion."""
    groups = criterion_groups(criteria)
    figure, axes = panels(len(VALUES), len(groups))
    for row, names in zip(axes, groups, strict=True):
        for panel, values in zip(row, VALUES, strict=True):
            panel.sharey(axes[0, 0])
            of_values = found[found["values"] == values]
            for name in names:
                look = dict(zip(("colour", "linestyle"), CRITERION_LOOKS.get(name, OTHER_LOOK), strict=True))
                rows = of_values[of_values["criterion"] == name]
                band(panel, rows, "density", "test_accuracy", label=criterion_label(name), markers=False, **look)
            density_axis(panel, found.groupby("level")["density"].mean())
    for row in axes:  # once everything is drawn: all panels share the axis
        percent_axis(row[0].yaxis, "test accuracy")
    for panel, title in zip(axes[0], VALUES.values(), strict=True):
        panel.set_title(title)
    legend(figure, interval_note(found["seed"].nunique()))
    return figure


def _learned(tables: dict[str, pd.DataFrame], task: str) -> Figure:
    labels = VALUES | {TRAINED: TRAINED_LABEL}
    rows: dict[str, dict[str, list[float]]] = {}
    for kind, values, _, accuracies in compared(tables, task):
        rows.setdefault(KIND_LABELS[kind], {})[labels[values]] = accuracies.to_list()
    figure, axes = panels(width=5.2, height=0.6 + 0.45 * len(rows))
    bars(axes[0, 0], rows, COLOURS | {TRAINED_LABEL: NEUTRAL}, "test accuracy")
    legend(figure)
    return figure
