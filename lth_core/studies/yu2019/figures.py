"""The figures of the study of Yu et al. 2019, drawn from its tables, and their captions."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lth_core.analysis.measurements import select, select_dense
from lth_core.config import Config
from lth_core.drawing.axes import density_axis, metric_axis
from lth_core.drawing.colours import series
from lth_core.drawing.figures import interval_note, legend, panels
from lth_core.drawing.lines import band, reference
from lth_core.metrics import Metric
from lth_core.studies.base import Drawing
from lth_core.studies.captions import data_note, listing, with_direction
from lth_core.studies.chains import rewound
from lth_core.studies.yu2019.claims import TaskClaims, relative_advantage
from lth_core.studies.yu2019.study import RANDOM, REINIT, Design, one_shot, with_embeddings
from lth_core.tasks.metrics import metric_of

LABELS = {RANDOM: "random ticket", REINIT: "same mask, fresh weights"}


def drawings(study: Design, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
    """Return the figures of the study."""
    kinds = {"tickets": tickets, "embeddings": embeddings}
    made = []
    for name, task in study.drawn(config):
        if task:
            view = View(study, config, tables["measurements"], task)
            made.append(kinds[name.removesuffix(f"-{task}")](name, view))
        else:
            made.append(advantage(name, study, config, tables))
    return made


@dataclass(frozen=True)
class View:
    """One task, and what its figures are drawn from."""

    study: Design
    config: Config
    measurements: pd.DataFrame
    task: str

    @property
    def metric(self) -> Metric:
        """Return what the task is measured by."""
        return metric_of(self.config.tasks[self.task])

    @property
    def method(self) -> str:
        """Return the method that finds the tickets."""
        return self.study.tasks[self.task]

    def curve(self, branch: str = "ticket", method: str | None = None, task: str | None = None) -> pd.DataFrame:
        """Return the measurements over densities, from the dense network on."""
        task = task or self.task
        rows = select(self.measurements, task, method or self.method, branch)
        return pd.concat([select_dense(self.measurements, task), rows])

    @property
    def note(self) -> str:
        """Return the data, the network and what bands show."""
        return data_note(self.config.tasks[self.task], self.seeds)

    @property
    def seeds(self) -> int:
        """Return the number of seeds."""
        return self.curve()["seed"].nunique()

    def finish(self, axes: Axes, label: str = "weights remaining (%)", column: str = "density") -> None:
        """Label both axes, and draw the dense network."""
        reference(axes, select_dense(self.measurements, self.task)["metric"])
        density_axis(axes, self.curve()[column])
        axes.set_xlabel(label)
        metric_axis(axes.yaxis, self.metric, f"test {self.metric.label}")


def tickets(name: str, view: View) -> Drawing:
    """Return the figure of tickets against controls and of the ways to prune."""
    method = view.config.methods[view.method]
    controls = [LABELS.get(control, control) for control in view.study.controls]
    ways: list[tuple[str, str | None]] = [("iterative", None)]
    if view.study.has_resetting(method):
        ways.append(("reset to step 0", rewound(view.config, view.method, 0)[0]))
    if view.study.has_one_shot(method):
        ways.append(("one-shot", one_shot(view.method)))

    def draw() -> Figure:
        figure, axes = panels(2 if len(ways) > 1 else 1)
        band(axes[0, 0], view.curve(), "density", "metric", role="ticket")
        for control, label in zip(view.study.controls, controls, strict=True):
            band(axes[0, 0], view.curve(control), "density", "metric", role=control, label=label)
        view.finish(axes[0, 0])
        for panel in axes[0, 1:]:
            for label, other in ways:
                band(panel, view.curve(method=other), "density", "metric", role=_role(label), label=_way(label, view))
            panel.sharey(axes[0, 0])
            view.finish(panel)
        legend(figure, interval_note(view.seeds))
        return figure

    others = listing([_way(label, view) for label, _ in ways])
    right = f" Right: tickets of different ways of pruning: {others}." if len(ways) > 1 else ""
    caption = (
        f"Test {view.metric.label} at the end of training against density. {'Left: t' if right else 'T'}ickets and "
        f"{listing(controls)}.{right}"
    )
    return Drawing(name, f"{with_direction(caption, view.metric)} {view.note}", draw)


def _role(label: str) -> str:
    return {"iterative": "ticket", "one-shot": "one-shot"}.get(label, "reset")


def _way(label: str, view: View) -> str:
    rewinding = view.config.methods[view.method].rewind
    return f"rewound to step {rewinding.step}" if label == "iterative" else label


def embeddings(name: str, view: View) -> Drawing:
    """Return the figure of tickets with and without their embeddings pruned, at equal numbers of weights in all."""

    def draw() -> Figure:
        figure, axes = panels(1, width=4.6)
        band(axes[0, 0], view.curve(), "remaining", "metric", role="ticket", label="embeddings kept")
        pruned = view.curve(task=with_embeddings(view.task))
        band(axes[0, 0], pruned, "remaining", "metric", role="other", label="embeddings pruned")
        view.finish(axes[0, 0], "all weights remaining, embeddings included (%)", "remaining")
        low = min(view.curve()["remaining"].min(), pruned["remaining"].min())
        axes[0, 0].set_xlim(1.06, low / 1.06)
        legend(figure, interval_note(view.seeds))
        return figure

    caption = (
        f"Test {view.metric.label} at the end of training against the weights that remain in all, embeddings included: "
        "tickets that keep all of their embeddings, and tickets whose embeddings are pruned with the rest."
    )
    return Drawing(name, f"{with_direction(caption, view.metric)} {view.note}", draw)


def advantage(name: str, study: Design, config: Config, tables: dict[str, pd.DataFrame]) -> Drawing:
    """Return the figure of the ticket's advantage over random tickets in every task."""

    def draw() -> Figure:
        figure, axes = panels(1, width=4.6)
        panel, densities = axes[0, 0], []
        for task, colour in zip(study.tasks, series(len(study.tasks)), strict=True):
            about = TaskClaims(study, config, tables, task)
            by_level = about.rows().groupby("level")["density"].mean()
            shares = (
                relative_advantage(about, highest=1.0).melt(ignore_index=False, value_name="advantage").reset_index()
            )
            shares["density"] = shares["level"].map(by_level)
            densities += [*shares["density"]]
            band(panel, shares, "density", "advantage", label=task, colour=colour)
        panel.axhline(0, color="#606060", linestyle=":", linewidth=1.1, zorder=1)
        density_axis(panel, densities)
        panel.set_ylabel("ahead of random tickets\n(% of what dense training gains)")
        legend(figure)
        return figure

    caption = (
        "How far tickets are ahead of random tickets, against density: the difference at the end of training, in "
        f"percent of what training gains a dense network, for {listing(list(study.tasks))}. Bands: 95% t interval over "
        "seeds."
    )
    return Drawing(name, caption, draw)
