"""The figure of the study of graph tickets, drawn from its table, and its caption."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lth_core.config import Config
from lth_core.drawing.axes import density_axis, metric_axis
from lth_core.drawing.colours import SERIES
from lth_core.drawing.figures import interval_note, legend, panels
from lth_core.drawing.lines import band, reference
from lth_core.studies.base import Drawing
from lth_core.studies.captions import data_note, with_direction
from lth_core.studies.graph_tickets.claims import GraphClaims
from lth_core.studies.graph_tickets.study import DENSE, EDGES, MAGNITUDE, RANDOM, UGS, WEIGHTS, Design
from lth_core.studies.task_tables import TaskTables

LABELS = {
    UGS: "edges and weights, learned masks (UGS)",
    RANDOM: "edges and weights at random",
    EDGES: "edges alone, learned masks",
    WEIGHTS: "weights alone, learned masks",
    MAGNITUDE: "weights alone, by magnitude",
}
COLOURS = dict(zip(LABELS, SERIES, strict=False))
PANELS = {"edge_density": (UGS, RANDOM, EDGES), "weight_density": (UGS, RANDOM, WEIGHTS, MAGNITUDE)}
"""What is kept -> what is drawn against it."""

CAPTION = (
    "Test {metric} of tickets at the step that is best on the validation split, against the edges (left) and the "
    "weights (right) that are kept. Masks of edges and weights are learned together with weights; {rates} go at each "
    "level, and the rest is trained anew from theta_0. An edge has one mask for both directions; edges from a node to "
    "itself stay. Random tickets keep as many edges, and as many weights of each layer, drawn at once from the whole "
    "graph and network, on fresh weights. Where edges or weights alone are pruned, the other is whole."
)


def drawings(study: Design, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
    """Return the figure of every task."""
    return [TaskFigure(study, config, tables, task).drawing() for task in study.tasks]


@dataclass(frozen=True)
class TaskFigure(TaskTables):
    """The figure of one task."""

    def drawing(self) -> Drawing:
        """Return the figure with its caption."""
        method = self.config.methods[self.study.tasks[self.task]]
        edges, weights = (f"{100 * rate:.3g}%" for rate in (method.rate_by_kind["edge"], method.rate))
        rates = f"{edges} of the remaining edges and {weights} of the weights"
        seeds = self.of_task("tickets")["seed"].nunique()
        caption = with_direction(CAPTION.format(metric=self.metric.label, rates=rates), self.metric)
        return Drawing(f"tickets-{self.task}", f"{caption} {data_note(self.config.tasks[self.task], seeds)}", self.draw)

    def draw(self) -> Figure:
        """Draw all ways of pruning against the edges and the weights that are kept."""
        figure, axes = panels(2, width=3.6, height=3.0)
        about = GraphClaims(self.study, self.config, self.tables, self.task)
        for panel, (column, ways) in zip(axes[0], PANELS.items(), strict=True):
            for how in ways:
                band(panel, about.rows(how), column, "metric", label=LABELS[how], colour=COLOURS[how])
            reference(panel, about.rows(DENSE)["metric"], label="dense network, whole graph")
            self.finish(panel, column)
        axes[0, 1].sharey(axes[0, 0])
        metric_axis(axes[0, 0].yaxis, self.metric, f"test {self.metric.label}")
        legend(figure, interval_note(self.of_task("tickets")["seed"].nunique()))
        return figure

    def finish(self, panel: Axes, column: str) -> None:
        """Make the horizontal axis."""
        density_axis(panel, self.of_task("tickets")[column])
        panel.set_xlabel(f"{column.removesuffix('_density')}s remaining (%)")
