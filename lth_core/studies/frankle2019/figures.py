"""The figures of Frankle & Carbin 2019, drawn from the study's tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lth_core.analysis.measurements import select, select_dense
from lth_core.config import Config
from lth_core.drawing.axes import density_axis, metric_axis, positive_axis
from lth_core.drawing.colours import ramp, role_style, series
from lth_core.drawing.figures import interval_note, legend, panels
from lth_core.drawing.lines import band, reference
from lth_core.metrics import Metric, percent_text
from lth_core.studies.base import Drawing
from lth_core.studies.frankle2019.captions import caption
from lth_core.studies.frankle2019.early_stop import STEP
from lth_core.studies.frankle2019.histogram_figures import distances_figure, initial_values_figure
from lth_core.studies.frankle2019.study import Design, continued, drops_rate, one_shot, treatment
from lth_core.studies.frankle2019.view import View

EARLY_STEP = (STEP, "early-stop step")
EARLY_TEST = ("test_metric_early_stop", "test {} at early stop")
EARLY_TRAIN = ("train_metric_early_stop", "training {} at early stop")
END_TEST = ("test_metric_end", "final test {}")
THIRDS = (
    ("test_metric_one_third", "test {} at 1/3 of training"),
    ("test_metric_two_thirds", "test {} at 2/3 of training"),
    END_TEST,
)
"""Columns of the measurements and their labels, where {} stands for the metric."""


def drawing(
    study: Design, config: Config, tables: Mapping[str, pd.DataFrame], kind: str, tasks: tuple[str, ...]
) -> Drawing:
    """Return the figure of one kind for the tasks that it shows."""
    view = View(study, config, tables, tasks)
    return Drawing(f"{kind}-{view.task}", caption(kind, view), lambda: DRAWINGS[kind](view))


# ---------------------------------------------------------------- panels over densities


@dataclass(frozen=True)
class Line:
    """One curve over densities and how it is drawn."""

    rows: pd.DataFrame
    role: str
    label: str | None = None
    colour: str | None = None
    linestyle: str = "-"


def over_densities(axes: Axes, view: View, quantity: tuple[str, str], lines: Iterable[Line]) -> None:
    """Draw a measurement against density, with the dense network's mean as a horizontal line."""
    column, label = quantity
    if len(view.tasks) == 1:
        reference(axes, view.curve().query("level == 0")[column])
    for line in lines:
        look = {"role": line.role, "label": line.label, "colour": line.colour, "linestyle": line.linestyle}
        band(axes, line.rows, "density", column, **look)
    density_axis(axes, view.densities())
    if "{}" in label:
        metric_axis(axes.yaxis, view.metric, label.format(view.metric.label))
    else:
        positive_axis(axes, label)


def row_of_panels(view: View, quantities: Iterable[tuple[str, str]], lines: list[Line]) -> Figure:
    """Draw the same curves in one panel per measurement."""
    quantities = list(quantities)
    shown = [quantity for quantity in quantities if is_known(view, quantity)]
    figure, axes = panels(len(shown), width=3.4 if len(shown) > 1 else 4.6)
    for panel, quantity in zip(axes.flat, shown, strict=True):
        over_densities(panel, view, quantity, lines)
    explain(figure, view, EARLY_STEP in quantities)
    return figure


def is_known(view: View, quantity: tuple[str, str]) -> bool:
    """Return whether a measurement can be drawn: the step of early stopping only if training is long enough."""
    return quantity != EARLY_STEP or not view.too_short()


def explain(figure: Figure, view: View, stops: bool) -> None:
    """Add the legend; of a figure that shows when training `stops` early it says where that is not drawn, and why."""
    share = f"{100 * view.stops_last():.0f}% of the networks are best at their last step"
    lacking = f"early-stop step not drawn: {share}\n" if stops and view.too_short() else ""
    legend(figure, f"{lacking}{interval_note(view.seeds())}")


def tickets_and_reinits(view: View) -> list[Line]:
    """Return the curves of the tickets and of the same masks on new initializations."""
    return [
        Line(view.curve(), "ticket"),
        *(Line(view.curve(name), "reinit") for name in view.reinits()),
    ]


def tickets_figure(view: View) -> Figure:
    """Draw Figure 4: (a) early stopping, (b) the end of training, (c) one-shot pruning."""
    lines = tickets_and_reinits(view)
    drawn = {"a": (EARLY_STEP, lines), "b": (END_TEST, lines)}
    if view.one_shots():
        method = one_shot(view.method)
        pruned_once = [Line(view.curve(method=method), "one-shot")]
        for name in view.reinits():
            rows = view.curve(name, method=method)
            pruned_once.append(Line(rows, "reinit", "one-shot mask, reinitialized", linestyle="--"))
        drawn["c"] = (EARLY_TEST, [lines[0], *pruned_once])
    drawn = {letter: parts for letter, parts in drawn.items() if is_known(view, parts[0])}
    figure, axes = panels(len(drawn))
    for panel, (letter, (quantity, some)) in zip(axes[0], drawn.items(), strict=True):
        over_densities(panel, view, quantity, some)
        if len(drawn) > 1:
            panel.set_title(f"({letter})", loc="left")
    explain(figure, view, stops=True)
    return figure


def early_stop_figure(view: View) -> Figure:
    """Draw Figure 5: early stopping of tickets and their reinitializations."""
    return row_of_panels(view, [EARLY_STEP, EARLY_TEST, EARLY_TRAIN], tickets_and_reinits(view))


