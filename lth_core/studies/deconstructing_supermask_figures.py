"""The figures of supermasks (Zhou et al. 2019, section 5), drawn from the study's tables, and their captions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure

from lth_core.bars import bars
from lth_core.config import Config
from lth_core.plotting import SERIES, band, density_axis, interval_note, legend, panels, percent_axis
from lth_core.studies.base import Drawing
from lth_core.studies.captions import data_note
from lth_core.studies.deconstructing_figures import CRITERION_LOOKS, OTHER_LOOK, criterion_label
from lth_core.studies.deconstructing_tables import at_best_level, best_criterion, by_seed, learned

if TYPE_CHECKING:
    from lth_core.studies.deconstructing import Deconstructing

VALUES = {"initial": "initial values", "constant": "signed constants"}
COLOURS = dict(zip(VALUES.values(), SERIES, strict=False))
TRAINED = "trained weights"
LEARNED_LABELS = {
    ("plain", "drawn"): "learned mask",
    ("rescaled", "drawn"): "learned mask,\nrescaled",
    ("plain", "likely"): "its likely weights",
    ("rescaled", "likely"): "its likely weights,\nrescaled",
}

CAPTIONS = {
    "supermask-bars": "Test accuracy of untrained networks under masks that are found from the trained dense network "
    "by different criteria, at the density that validation accuracy chooses for each (section 5). Kept weights have "
    "their initial values, or the layer's standard deviation with their sign.",
    "supermask-densities": "Test accuracy of untrained networks under masks that are found from the trained dense "
    "network by different criteria, against density (section 5). Left: kept weights have their initial values. Right: "
    "the layer's standard deviation with their sign.",
    "learned-supermasks": "Test accuracy without and with training: the best mask that a criterion finds (criterion "
    "and density by validation accuracy); masks that are learned while no weight changes, averaged over several draws, "
    "without and with dynamic weight rescaling; the weights that these masks keep more often than not; the trained "
    "dense network at early stopping. In all but the last, weights have their initial values or are signed constants.",
}


def supermask_drawings(
    study: Deconstructing, config: Config, task: str, tables: dict[str, pd.DataFrame]
) -> list[Drawing]:
    """The figures of one task."""
    accuracies, found, of_learning = (
        table[table["task"] == task]
        for table in (tables["accuracies"], tables["supermasks"], tables["learned_supermasks"])
    )
    draw = {
        "supermask-bars": lambda: _bars(found, study.criteria),
        "supermask-densities": lambda: _densities(found, study.criteria),
        "learned-supermasks": lambda: _learned(accuracies, found, of_learning),
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
    """One panel per kind of values, one curve per criterion."""
    figure, axes = panels(len(VALUES), height=3.2)
    for panel, (values, label) in zip(axes[0], VALUES.items(), strict=True):
        panel.sharey(axes[0, 0])
        for name in criteria:
            rows = found[(found["criterion"] == name) & (found["values"] == values)]
            colour, line = CRITERION_LOOKS.get(name, OTHER_LOOK)
            band(panel, rows, "density", "test_accuracy", label=criterion_label(name), colour=colour, linestyle=line)
        panel.set_title(label)
        density_axis(panel, found.groupby("level")["density"].mean())
    for panel in axes[0]:
        percent_axis(panel.yaxis, "test accuracy")
    axes[0, 1].set_ylabel("")
    legend(figure, interval_note(found["seed"].nunique()))
    return figure


def _learned(accuracies: pd.DataFrame, found: pd.DataFrame, of_learning: pd.DataFrame) -> Figure:
    rows = {
        "best mask\nof a criterion": {
            label: by_seed(at_best_level(found, best_criterion(found, values), values)).to_list()
            for values, label in VALUES.items()
        }
    }
    for (scaling, mask), name in LEARNED_LABELS.items():
        rows[name] = {
            label: by_seed(learned(of_learning, values, scaling, mask)).to_list() for values, label in VALUES.items()
        }
    rows["dense network"] = {TRAINED: by_seed(accuracies[accuracies["level"] == 0], "accuracy").to_list()}
    figure, axes = panels(width=5.2, height=0.6 + 0.45 * len(rows))
    bars(axes[0, 0], rows, COLOURS | {TRAINED: "#404040"}, "test accuracy")
    legend(figure)
    return figure
