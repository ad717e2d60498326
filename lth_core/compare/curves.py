"""Curves of two runs, one over the other: a metric against density, a panel for each treatment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from lth_core.drawing.axes import density_axis, metric_axis
from lth_core.drawing.colours import NEUTRAL, ROLES, role_style, series
from lth_core.drawing.figures import legend, panels
from lth_core.drawing.lines import band
from lth_core.metrics import Metric, counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

METRICS = {
    "test_metric_end": "final test {}",
    "metric": "final test {}",
    "final_accuracy": "final test {}",
    "test_accuracy": "test {}",
}
"""Columns of studies' tables that hold the task's metric, with the labels of their axes."""
NUMBERED = ("k", "budget", "epoch")
"""Columns of numbers that say nothing without the column's name."""
NAMES = (
    *("method", "branch", "network", "pruning", "technique", "check", "kind", "family", "mask", "start", "stop"),
    *("criterion", "values", "weights", "scaling", "form", "mask_of", "source", "group", *NUMBERED),
)
"""Columns that together name a treatment, as far as a table has them."""
TASKS = ("task", "target")
DENSE = "dense"
MOST = 24
"""Panels of a figure; more are not read."""
LINES = {"A": "-", "B": "--"}


@dataclass(frozen=True)
class Curves:
    """What one figure shows: a task of a table of both runs."""

    study: str
    table: str
    task: str
    column: str
    runs: dict[str, pd.DataFrame]
    """Rows of the task by run, A and B, with a column `treatment`."""

    @property
    def name(self) -> str:
        """Return the name of the figure."""
        return f"{self.table}-{self.task}"

    def treatments(self) -> list[str]:
        """List what is trained at two densities or more in one of the runs: tickets first, then as in the tables."""
        counted = [rows.groupby("treatment", sort=False)["density"].nunique() for rows in self.runs.values()]
        names = dict.fromkeys(name for counts in counted for name in counts.index[counts > 1])
        return sorted((name for name in names if name != DENSE), key=lambda name: not name.endswith("ticket"))

    def title(self, metric: Metric) -> str:
        """Say in a few words what is drawn, and from which table: a study may have several for a task."""
        return f"{self._label(metric)} of {self.task} (table {self.table})"

    def _label(self, metric: Metric) -> str:
        label = METRICS[self.column].format(metric.label)
        return label[:1].upper() + label[1:]

    def caption(self, metric: Metric) -> str:
        """Say what is drawn, from what data, and what is not."""
        source = f"From {self.study}, table {self.table}, column {self.column}."
        seeds = " and ".join(f"{counted(rows['seed'].nunique(), 'seeds')} in {run}" for run, rows in self.runs.items())
        treatments = self.treatments()
        left_out = f" Not drawn: {counted(more, 'more treatments')}." if (more := len(treatments) - MOST) > 0 else ""
        has_dense = any((rows["treatment"] == DENSE).any() for rows in self.runs.values())
        dense = " Thin grey lines: the dense networks." if has_dense else ""
        return (
            f"{self._label(metric)} of {self.task} against density, for each treatment: A solid, B dashed, each panel "
            f"with an axis of its own; means and 95% t intervals over {seeds}.{dense} {source}{left_out}"
        )


def shared_curves(study: str, table: str, first: pd.DataFrame, second: pd.DataFrame) -> Iterator[Curves]:
    """Find what can be drawn of a table of both runs: for each task that both have, its metric against density."""
    shared = [column for column in first.columns if column in second.columns]
    task = next((name for name in TASKS if name in shared), None)
    column = next((name for name in METRICS if name in shared), None)
    if task is None or column is None or not {"density", "seed"} <= {*shared}:
        return
    named = [name for name in NAMES if name in shared]
    for name in first[task].unique():
        runs = {run: rows[rows[task] == name] for run, rows in zip("AB", (first, second), strict=True)}
        if all(len(rows) for rows in runs.values()):
            named_rows = _with_treatments(runs, named)
            curves = Curves(study, table, str(name), column, named_rows)
            if curves.treatments() and not any(map(_has_several_rows, named_rows.values())):
                yield curves


