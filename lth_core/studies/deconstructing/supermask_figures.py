"""The figures of supermasks (Zhou et al. 2019, section 5), drawn from the study's tables, and their captions."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from lth_core.config import Config
from lth_core.drawing.axes import density_axis, percent_axis
from lth_core.drawing.bars import bars
from lth_core.drawing.colours import NEUTRAL, SERIES, series
from lth_core.drawing.figures import interval_note, legend, panels
from lth_core.drawing.lines import band
from lth_core.studies.base import Drawing
from lth_core.studies.captions import bars_note, data_note
from lth_core.studies.deconstructing.captions import by_sign
from lth_core.studies.deconstructing.figures import criterion_families, criterion_label
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
    "network by different criteria, against density (section 5). Solid: kept weights have their initial values. "
    "Dashed: the layer's standard deviation with their sign.",
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
    notes = dict.fromkeys(draw, f" {bars_note(data, 'bar: mean, line')}")
    notes |= {"supermask-densities": f"{by_sign(study.criteria)} {data}"}
    return [Drawing(f"{kind}-{task}", f"{CAPTIONS[kind]}{notes[kind]}", draw[kind]) for kind in draw]


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
    """Draw a panel for each family of criteria: solid, initial values; dashed, signed constants."""
    families = criterion_families(criteria)
    figure, axes = panels(len(families), height=2.3)
    for panel, names in zip(axes[0], families.values(), strict=True):
        panel.sharey(axes[0, 0])
        for name, colour in zip(names, series(len(names)), strict=True):
            for values, dash in zip(VALUES, ("-", "--"), strict=True):
                rows = supermasks[(supermasks["criterion"] == name) & (supermasks["values"] == values)]
                label = criterion_label(name) if dash == "-" else "_signed constants"
                shown = NEUTRAL if name == "random" else colour
                band(panel, rows, "density", "test_accuracy", label=label, colour=shown, linestyle=dash, markers=False)
        density_axis(panel, supermasks.groupby("level")["density"].mean())
    for panel, title in zip(axes[0], families, strict=True):
        percent_axis(panel.yaxis, "test accuracy")
        panel.set_title(title)
    legend(figure, f"{interval_note(supermasks['seed'].nunique())}\nsolid: initial values; dashed: signed constants")
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
