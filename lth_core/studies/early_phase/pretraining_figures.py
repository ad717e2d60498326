"""The figure of Frankle, Schwab & Morcos 2020 (arXiv 2002.10365) that shows pretrained tickets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lth_core.analysis.measurements import seed_means
from lth_core.drawing.axes import percent_axis, step_axis
from lth_core.drawing.colours import series
from lth_core.drawing.figures import interval_note, label_columns, legend, panels
from lth_core.drawing.lines import reference, threshold
from lth_core.metrics import percent_text
from lth_core.studies.base import Drawing
from lth_core.studies.captions import bars_note
from lth_core.studies.early_phase.point_figures import point
from lth_core.studies.early_phase.study import REFERENCES, Design, reference_labels

KINDS = {
    "random-labels": "random labels",
    "rotation": "rotation",
    "blur": "blurred images",
    "blur-rotation": "rotation of blurred images",
}
SHIFT, FAR = 1.02, 1.2
"""Kinds of pretraining are drawn side by side: each at the square of this factor times the x of the one before.

Of a single length of pretraining they are drawn far apart, across the panel.
"""
MOST_LEVELS = 3
"""How many levels the figure shows at most."""


def pretraining_drawing(study: Design, task: str, k: int, tables: Mapping[str, pd.DataFrame], data: str) -> Drawing:
    """Draw accuracy against the length of pretraining."""
    dotted = "Dotted: as many steps of pretraining as the ticket has had of the task. "
    perturbed, pretrained = (tables[name][tables[name]["k"] == k] for name in ("measurements", "pretraining"))
    return Drawing(
        f"pretraining-{task}-k{k}",
        "Test accuracy at the end of training of tickets that start from pretrained weights instead of those of step "
        f"k = {k}, against the length of pretraining. Masks are those of the tickets rewound to k; training goes from "
        f"step {k} of the schedule on. Pretraining starts from initialization: on labels drawn at random (once, for "
        "all seeds), on telling by how many quarter turns an image is rotated (that output layer is dropped), on "
        "images blurred by a factor of 4, or on rotations of those. Dense: the whole network is pretrained, then "
        "masked; sparse: it is masked first. Dashed: the ticket rewound to k, its mask reset to initialization, and "
        f"reinitialized. {dotted if len(study.pretraining_steps) > 1 else ''}{bars_note(data)}",
        lambda: _pretraining(study, k, perturbed, pretrained),
    )


def _pretraining(study: Design, k: int, perturbed: pd.DataFrame, pretrained: pd.DataFrame) -> Figure:
    """Draw a row per level and a column per pretrained network."""
    levels, kinds = _spread(study.levels), [kind for kind in KINDS if kind in study.pretraining]
    colours, last = series(len(kinds), besides=REFERENCES), len(kinds) - 1
    first_length, *others = study.pretraining_steps
    shift, ends = (SHIFT, (k, *others)) if others else (FAR, (first_length / FAR**last, first_length * FAR**last))
    figure, axes = panels(len(study.pretrained_networks), len(levels), height=2.5)
    for row, level in zip(axes, levels, strict=True):
        for panel, network in zip(row, study.pretrained_networks, strict=True):
            panel.sharey(row[0])
            for role, label in reference_labels(k).items():
                values = perturbed[(perturbed["level"] == level) & (perturbed["network"] == role)]
                reference(panel, values["metric"], role, label)
            here = pretrained[(pretrained["level"] == level) & (pretrained["network"] == network)]
            for index, kind in enumerate(kinds):
                rows = here[here["pretraining"] == kind]
                _line(panel, rows, KINDS[kind], colours[index], shift ** (2 * index - last))
            if others:
                threshold(panel, k, "k steps", vertical=True)
            step_axis(panel, study.pretraining_steps)
            if not others:
                panel.set_xticks([])  # how far apart points are means nothing
            panel.set_xlim(min(first_length, *ends) / 1.3, max(first_length, *ends) * 1.2)
            panel.set_title(f"{network} pretraining, {percent_text(here['density'].mean())}% of weights")
        percent_axis(row[0].yaxis, "test accuracy")
    label_columns(axes)
    for panel in axes[-1]:
        panel.set_xlabel("steps of pretraining" if others else f"{first_length:,} steps of pretraining")
    legend(figure, bars_note(interval_note(perturbed["seed"].nunique())))
    return figure


def _line(axes: Axes, rows: pd.DataFrame, label: str, colour: str, shift: float) -> None:
    """Draw means with bars, one per length, joined by a line, all shifted a bit so that no kind hides another."""
    steps = sorted(set(rows["steps"]))
    by_length = [seed_means(rows[rows["steps"] == length], "metric") for length in steps]
    means = [
        point(axes, values, label, x=length * shift, colour=colour)
        for length, values in zip(steps, by_length, strict=True)
    ]
    axes.plot([length * shift for length in steps], means, color=colour)


def _spread(levels: list[int]) -> list[int]:
    """Return at most three of the levels, the first and the last among them."""
    chosen = np.linspace(0, len(levels) - 1, min(MOST_LEVELS, len(levels))).round().astype(int)
    return [levels[index] for index in chosen]
