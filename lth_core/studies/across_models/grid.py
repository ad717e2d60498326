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
from lth_core.drawing.axes import even_lines
from lth_core.drawing.colours import DENSITIES, NEUTRAL, NO_NUMBER, role_style
from lth_core.drawing.figures import MOST_WIDTH, legend, panels
from lth_core.drawing.style import SMALL
from lth_core.metrics import percent_text
from lth_core.studies.across_models.study import Design
from lth_core.studies.across_models.tables import branches
from lth_core.studies.contenders import GROUPS

FIELD, ROW, LEAST = 0.62, 0.36, 2.4
"""Inches of a field, at most where there are several, of its row, and of all fields of a row at least."""
NAMES, BESIDE, BELOW = 1.65, 0.6, 1.5
"""Inches for names of methods, for those of their groups, and for those of tasks."""
FONT, FITTING = 7.0, 0.5
"""Points of the numbers, and inches of a field into which an interval fits then: those of nine tasks."""
LETTER = 0.08
"""Inches of a letter of the title."""
DARK = 0.55
"""Beyond this part of the colour map text is white."""


def compared(study: Design, config: Config) -> dict[str, tuple[str, str]]:
    """Return the label and the group of tickets, controls and all other methods that some task has."""
    styles = {name: role_style(name).label for name in branches(study)}
    rows = {name: (label if label != "other" else name, "") for name, label in styles.items()}
    others = {one.name: one for task in study.tasks for one in study.contenders(config, task)}
    ordered = sorted(others.values(), key=lambda one: (GROUPS.index(one.group), study.compare.index(one.name)))
    return rows | {one.name: (one.label, one.group) for one in ordered}


def grid(study: Design, config: Config, lowest: pd.DataFrame) -> Figure:
    """Draw a column per task, a row for all that is compared, and in each field the lowest density that matches."""
    rows, tasks = compared(study, config), lowest.drop_duplicates("task")
    width = min(max(FIELD * len(tasks), LEAST), MOST_WIDTH - NAMES - BESIDE)
    font = FONT * min(1.0, width / len(tasks) / FITTING)
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
            column, row, _field(of), ha="center", va="center", color="white" if is_dark else "black", fontsize=font,
            linespacing=1.05,
        )  # fmt: skip
    _name(panel, rows, tasks)
    intervals = ", and its 95% interval" if lowest["fewest"].notna().any() else ""
    title = f"lowest density that matches the dense network (%){intervals}"
    panel.set_title(even_lines(title, int(width / LETTER)))
    legend(figure)
    return figure


def _field(of: Mapping[Any, Any]) -> str:
    """Write a lowest density and the ends of its interval, from a row of the table."""
    if pd.isna(of["lowest"]):
        return "not\nmeasured"
    ends = [_percent(of, end) for end in ("most", "fewest") if not pd.isna(of[end])]
    text = _percent(of, "lowest") if of["lowest"] < 1 else "none"
    return text if len(set(ends)) < 2 else f"{text}\n{'–'.join(ends)}"


def _percent(of: Mapping[Any, Any], end: str) -> str:
    """Write a density in percent: of the lowest tested one, nobody knows whether it could be lower."""
    return "≤" * bool(of[end] <= of["tested"]) + percent_text(of[end])


def _name(panel: Axes, rows: dict[str, tuple[str, str]], tasks: pd.DataFrame) -> None:
    """Name methods at the left, their groups at the right, tasks below; draw lines between groups."""
    panel.set_yticks(range(len(rows)), [label for label, _ in rows.values()])
    panel.set_xticks(
        range(len(tasks)), [f"{one.kind}\n{one.task}" for one in tasks.itertuples()], rotation=45, ha="right",
        rotation_mode="anchor", fontsize=SMALL,
    )  # fmt: skip
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
