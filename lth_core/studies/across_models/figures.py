"""The figures across kinds of models: for every task, how few weights still match the dense network."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lth_core.config import Config
from lth_core.drawing.axes import density_axis
from lth_core.drawing.colours import GRID, NEUTRAL, THRESHOLD, role_style
from lth_core.drawing.figures import legend, panels
from lth_core.drawing.style import FORMATS, SMALL
from lth_core.metrics import amount
from lth_core.studies.across_models.captions import of_grid, of_marks
from lth_core.studies.across_models.grid import grid
from lth_core.studies.across_models.study import FIGURE, METHODS, Design
from lth_core.studies.across_models.tables import branches, has_arrow
from lth_core.studies.base import Drawing

ROW = 0.46
"""Inches for each task."""
APART = 0.24
"""Between the marks of one task, in rows."""
ARROW = 1.4
"""The factor of density by which arrows point beyond what was tested."""
ROUND = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
"""Densities that may be ticks of the axis: those that are tested differ by task."""


def drawings(study: Design, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
    """Return the figures of the study."""
    lowest, gains = (rows[rows["compared"].isin(branches(study))] for rows in (tables["lowest"], tables["gains"]))
    return [
        Drawing(FIGURE, of_marks(study, config, lowest), lambda: overview(study, lowest, gains)),
        Drawing(METHODS, of_grid(study, config, tables["lowest"]), lambda: grid(study, config, tables["lowest"])),
    ]


def overview(study: Design, lowest: pd.DataFrame, gains: pd.DataFrame) -> Figure:
    """Draw a row per task, grouped by kind of model, and in it a mark for tickets and for each control."""
    tasks = list(dict.fromkeys(lowest["task"]))
    figure, axes = panels(width=6.6, height=0.8 + ROW * len(tasks))
    panel, named = axes[0, 0], branches(study)
    offsets = [APART * (number - (len(named) - 1) / 2) for number in range(len(named))]
    for position, task in enumerate(tasks):
        tested = gains[gains["task"] == task]["density"].unique()
        panel.plot(tested, [position] * len(tested), "|", color=THRESHOLD, alpha=0.5, markersize=13, zorder=1)
        rows = lowest[lowest["task"] == task].set_index("compared")
        for offset, branch in zip(offsets, named, strict=True):
            _mark(panel, rows.loc[branch], position + offset, branch)
        if rows["lowest"].isna().all():
            panel.text(1.0, position, "not measured", va="center", fontsize=SMALL, color=NEUTRAL)
    least = gains["density"].min()
    density_axis(panel, [1.0, *(density for density in ROUND if density >= least)])
    panel.set_xlim(1.15, least / ARROW**1.3)
    _name_rows(panel, lowest.drop_duplicates("task"))
    figure.set_dpi(FORMATS["png"]["dpi"])  # at which the names on the right are widest: they must fit
    legend(figure, _note(lowest))
    return figure


def _note(lowest: pd.DataFrame) -> str:
    """Explain marks and lines, and only what some task has."""
    note = "lowest density that matches the dense network"
    if lowest["fewest"].notna().any():
        note += "; line: 95% interval over seeds"
    if (lowest["lowest"] >= 1).any():
        note += "; hollow: not matched at the highest tested density"
    return f"{note}; arrow: or lower" if has_arrow(lowest).any() else note


def _mark(axes: Axes, row: pd.Series, y: float, branch: str) -> None:
    """Draw one estimate with its interval."""
    style = role_style(branch)
    label = style.label if style.label != "other" else branch
    axes.plot([], [], style.marker, color=style.colour, markersize=6, label=label)
    if pd.isna(row["lowest"]):
        return
    if pd.notna(row["fewest"]):
        axes.plot([row["most"], row["fewest"]], [y, y], color=style.colour, linewidth=1.6, alpha=0.55)
    if has_arrow(row):
        head = {"arrowstyle": "->", "color": style.colour, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", (row["tested"] / ARROW, y), (row["tested"], y), arrowprops=head)
    hollow = row["lowest"] >= 1
    face = "white" if hollow else style.colour
    axes.plot(row["lowest"], y, style.marker, color=style.colour, markerfacecolor=face, markersize=6, zorder=3)


def _name_rows(axes: Axes, tasks: pd.DataFrame) -> None:
    """Name kind, task and model on the left, the metric on the right; draw a line between kinds."""
    names = [f"{row.kind}\n{row.task} ({row.model})" for row in tasks.itertuples()]
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    kinds = list(tasks["kind"])
    for position in range(1, len(kinds)):
        different = kinds[position] != kinds[position - 1]
        axes.axhline(position - 0.5, color=THRESHOLD if different else GRID, linewidth=0.5, zorder=0)
    for position, row in enumerate(tasks.to_dict("records")):
        matching, unit = f"{row['matching']:.3g}", row["unit"].replace("percentage points", "points")
        words = row["metric"]
        if pd.notna(row["dense"]):  # whose spread may be what matches
            words += f",\nwithin {matching if row['metric'] in unit else amount(matching, unit)}"
        axes.annotate(
            words,
            (1, position),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            color=NEUTRAL,
        )
