"""The figures of Frankle & Carbin 2019, drawn from the study's tables, and their captions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lth_core import plotting
from lth_core.analysis.measurements import nearest_level, select, select_dense
from lth_core.config import Config
from lth_core.plotting import band, density_axis, legend, panels, percent_axis, percent_text, ramp, reference
from lth_core.studies.base import Drawing
from lth_core.studies.frankle2019 import CURVE_DENSITIES, Frankle2019, continued, drops_rate, one_shot, treatment
from lth_core.studies.frankle2019_histogram_figures import distances_figure, initial_values_figure

EARLY_STEP = ("early_stop_step", "early-stop step")
EARLY_TEST = ("test_accuracy_early_stop", "test accuracy at early stop")
EARLY_TRAIN = ("train_accuracy_early_stop", "training accuracy at early stop")
END_TEST = ("test_accuracy_end", "final test accuracy")
THIRDS = (
    ("test_accuracy_one_third", "test accuracy at 1/3 of training"),
    ("test_accuracy_two_thirds", "test accuracy at 2/3 of training"),
    END_TEST,
)


@dataclass(frozen=True)
class View:
    """What the figures of some tasks are drawn from; `task` is the first one."""

    study: Frankle2019
    config: Config
    tables: Mapping[str, pd.DataFrame]
    tasks: tuple[str, ...]

    @property
    def task(self) -> str:
        return self.tasks[0]

    @property
    def method(self) -> str:
        return self.study.tasks[self.task]

    def curve(self, branch: str = "ticket", *, task: str | None = None, method: str | None = None) -> pd.DataFrame:
        """Measurements over densities, from the dense network on."""
        task = task or self.task
        rows = self.tables["measurements"]
        return pd.concat([select_dense(rows, task), select(rows, task, method or self.study.tasks[task], branch)])

    def densities(self) -> pd.Series:
        return self.curve()["density"]

    def seeds(self) -> int:
        return self.curve()["seed"].nunique()


def drawing(
    study: Frankle2019, config: Config, tables: Mapping[str, pd.DataFrame], kind: str, tasks: tuple[str, ...]
) -> Drawing:
    """The figure of one kind for the tasks that it shows."""
    view = View(study, config, tables, tasks)
    caption, draw = DRAWINGS[kind]
    task = config.tasks[view.task]
    data = f"{task.model.name} on {task.dataset}; {plotting.interval_note(view.seeds())}."
    return Drawing(f"{kind}-{view.task}", f"{caption} {data[0].upper()}{data[1:]}", lambda: draw(view))


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
    """A measurement against density, with the dense network's mean as a horizontal line."""
    column, label = quantity
    if len(view.tasks) == 1:
        reference(axes, view.curve().query("level == 0")[column])
    for line in lines:
        look = {"role": line.role, "label": line.label, "colour": line.colour, "linestyle": line.linestyle}
        band(axes, line.rows, "density", column, **look)
    density_axis(axes, view.densities())
    if "accuracy" in column:
        percent_axis(axes.yaxis, label)
    else:
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)


def row_of_panels(view: View, quantities: Iterable[tuple[str, str]], lines: list[Line]) -> Figure:
    """The same curves in one panel per measurement."""
    quantities = list(quantities)
    figure, axes = panels(len(quantities), width=3.4 if len(quantities) > 1 else 4.6)
    for panel, quantity in zip(axes.flat, quantities, strict=True):
        over_densities(panel, view, quantity, lines)
    legend(figure, plotting.interval_note(view.seeds()))
    return figure


def tickets_and_reinits(view: View) -> list[Line]:
    """The tickets and the same masks on new initializations."""
    return [
        Line(view.curve(), "ticket"),
        *(Line(view.curve(name), "reinit") for name in view.study.reinits(view.config)),
    ]


def tickets_figure(view: View) -> Figure:
    """Figure 4: (a) early stopping, (b) the end of training, (c) one-shot pruning."""
    one_shots = view.study.has_one_shot(view.config.methods[view.method])
    figure, axes = panels(3 if one_shots else 2)
    lines = tickets_and_reinits(view)
    over_densities(axes[0, 0], view, EARLY_STEP, lines)
    over_densities(axes[0, 1], view, END_TEST, lines)
    if one_shots:
        method = one_shot(view.method)
        pruned_once = [Line(view.curve(method=method), "one-shot")]
        for name in view.study.reinits(view.config):
            rows = view.curve(name, method=method)
            pruned_once.append(Line(rows, "reinit", "one-shot mask, reinitialized", linestyle="--"))
        over_densities(axes[0, 2], view, EARLY_TEST, [lines[0], *pruned_once])
    for panel, letter in zip(axes.flat, "abc", strict=False):
        panel.set_title(f"({letter})", loc="left")
    legend(figure, plotting.interval_note(view.seeds()))
    return figure


def early_stop_figure(view: View) -> Figure:
    """Figure 5: early stopping of tickets and their reinitializations."""
    return row_of_panels(view, [EARLY_STEP, EARLY_TEST, EARLY_TRAIN], tickets_and_reinits(view))


def dropout_figure(view: View) -> Figure:
    """Figure 6: the same networks with and without dropout."""
    lines = tickets_and_reinits(view)
    for task in view.tasks[1:]:
        lines.append(Line(view.curve(task=task), "ticket", "winning ticket, no dropout", linestyle="--"))
    return row_of_panels(view, [EARLY_STEP, EARLY_TEST], lines)


