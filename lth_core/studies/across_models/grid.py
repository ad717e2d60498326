"""The grid of all that is compared: for every kind of model and every way of finding masks, how few weights match."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from lth_core.config import Config
from lth_core.drawing.colours import DENSITIES, NEUTRAL, NO_NUMBER, role_style
from lth_core.drawing.figures import MOST_WIDTH, legend, panels
from lth_core.drawing.style import SMALL
from lth_core.metrics import percent_text
from lth_core.studies.across_models.study import Design
from lth_core.studies.across_models.tables import branches
from lth_core.studies.captions import listing
from lth_core.studies.contenders import GROUPS, label_of

FIELD, ROW = 0.62, 0.36
"""Inches of a field, at most, and of its row."""
NAMES, BESIDE, BELOW = 1.65, 0.6, 1.5
"""Inches for names of methods, for those of their groups, and for those of tasks."""
FONT = 7.0
"""Points of the numbers: an interval fits into its field where there are nine tasks."""
DARK = 0.55
"""Beyond this part of the colour map text is white."""


def compared(study: Design, config: Config) -> dict[str, tuple[str, str]]:
    """Return the label and the group of tickets, controls and all other methods that some task has."""
    styles = {name: role_style(name).label for name in branches(study)}
    rows = {name: (label if label != "other" else name, "") for name, label in styles.items()}
    others = {one.name: one for task in study.tasks for one in study.contenders(config, task)}
    ordered = sorted(others.values(), key=lambda one: (GROUPS.index(one.group), study.compare.index(one.name)))
    return rows | {one.name: (one.label, one.group) for one in ordered}


def caption(study: Design, config: Config) -> str:
    """Say what a field holds, and what is left out."""
    return (
        "The lowest tested density that matches the dense network, in percent, as in the other figure, for all that is "
        "compared. Below it the ends of its 95% interval over seeds, where there are two; darker: fewer weights. None: "
        "the mean does not match at the highest tested density either. ≤: that is the lowest tested density. A column "
        "has one task, with the same densities, data and seeds for all methods, and the same training of what they "
        "leave; what it costs to find masks is not counted here (study `comparison`)."
        f"{_untrained(study, config)}{_left_out(study, config)}"
    )


def _untrained(study: Design, config: Config) -> str:
    """Name the methods whose weights are not trained."""
    others = [one for task in study.tasks for one in study.contenders(config, task) if not one.trains_weights]
    labels = dict.fromkeys(one.label for one in others)
    return f" Subnetworks of untrained weights stay as they are: {'; '.join(labels)}." if labels else ""


def _left_out(study: Design, config: Config) -> str:
    """Name the methods that tasks cannot have, and why."""
    reasons: dict[str, list[str]] = {}
    for task in study.tasks:
        for name, why in study.left_out(config, task).items():
            reasons.setdefault(f"{label_of(name)} ({why})", []).append(task)
    said = [f"{reason} on {listing(tasks)}" for reason, tasks in reasons.items()]
    return f" Grey, left out: {'; '.join(said)}." if said else ""


def grid(study: Design, config: Config, lowest: pd.DataFrame) -> Figure:
    """Draw a column per task, a row for all that is compared, and in each field the lowest density that matches."""
    rows, tasks = compared(study, config), lowest.drop_duplicates("task")
    width = min(FIELD * len(tasks), MOST_WIDTH - NAMES - BESIDE)
    figure, axes = panels(width=NAMES + width + BESIDE, height=BELOW + ROW * len(rows))
    panel, norm = axes[0, 0], LogNorm(min(100 * lowest["tested"].min(), 99.0), 100)
    known = lowest.pivot(index="compared", columns="task", values="lowest").reindex([*rows], columns=[*tasks["task"]])
    percent = np.ma.masked_invalid(100 * known.to_numpy(float))
    panel.imshow(percent, cmap=colormaps[DENSITIES].reversed(), norm=norm, aspect="auto")
    panel.set_facecolor(NO_NUMBER)
    for of in lowest.to_dict("records"):
        column, row = known.columns.get_loc(of["task"]), known.index.get_loc(of["compared"])
        is_dark = norm(100 * of["lowest"]) < 1 - DARK
        panel.text(
            column, row, _field(of), ha="center", va="center", color="white" if is_dark else "black", fontsize=FONT,
            linespacing=1.05,
        )  # fmt: skip
    _name(panel, rows, tasks)
    legend(figure)
    return figure


def _field(of: Mapping[Any, Any]) -> str:
    """Write a lowest density and the ends of its interval, from a row of the table."""
    if pd.isna(of["lowest"]):
        return "not\nmeasured"
    beyond = "≤" if of["lowest"] <= of["tested"] else ""
    text = beyond + percent_text(of["lowest"]) if of["lowest"] < 1 else "none"
    return text if of["most"] == of["fewest"] else f"{text}\n{percent_text(of['most'])}–{percent_text(of['fewest'])}"


def _name(panel: Axes, rows: dict[str, tuple[str, str]], tasks: pd.DataFrame) -> None:
    """Name methods at the left, their groups at the right, tasks below; draw lines between groups."""
    panel.set_yticks(range(len(rows)), [label for label, _ in rows.values()])
    panel.set_xticks(
        range(len(tasks)), [f"{one.kind}\n{one.task}" for one in tasks.itertuples()], rotation=45, ha="right",
        rotation_mode="anchor", fontsize=SMALL,
    )  # fmt: skip
    panel.set_title("lowest density that matches the dense network (%), and its 95% interval")
    panel.set_xlabel("task")
    panel.set_ylabel("masks")
    panel.tick_params(length=0)
    panel.grid(visible=False)
    panel.spines[:].set_visible(False)
    groups = [group for _, group in rows.values()]
    for position, (above, below) in enumerate(pairwise(groups)):
        if above != below:
            panel.axhline(position + 0.5, color="white", linewidth=3)
    for group in filter(None, dict.fromkeys(groups)):
        middle = float(np.mean([position for position, of_row in enumerate(groups) if of_row == group]))
        panel.annotate(
            group.replace(" ", "\n", 1), (1, middle), xycoords=("axes fraction", "data"),
            xytext=(6, 0), textcoords="offset points", va="center", fontsize=SMALL, color=NEUTRAL,
        )  # fmt: skip
