"""The figures of the study of structured tickets, drawn from its table, and their captions."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from lth_core.config import Config
from lth_core.drawing.axes import density_axis, metric_axis
from lth_core.drawing.colours import series
from lth_core.drawing.figures import interval_note, legend, panels
from lth_core.drawing.lines import band, reference
from lth_core.metrics import Metric
from lth_core.storage.runs import DENSE
from lth_core.studies.base import Drawing
from lth_core.studies.captions import data_note, with_direction
from lth_core.studies.structured_tickets.study import REINIT, Design
from lth_core.tasks.metrics import metric_of

POINTS = ["method", "network", "level"]


def drawings(study: Design, config: Config, task: str, measurements: pd.DataFrame) -> list[Drawing]:
    """Return the figures of one task."""
    rows, metric = measurements[measurements["task"] == task], metric_of(config.tasks[task])
    methods, data = study.methods_of(task), data_note(config.tasks[task], rows["seed"].nunique())
    single = f"'{methods[0]}' prunes single weights, the others whole channels."
    equals = (
        f"Test {metric.label} at the end of training of tickets, against the weights that are left, the operations of "
        "a forward pass, and those of search and training together, in trainings of the dense network (counted, what "
        f"sparse hardware would do). {single}"
    )
    reinit = (
        f"What the initialization is worth: test {metric.label} at the end of training of tickets (lines) and of their "
        f"masks on a fresh initialization (dashed). {single}"
    )
    return [
        Drawing(f"equals-{task}", f"{with_direction(equals, metric)} {data}", lambda: _equals(rows, methods, metric)),
        Drawing(f"reinit-{task}", f"{with_direction(reinit, metric)} {data}", lambda: _reinit(rows, methods, metric)),
    ]


def _equals(rows: pd.DataFrame, methods: list[str], metric: Metric) -> Figure:
    """Draw the metric of tickets over weights, operations and cost; seeds are at their means."""
    labels = {
        "density": "",
        "operations": "operations (dense network: 1)",
        "cost": "search and training\n(dense trainings)",
    }
    figure, axes = panels(len(labels))
    for panel, (column, label) in zip(axes[0], labels.items(), strict=True):
        panel.sharey(axes[0, 0])
        placed = _at_means(rows, column)
        for method, colour in zip(methods, series(len(methods), besides=[REINIT]), strict=True):
            of = placed[(placed["method"] == method) & (placed["network"] == "ticket")]
            band(panel, of, "mean", "metric", label=method, colour=colour)
        reference(panel, rows.loc[rows["network"] == DENSE, "metric"])
        if column == "density":
            density_axis(panel, placed.loc[placed["network"] == "ticket", "mean"])
        else:
            panel.set_xlim(left=0)
            panel.set_xlabel(label)
    metric_axis(axes[0, 0].yaxis, metric, f"test {metric.label}")
    legend(figure, interval_note(rows["seed"].nunique()))
    return figure


def _reinit(rows: pd.DataFrame, methods: list[str], metric: Metric) -> Figure:
    """Draw tickets and their reinitializations over density, one panel per method."""
    figure, axes = panels(len(methods))
    placed, colours = _at_means(rows, "density"), series(len(methods), besides=[REINIT])
    for panel, method, colour in zip(axes[0], methods, colours, strict=True):
        panel.sharey(axes[0, 0])
        of = placed[placed["method"] == method]
        band(panel, of[of["network"] == "ticket"], "mean", "metric", label=method, colour=colour)
        fresh = of[of["network"] == REINIT]
        band(panel, fresh, "mean", "metric", role=REINIT, label="fresh initialization", linestyle="--")
        reference(panel, rows.loc[rows["network"] == DENSE, "metric"])
        density_axis(panel, placed.loc[placed["level"] > 0, "mean"])
        panel.set_title(method)
    metric_axis(axes[0, 0].yaxis, metric, f"test {metric.label}")
    legend(figure, interval_note(rows["seed"].nunique()))
    return figure


def _at_means(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Add the mean over seeds of a column, at which the points of a level are drawn."""
    return rows.assign(mean=rows.groupby(POINTS)[column].transform("mean"))