def _has_several_rows(rows: pd.DataFrame) -> bool:
    """Tell whether replicates have several rows, such as one for each step: no curve over densities shows these."""
    replicate = [name for name in ("treatment", "level", "density", "seed", "draw") if name in rows]
    return bool(rows.duplicated([*replicate]).any())


def _with_treatments(runs: dict[str, pd.DataFrame], columns: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Name treatments by the columns in which some of them differ; give all seeds of a level their mean density."""
    both = pd.concat(runs.values())
    is_dense = (both[columns].astype(str) == DENSE).any(axis=1) if columns else pd.Series(False, both.index)
    telling = [column for column in columns if both.loc[~is_dense, column].astype(str).nunique() > 1]
    named = {}
    for run, rows in runs.items():
        words = rows[list(columns)].astype(object).where(rows[list(columns)].notna(), "").astype(str)
        for column in [name for name in NUMBERED if name in words]:
            words[column] = f"{column} " + words[column]
        dense = (words == DENSE).any(axis=1)
        names = words[telling].agg(lambda row: ", ".join(filter(None, row)), axis=1) if telling else "ticket"
        rows = rows.assign(treatment=names)
        rows.loc[dense, "treatment"] = DENSE
        if "level" in rows:
            rows["density"] = rows.groupby(["treatment", "level"])["density"].transform("mean")
        named[run] = rows
    return named


def figure(curves: Curves, metric: Metric) -> Figure:
    """Draw a panel for each treatment, with both runs: A solid, B dashed, in the treatment's colour."""
    treatments = curves.treatments()[:MOST]
    columns = min(3, len(treatments))
    drawn, axes = panels(columns, -(-len(treatments) // columns))
    shown = axes.flat[: len(treatments)]
    for panel in axes.flat[len(treatments) :]:
        panel.remove()
    colours = _colours(treatments)
    densities = pd.concat([rows.loc[rows["treatment"].isin(treatments), "density"] for rows in curves.runs.values()])
    for panel, treatment in zip(shown, treatments, strict=True):
        _panel(panel, curves, treatment, colours[treatment])
        density_axis(panel, [1.0, *densities.unique()])
        metric_axis(panel.yaxis, metric, METRICS[curves.column].format(metric.label))
    legend(drawn, "A solid, B dashed; bands: 95% t intervals over seeds")
    return drawn


def _panel(axes: Axes, curves: Curves, treatment: str, colour: str) -> None:
    """Draw a treatment in both runs, and the dense networks' means as thin horizontal lines."""
    role = _role(treatment)
    for run, rows in curves.runs.items():
        chosen = rows[rows["treatment"] == treatment]
        band(axes, chosen, "density", curves.column, label=run, colour=colour, linestyle=LINES[run], role=role)
    for run, rows in curves.runs.items():
        dense = rows.loc[rows["treatment"] == DENSE, curves.column]
        if len(dense):
            label = f"dense network, {run}"
            axes.axhline(dense.mean(), color=NEUTRAL, linestyle=LINES[run], linewidth=0.9, label=label)
    axes.set_title(", ".join(ROLES[word].label if word in ROLES else word for word in treatment.split(", ")))


def _role(treatment: str) -> str:
    """Return the role that a treatment's name ends with, such as a control's."""
    words = reversed(treatment.split(", "))
    return next((word for word in words if word in ROLES), "other")


def _colours(treatments: Sequence[str]) -> dict[str, str]:
    """Give each treatment the colour of its role, and each one without a role, or with a taken one, another."""
    chosen: dict[str, str] = {}
    for treatment in treatments:
        colour = role_style(_role(treatment)).colour
        if _role(treatment) != "other" and colour not in chosen.values():
            chosen[treatment] = colour
    rest = [treatment for treatment in treatments if treatment not in chosen]
    taken = [_role(treatment) for treatment in chosen]
    return chosen | dict(zip(rest, series(len(rest), besides=taken), strict=True))