def thirds_figure(view: View) -> Figure:
    """Figures 7 and 8: accuracy in the course of training, for each learning rate or warmup."""
    lines = []
    for task, colour in zip(view.tasks, plotting.SERIES, strict=False):
        lines.append(Line(view.curve(task=task), "ticket", f"{task}: winning ticket", colour))
        for name in view.study.reinits(view.config):
            lines.append(Line(view.curve(name, task=task), "reinit", f"{task}: reinitialized", colour, "--"))
    return row_of_panels(view, THIRDS, lines)


def strategies_figure(view: View) -> Figure:
    """Figures 9 and 10: resetting to theta_0 in every round, or only at the end."""
    masks_without_resetting = view.curve("reset", method=continued(view.method))
    lines = [
        Line(view.curve(), "ticket", "pruned with resetting"),
        Line(masks_without_resetting, "continued", "pruned with continued training"),
    ]
    return row_of_panels(view, [EARLY_STEP, EARLY_TEST], lines)


def controls_figure(view: View) -> Figure:
    """Figure 14: what the mask and what the initialization contribute."""
    controls = {name: treatment(view.config, name) for name in view.study.controls}
    labels = {name: None if role in plotting.ROLES else name for name, role in controls.items()}
    lines = [Line(view.curve(), "ticket"), *(Line(view.curve(n), r, labels[n]) for n, r in controls.items())]
    quantities = [END_TEST] if drops_rate(view.config.tasks[view.task]) else [EARLY_STEP, EARLY_TEST]
    return row_of_panels(view, quantities, lines)


# ---------------------------------------------------------------- training curves


def training_figure(view: View) -> Figure:
    """Figure 3: test accuracy in the course of training, by density."""
    curves = view.tables["curves"]
    tickets = select(curves, view.task, view.method)
    levels = [nearest_level(tickets, density) for density in CURVE_DENSITIES]
    large, small = ([n for n in part if n is not None] for part in (levels[:2], levels[2:]))
    reinits = view.study.reinits(view.config) if large else []
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
    _crop_start(list(axes.flat))
    legend(figure, f"weights remaining; {plotting.interval_note(view.seeds())}")
    return figure


def _training_panel(axes: Axes, view: View, levels: list[int], colours: Mapping[int, str]) -> None:
    curves = view.tables["curves"]
    rows = pd.concat([select_dense(curves, view.task), select(curves, view.task, view.method)])
    for level in levels:
        colour = colours[level] if level else plotting.style("dense").colour
        _training_curve(axes, rows[rows["level"] == level], _density_label(rows, level), colour)
    axes.set_xlabel("training step")
    percent_axis(axes.yaxis, "test accuracy")


def _density_label(rows: pd.DataFrame, level: int) -> str:
    return f"{percent_text(rows.loc[rows['level'] == level, 'density'].iloc[0])}%" if level else "100%"


def _training_curve(axes: Axes, rows: pd.DataFrame, label: str, colour: str, linestyle: str = "-") -> None:
    band(axes, rows, "step", "accuracy", label=label, colour=colour, linestyle=linestyle, markers=False)


def _crop_start(panels: list[Axes]) -> None:
    """One accuracy axis for all panels, without the steep first sixth of training below it."""
    lines = [line.get_data() for axes in panels for line in axes.get_lines()]
    end = max(np.max(steps) for steps, _ in lines)
    low = min(np.nanmin(accuracy[np.asarray(steps) >= end / 6]) for steps, accuracy in lines)
    high = max(np.nanmax(accuracy) for _, accuracy in lines)
    for axes in panels:
        axes.set_ylim(low - 0.05 * (high - low), min(high + 0.1 * (high - low), 1.002))


# ---------------------------------------------------------------- captions

DRAWINGS: dict[str, tuple[str, Callable[[View], Figure]]] = {
    "fig03-training": (
        "Test accuracy in the course of training, by density, as in Figure 3: large tickets, small tickets, and "
        "tickets against the same masks reinitialized. The first steps lie below the axis.",
        training_figure,
    ),
    "fig04-tickets": (
        "(a) Step of early stopping (minimum validation loss), (b) test accuracy at the end of training and (c) test "
        "accuracy at early stop with one-shot pruning, against density, as in Figure 4. Early stopping at the last "
        "step means that validation loss was still falling.",
        tickets_figure,
    ),
    "fig05-early-stop": (
        "Step of early stopping (minimum validation loss) and the test and training accuracy at that step, against "
        "density, as in Figure 5. Early stopping at the last step means that validation loss was still falling.",
        early_stop_figure,
    ),
    "fig06-dropout": (
        "Step of early stopping and test accuracy at that step of a network trained with dropout, as in Figure 6.",
        dropout_figure,
    ),
    "fig07-thirds": (
        "Test accuracy after one third, two thirds and all of training with a stepwise falling learning rate, by "
        "learning rate and warmup, as in Figures 7 and 8. Early stopping is not shown: it follows the rate's steps.",
        thirds_figure,
    ),
    "fig09-strategies": (
        "Masks found by iterative pruning with and without resetting the weights in every round, as in Figures 9 and "
        "10. All are trained from the original initialization.",
        strategies_figure,
    ),
    "fig14-controls": (
        "Tickets against the same mask on new initial weights and against random masks with the same number of weights "
        "in every layer, as in Figure 14.",
        controls_figure,
    ),
    "fig15-initial-values": (
        "Initial values of the weights that the ticket keeps, against those of all weights, per layer (columns) and "
        "density (rows), as in Figures 15 and 16.",
        initial_values_figure,
    ),
    "fig19-distances": (
        "Distance between initial and final value in the training of the dense network, for weights in the ticket and "
        "for pruned ones, per layer, as in Figure 19.",
        distances_figure,
    ),
}
"""Kind of figure -> its caption (on what data and how many seeds is added) and how it is drawn."""
