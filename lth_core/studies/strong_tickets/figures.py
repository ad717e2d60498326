"""The figures of the study of strong tickets, drawn from its tables, and their captions."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lth_core.config import Config
from lth_core.drawing.axes import linear_density_axis, metric_axis
from lth_core.drawing.colours import SERIES
from lth_core.drawing.figures import interval_note, legend, panels
from lth_core.drawing.lines import band, reference
from lth_core.drawing.multiples import GREY, multiples
from lth_core.metrics import percent_text
from lth_core.studies.base import Drawing
from lth_core.studies.captions import data_note, with_direction
from lth_core.studies.strong_tickets.claims import StrongClaims
from lth_core.studies.strong_tickets.study import (
    DENSE,
    EDGE_POPUP,
    GATES,
    ONE_SHOT,
    RANDOM,
    RESCALED,
    SAMPLED,
    UNTRAINED,
    Design,
)
from lth_core.studies.task_tables import TaskTables

LABELS = {
    EDGE_POPUP: "edge-popup",
    GATES: "Bernoulli gates",
    SAMPLED: "drawn masks, learned",
    RESCALED: "drawn masks, learned, rescaled",
    ONE_SHOT: "large final weights, same sign",
    RANDOM: "random masks",
}
COLOURS = dict(zip(LABELS, SERIES, strict=False))
WEIGHTS = {"initial": "initial values", "constant": "signed constants"}

CAPTIONS = {
    "subnetworks": "Test {metric} of untrained weights under masks, by density: masks that are learned (edge-popup at "
    "the densities of the levels; gates and drawn masks at those that they come to), random masks of as many weights "
    "in each layer, and masks that a criterion finds with the help of the trained network. The weights are {weights}.",
    "weights": "Test {metric} of the subnetworks that edge-popup finds, and of random masks, by density: in the "
    "initial values, and in constants of their signs (each layer's standard deviation).",
    "widths": "Test {metric} of the subnetworks that edge-popup finds with {density} of the weights, and of the "
    "trained dense network, by the width of the network relative to that of the task.",
}


def drawings(study: Design, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
    """Return the figures of every task."""
    return [drawing for task in study.tasks for drawing in View(study, config, tables, task).drawings()]


@dataclass(frozen=True)
class View(TaskTables):
    """One task, and what its figures are drawn from."""

    study: Design

    @property
    def about(self) -> StrongClaims:
        """Return the rows by kind, as claims look them up."""
        return StrongClaims(self.study, self.config, self.tables, self.task)

    @property
    def seeds(self) -> int:
        """Return the number of seeds."""
        return self.about.rows(DENSE)["seed"].nunique()

    def drawings(self) -> list[Drawing]:
        """Return the figures of the task."""
        kinds = {"subnetworks": self.subnetworks}
        kinds |= {"weights": self.weights} if self.study.weights else {}
        kinds |= {"widths": self.widths} if self.study.widths else {}
        note = data_note(self.config.tasks[self.task], self.seeds)
        widths = self.tables["widths"]
        at_width = widths[(widths["task"] == self.task) & (widths["kind"] == EDGE_POPUP)]["density"].mean()
        about = {"metric": self.metric.label, "weights": WEIGHTS[self.about.own_weights]}
        about["density"] = f"{percent_text(at_width)}%" if self.study.widths else ""
        return [
            Drawing(
                f"{kind}-{self.task}", f"{with_direction(CAPTIONS[kind].format(**about), self.metric)} {note}", draw
            )
            for kind, draw in kinds.items()
        ]

    def subnetworks(self) -> Figure:
        """Draw all kinds of subnetworks against density."""
        learned = [EDGE_POPUP, GATES, SAMPLED, RESCALED]
        groups = {"masks that are learned": learned, "other masks": [kind for kind in LABELS if kind not in learned]}
        figure, row = multiples(groups, self.line, lambda kind: self.curve(kind).groupby("density")["metric"].mean())
        for panel in row:
            self.trained(panel)
            self.untrained(panel)
            self.finish(panel)
        legend(figure, f"{interval_note(self.seeds)}; {GREY}")
        return figure

    def curve(self, kind: str) -> pd.DataFrame:
        """Return the subnetworks of one kind, those of a level at their mean density."""
        rows = self.about.rows(kind)
        by_level = rows.groupby(["method", "level"])["density"]
        return rows[rows["density"] > 0].assign(density=by_level.transform("mean"))

    def line(self, axes: Axes, kind: str) -> None:
        """Draw the subnetworks of one kind against density."""
        band(axes, self.curve(kind), "density", "metric", label=LABELS[kind], colour=COLOURS[kind])

    def weights(self) -> Figure:
        """Draw edge-popup and random masks in both kinds of weights, which are far apart, in a panel each."""
        figure, axes = panels(2)
        for panel, kind, whole in zip(axes[0], (EDGE_POPUP, RANDOM), (self.trained, self.untrained), strict=True):
            for weights, linestyle in (("constant", "-"), ("initial", "--")):
                label, rows = f"{LABELS[kind]}, {WEIGHTS[weights]}", self.about.rows(kind, weights)
                band(panel, rows, "density", "metric", label=label, colour=COLOURS[kind], linestyle=linestyle)
            whole(panel)
            panel.set_title(LABELS[kind])
            self.finish(panel)
        legend(figure, interval_note(self.seeds))
        return figure

    def trained(self, axes: Axes) -> None:
        """Draw the dense network after training."""
        reference(axes, self.about.rows(DENSE)["metric"], label="dense network, trained")

    def untrained(self, axes: Axes) -> None:
        """Draw the dense network before training."""
        before, colour = self.about.rows(UNTRAINED)["metric"].mean(), COLOURS[RANDOM]
        axes.axhline(before, color=colour, linestyle=":", linewidth=0.9, label="dense network, untrained")

    def finish(self, axes: Axes) -> None:
        """Label both axes."""
        linear_density_axis(axes)
        metric_axis(axes.yaxis, self.metric, f"test {self.metric.label}")

    def widths(self) -> Figure:
        """Draw subnetworks and trained networks against width."""
        figure, axes = panels(1, width=4.2)
        panel, table = axes[0, 0], self.tables["widths"]
        rows = table[table["task"] == self.task]
        band(panel, rows[rows["kind"] == DENSE], "width", "metric", role="dense", label="trained dense network")
        popup = rows[rows["kind"] == EDGE_POPUP]
        band(panel, popup, "width", "metric", label=LABELS[EDGE_POPUP], colour=COLOURS[EDGE_POPUP])
        panel.set_xscale("log")
        panel.set_xticks(self.study.widths, [f"{width:g}" for width in self.study.widths])
        panel.minorticks_off()
        panel.set_xlabel("width of the network (times)")
        metric_axis(panel.yaxis, self.metric, f"test {self.metric.label}")
        legend(figure, interval_note(self.seeds))
        return figure
