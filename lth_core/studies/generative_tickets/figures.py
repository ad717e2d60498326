"""The figures of the study of generative networks, drawn from its tables, and their captions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lth_core.analysis.measurements import level_densities, select, select_dense
from lth_core.drawing.axes import density_axis, metric_axis, positive_axis
from lth_core.drawing.figures import interval_note, legend, panels
from lth_core.drawing.lines import band, reference, threshold
from lth_core.drawing.sheets import sheet
from lth_core.metrics import Metric, percent_text
from lth_core.storage.runs import DENSE
from lth_core.studies.base import Drawing
from lth_core.studies.captions import data_note, listing
from lth_core.studies.generative_tickets.margins import of_metric
from lth_core.studies.generative_tickets.study import RANDOM, REINIT, Design
from lth_core.studies.generative_tickets.tables import REAL
from lth_core.studies.task_tables import TaskTables
from lth_core.tasks.metrics import metrics_of

NOUNS = {RANDOM: "random masks with the same counts per layer", REINIT: "the tickets' masks on fresh weights"}
"""What captions call the controls."""
DRAWN = {"vae": "latent numbers", "diffusion": "noise"}
"""Objective -> what is drawn for every test image that networks are measured on."""


@dataclass(frozen=True)
class View(TaskTables):
    """One task, and what its figures are drawn from."""

    study: Design

    def curve(self, table: str, branch: str = "ticket", method: str | None = None) -> pd.DataFrame:
        """Return the rows of a table over densities, from the dense network on."""
        rows = select(self.tables[table], self.task, method or self.study.tasks[self.task], branch)
        return pd.concat([select_dense(self.tables[table], self.task), rows])

    @property
    def second(self) -> Metric | None:
        """Return the second metric of the task, if it has one."""
        return next(iter(metrics_of(self.config.tasks[self.task])[1:]), None)

    @property
    def rewound(self) -> str | None:
        """Return the method that rewinds, where it is compared."""
        return self.study.rewound_method(self.config, self.task)

    @property
    def proportion(self) -> str:
        """Say how much of what the dense network gains still matches; empty where that is unknown."""
        return of_metric(self)

    @property
    def seeds(self) -> int:
        """Return the number of seeds."""
        return self.of_task("measurements")["seed"].nunique()


# ---------------------------------------------------------------- tickets


def tickets(view: View) -> Drawing:
    """Return the figure of what networks of every density come to, by the task's metrics and by their images."""

    def draw() -> Figure:
        drawn: list[Callable[[Axes], None]] = [lambda axes: _metric(axes, view, view.metric, "metric")]
        if second := view.second:
            drawn.append(lambda axes: _metric(axes, view, second, "second_metric"))
        drawn.append(lambda axes: _distances(axes, view))
        figure, axes = panels(len(drawn))
        for panel, fill in zip(axes[0], drawn, strict=True):
            fill(panel)
        legend(figure, interval_note(view.seeds))
        return figure

    second = f" and its part that is {view.second.label}" if view.second else ""
    rewound = [f"tickets that are rewound to step {view.study.rewind_step}"] if view.rewound else []
    caption = (
        f"Test {view.metric.label}{second}, by density: tickets{against(view.study.controls, rewound)}. Last panel: "
        f"the energy distance of drawn images to test images, of tickets{against(_drawing(view))}; dotted: that of as "
        "many training images, the floor, which drawn images can at best come to. Lower is better in every panel."
    )
    note = data_note(view.config.tasks[view.task], view.seeds)
    sentences = [caption, view.proportion, _draws(view), note]
    return Drawing(f"tickets-{view.task}", " ".join(filter(None, sentences)), draw)


def against(controls: Sequence[str], others: Sequence[str] = ()) -> str:
    """Say what tickets are drawn against: controls and others; empty for none."""
    compared = listing([*(NOUNS.get(name, f"branch {name}") for name in controls), *others])
    return f" against {compared}" if compared else ""


def _draws(view: View) -> str:
    """Say that one draw of what is random is measured; empty for an objective without."""
    drawn = DRAWN.get(view.config.tasks[view.task].objective.name)
    if drawn is None:
        return ""
    return (
        f"Every test image has one draw of {drawn}, the same for all networks: another draw would shift all of them "
        "together, and intervals, which are over seeds, do not contain that."
    )


def _drawing(view: View) -> list[str]:
    """List the controls that draw images."""
    return [name for name in view.study.controls if name == RANDOM]


def _metric(axes: Axes, view: View, metric: Metric, column: str) -> None:
    for control in view.study.controls:
        band(axes, view.curve("measurements", control), "density", column, role=control)
    if view.rewound:
        curve = view.curve("measurements", method=view.rewound)
        label = f"ticket rewound to step {view.study.rewind_step}"
        band(axes, curve, "density", column, role="rewound", label=label)
    band(axes, view.curve("measurements"), "density", column, role="ticket")
    reference(axes, select_dense(view.tables["measurements"], view.task)[column])
    density_axis(axes, view.curve("measurements")["density"].unique())
    metric_axis(axes.yaxis, metric, f"test {metric.label}")


def _distances(axes: Axes, view: View) -> None:
    table = "samples"
    for role in (*_drawing(view), "ticket"):
        band(axes, view.curve(table, role), "density", "test_distance", role=role)
    dense = select_dense(view.tables[table], view.task)
    reference(axes, dense["test_distance"])
    floor = dense["test_floor"].mean()
    threshold(axes, floor, "training images (floor)")
    density_axis(axes, view.curve(table)["density"].unique())
    positive_axis(axes, "energy distance of images to test images")


# ---------------------------------------------------------------- images


def samples(view: View) -> Drawing:
    """Return the sheet of images: real ones, and those of the dense network, tickets and random masks."""
    images = view.of_task("images")
    seed = int(images["seed"].iloc[0])

    def draw() -> Figure:
        rows = [[("real images", _pixels(images, REAL, 0)), ("dense network", _pixels(images, DENSE, 0))]]
        kinds = {"ticket": "winning ticket"} | ({RANDOM: "random mask"} if RANDOM in view.study.controls else {})
        for level, density in _shown(view).items():
            rows.append([(f"{noun}, {density}", _pixels(images, kind, level)) for kind, noun in kinds.items()])
        return sheet(rows)

    compared = listing(["tickets", *(f"of {NOUNS[name]}" for name in _drawing(view))])
    caption = (
        f"Images, not chosen: test images, those that the dense network draws, and by density those of {compared}; all "
        f"of seed {seed}, each network from the same random numbers."
    )
    return Drawing(f"samples-{view.task}", f"{caption} {data_note(view.config.tasks[view.task])}", draw)


def _shown(view: View) -> dict[int, str]:
    """Level -> its density, in words."""
    densities = level_densities(select(view.tables["samples"], view.task, view.study.tasks[view.task]))
    return {level: f"{percent_text(densities[level])}%" for level in view.study.shown_levels(view.config, view.task)}


def _pixels(images: pd.DataFrame, network: str, level: int) -> np.ndarray | None:
    """The images (N, C, H, W) of a network; None where it diverged."""
    rows = images[(images["network"] == network) & (images["level"] == level)].sort_values("image")
    if rows.empty:
        return None
    decoded = [
        np.frombuffer(bytes.fromhex(pixels), np.uint8).reshape(tuple(map(int, shape.split("x"))))
        for shape, pixels in zip(rows["shape"], rows["pixels"], strict=True)
    ]
    return np.stack(decoded)
