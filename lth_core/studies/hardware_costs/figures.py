"""The figures of the hardware study, drawn from its table, and their captions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from lth_core.analysis.claims import mean_interval
from lth_core.config import Config
from lth_core.drawing.axes import metric_axis
from lth_core.drawing.colours import series
from lth_core.drawing.figures import legend, panels
from lth_core.drawing.lines import reference, threshold
from lth_core.drawing.words import IN_WORDS_ONLY
from lth_core.metrics import Metric, counted
from lth_core.storage.runs import DENSE
from lth_core.studies.base import Drawing
from lth_core.studies.captions import data_note, with_direction
from lth_core.studies.hardware_costs.study import Design
from lth_core.tasks.metrics import metric_of

FORMS = {
    "shrunk": "without superfluous units",
    "sparse": "sparse kernels",
    "csr": "torch's compressed rows",
    "half": "dense, half precision",
    "2:4": "2:4 tensor cores",
}
"""Form -> its name in figures."""
MEANT = {
    "shrunk": "a smaller dense network, without the units that are pruned whole",
    "sparse": "this project's, which compute with the weights that are kept",
    "csr": "its sparse matrices, CSR",
    "half": "numbers of 16 bits",
    "2:4": "which compute with 2 of every 4 weights",
}
"""Form -> what it is, in captions."""
COUNTED = ("shrunk", "sparse")
"""The forms whose counts are drawn: the others leave out no more than these."""
KEPT = "what the mask keeps"
"""What the sparse form is called where it is counted, not timed."""


def drawings(study: Design, config: Config, task: str, measurements: pd.DataFrame) -> list[Drawing]:
    """Draw the figures of one task."""
    rows, metric = measurements[measurements["task"] == task], metric_of(config.tasks[task])
    seeds = counted(rows["seed"].nunique(), "seeds")
    note = f" {data_note(config.tasks[task])} Points are means of {seeds}, one for each level"
    note += "; vertical lines are 95% t intervals of the metric." if rows["seed"].nunique() > 1 else "."
    left = with_direction(f"Test {metric.label} at the end of training", metric)
    latency = (
        f"{left} against measured latency, relative to that of the dense network, which was timed in turns with the "
        "others: of one input, and of 256 at once. Left of the dotted line a form is faster than the dense network. "
        f"Times vary from run to run. Forms: {explained(rows)}. {left_out(rows)}"
    )
    counts = (
        f"{left} against floating-point operations of an input, and against the bytes of all numbers, relative to the "
        "dense network. Without superfluous units: of the smaller dense network. What the mask keeps: in compressed "
        "rows, with the index of each number, whether or not a kernel makes use of them."
    )
    return [
        Drawing(f"latency-{task}", latency.rstrip() + note, lambda: by_latency(study, task, rows, metric)),
        Drawing(f"counts-{task}", counts + note, lambda: by_counts(study, task, rows, metric)),
    ]


def explained(rows: pd.DataFrame) -> str:
    """Say of the forms that were timed what they are."""
    timed = {*rows.loc[rows["seconds_1"].notna(), "form"]}
    return "; ".join(f"{name} ({MEANT[form]})" for form, name in FORMS.items() if form in timed)


def left_out(rows: pd.DataFrame) -> str:
    """Say which forms of which methods could not be timed, and why: "Left out: 2:4 tensor cores of 'groups' (...)."."""
    missing = rows[rows["form"].isin([*FORMS]) & rows["seconds_1"].isna()]
    parts = [
        f"{FORMS[str(form)]} of {', '.join(repr(method) for method in about['method'].unique())} ({reason})"
        for (form, reason), about in missing.groupby(["form", "reason"], sort=False)  # pyright: ignore[reportGeneralTypeIssues] (pandas calls every key a scalar)
    ]
    return f"Left out: {'; '.join(parts)}." if parts else ""


def by_latency(study: Design, task: str, rows: pd.DataFrame, metric: Metric) -> Figure:
    """Draw the metric against the latency of each form: of one input, and of 256 at once."""
    titles = {"relative_seconds_1": "one input", "relative_seconds_256": "256 inputs at once"}
    return _against(study, task, rows, metric, titles, [*FORMS], "latency (dense network: 1)")


def by_counts(study: Design, task: str, rows: pd.DataFrame, metric: Metric) -> Figure:
    """Draw the metric against what is counted of each form: operations and bytes."""
    titles = {"relative_flops": "operations", "relative_bytes": "bytes"}
    return _against(study, task, rows, metric, titles, COUNTED, "count (dense network: 1)")


def _against(
    study: Design,
    task: str,
    rows: pd.DataFrame,
    metric: Metric,
    titles: Mapping[str, str],
    forms: list[str] | tuple[str, ...],
    label: str,
) -> Figure:
    names = {form: KEPT if form == "sparse" and forms is COUNTED else FORMS[form] for form in forms}
    shown = [form for form in forms if rows.loc[rows["form"] == form, list(titles)].notna().any(axis=None)]
    figure, axes = panels(len(titles), max(1, len(shown)), width=3.8, height=2.0)
    colours = study_colours(study)
    for column, panels_of_column in zip(titles, axes.T, strict=True):
        for panel, form in zip(panels_of_column, shown, strict=False):
            panel.sharex(panels_of_column[0])
            panel.sharey(axes[0, 0])
            reference(panel, rows.loc[rows["method"] == DENSE, "metric"])
            threshold(panel, 1, "equal to the dense network", vertical=True)
            for method in study.compared(task):
                points = rows[(rows["method"] == method) & (rows["form"] == form)]
                panel.plot([], [], marker="o", color=colours[method], label=method)
                _points(panel, points, column, colours[method], f"{IN_WORDS_ONLY}{method},")
            panel.set_title(f"{titles[column]}: {names[form]}")
        _relative_axis(panels_of_column[0])
        panels_of_column[-1].set_xlabel(label)
    for row in axes:
        metric_axis(row[0].yaxis, metric, f"test {metric.label}")
    legend(figure)
    return figure


def study_colours(study: Design) -> dict[str, str]:
    """Return the colour of every method, which is the same in the figures of all tasks."""
    methods = list(dict.fromkeys(method for task in study.tasks for method in study.compared(task)))
    return dict(zip(methods, series(len(methods)), strict=True))


def _points(axes: Axes, rows: pd.DataFrame, column: str, colour: str, label: str) -> None:
    """Draw the levels of a method in one form: means over the seeds that have this form."""
    points = [
        (group[column].mean(), *mean_interval(group["metric"]))
        for _, group in rows.dropna(subset=[column, "metric"]).groupby("level")
    ]
    if not points:
        return
    x, y, low, high = np.array(points).T
    axes.plot(x, y, marker="o", color=colour, markersize=4, linewidth=0.9, label=label)
    bounded = np.isfinite(low) & np.isfinite(high)
    axes.vlines(x[bounded], low[bounded], high[bounded], color=colour, linewidth=0.7, alpha=0.5)


def _relative_axis(axes: Axes) -> None:
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(
        LogLocator(subs=(1.0, 2.0, 5.0) if high > 8 * low else (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0))
    )
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, position: f"{value:g}")