def dropout_figure(view: View) -> Figure:
    """Draw Figure 6: the same networks with and without dropout."""
    lines = tickets_and_reinits(view)
    for task in view.tasks[1:]:
        lines.append(Line(view.curve(task=task), "ticket", "winning ticket, no dropout", linestyle="--"))
    return row_of_panels(view, [EARLY_STEP, EARLY_TEST], lines)


def thirds_figure(view: View) -> Figure:
    """Draw Figures 7 and 8: the metric at three points of training, for each learning rate or warmup."""
    lines = []
    for task, colour in zip(view.tasks, series(len(view.tasks)), strict=True):
        lines.append(Line(view.curve(task=task), "ticket", f"{task}: winning ticket", colour))
        for name in view.reinits():
            lines.append(Line(view.curve(name, task=task), "reinit", f"{task}: reinitialized", colour, "--"))
    return row_of_panels(view, THIRDS, lines)


def strategies_figure(view: View) -> Figure:
    """Draw Figures 9 and 10: resetting to theta_0 in every round, or only at the end."""
    masks_without_resetting = view.curve("reset", method=continued(view.method))
    lines = [
        Line(view.curve(), "ticket", "pruned with resetting"),
        Line(masks_without_resetting, "continued", "pruned with continued training"),
    ]
    return row_of_panels(view, [EARLY_STEP, EARLY_TEST], lines)


def controls_figure(view: View) -> Figure:
    """Draw Figure 14: what the mask and what the initialization contribute."""
    roles = {name: treatment(view.config, name) for name in view.study.controls}
    controls = [Line(view.curve(name), role, view.control_label(name)) for name, role in roles.items()]
    lines = [Line(view.curve(), "ticket"), *controls]
    quantities = [END_TEST] if drops_rate(view.config.tasks[view.task]) else [EARLY_STEP, EARLY_TEST]
    return row_of_panels(view, quantities, lines)


# ---------------------------------------------------------------- training curves


def training_figure(view: View) -> Figure:
    """Draw Figure 3: the test metric over the training steps, by density."""
    curves = view.tables["curves"]
    large, small = view.curve_levels()
    reinits = view.reinits() if large else []
    shown = [[0, *part] for part in (large, small, large if reinits else []) if part] or [[0]]
    colours = dict(zip([*large, *small], ramp(len(large) + len(small)), strict=True))
    figure, axes = panels(len(shown))
    for panel, some in zip(axes.flat, shown, strict=True):
        _training_panel(panel, view, some, colours)
    for name in reinits:
        rows = select(curves, view.task, view.method, name)
        for level in [level for level in large if (rows["level"] == level).any()]:
            label = f"{_density_label(rows, level)}, reinitialized"
            _training_curve(axes[0, -1], rows[rows["level"] == level], label, colours[level], "--")
    _crop_start(list(axes.flat), view.metric)
    legend(figure, f"weights remaining; {interval_note(view.seeds())}")
    return figure


def _training_panel(axes: Axes, view: View, levels: list[int], colours: Mapping[int, str]) -> None:
    curves = view.tables["curves"]
    rows = pd.concat([select_dense(curves, view.task), select(curves, view.task, view.method)])
    for level in levels:
        colour = colours[level] if level else role_style("dense").colour
        _training_curve(axes, rows[rows["level"] == level], _density_label(rows, level), colour)
    axes.set_xlabel("training step")
    metric_axis(axes.yaxis, view.metric, f"test {view.metric.label}")


def _density_label(rows: pd.DataFrame, level: int) -> str:
    return f"{percent_text(rows.loc[rows['level'] == level, 'density'].iloc[0])}%" if level else "100%"


def _training_curve(axes: Axes, rows: pd.DataFrame, label: str, colour: str, linestyle: str = "-") -> None:
    band(axes, rows, "step", "metric", label=label, colour=colour, linestyle=linestyle, markers=False)


def _crop_start(panels: list[Axes], metric: Metric) -> None:
    """One axis of the metric for all panels, without the steep first sixth of training."""
    lines = [line.get_data() for axes in panels for line in axes.get_lines()]
    steps, values = (np.concatenate(parts).astype(float) for parts in zip(*lines, strict=True))
    known = np.isfinite(values)
    if not known.any():  # everything diverged
        return
    late = known & (steps >= steps.max() / 6)
    late = values[late if late.any() else known]
    best, worst = (values[known].max(), late.min()) if metric.higher_is_better else (values[known].min(), late.max())
    low, high = min(best, worst), max(best, worst)
    below, above = (0.05, 0.1) if metric.higher_is_better else (0.1, 0.05)
    for axes in panels:
        top = high + above * (high - low)
        axes.set_ylim(low - below * (high - low), min(top, 1.002) if metric.percent else top)


# ---------------------------------------------------------------- all kinds

DRAWINGS: dict[str, Callable[[View], Figure]] = {
    "fig03-training": training_figure,
    "fig04-tickets": tickets_figure,
    "fig05-early-stop": early_stop_figure,
    "fig06-dropout": dropout_figure,
    "fig07-thirds": thirds_figure,
    "fig09-strategies": strategies_figure,
    "fig14-controls": controls_figure,
    "fig15-initial-values": initial_values_figure,
    "fig19-distances": distances_figure,
}
"""Kind of figure -> how it is drawn."""
