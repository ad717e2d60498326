"""The figures of the study of Yu et al. 2020, drawn from its tables, and their captions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import cycle

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lth_core.analysis.measurements import level_densities, select, select_dense
from lth_core.config import Config
from lth_core.drawing.axes import density_axis, metric_axis
from lth_core.drawing.colours import THRESHOLD, series
from lth_core.drawing.figures import interval_note, legend, panels
from lth_core.drawing.lines import band, reference
from lth_core.metrics import Metric
from lth_core.studies.base import Drawing
from lth_core.studies.captions import data_note, listing, with_direction
from lth_core.studies.chains import rewound
from lth_core.studies.yu2019.claims import TaskClaims, gain_of_training, relative_advantage
from lth_core.studies.yu2019.study import RANDOM, REINIT, Design, one_shot, with_embeddings
from lth_core.tasks.metrics import metric_of

LABELS = {RANDOM: "random ticket", REINIT: "same mask, fresh weights"}
NOUNS = {
    RANDOM: "random tickets (masks with the same counts per layer, on fresh weights)",
    REINIT: "the same masks on fresh weights",
}
"""What legends and captions call the controls."""


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
    def has_medians(self) -> bool:
        """Return whether medians over episodes are known beside the means."""
        return bool(self.curve()["median"].notna().any())

    @property
    def note(self) -> str:
        """Return the data, the network and what bands show."""
        return data_note(self.config.tasks[self.task], self.seeds)

    @property
    def seeds(self) -> int:
        """Return the number of seeds."""
        return self.curve()["seed"].nunique()

    def finish(self, axes: Axes, densities: Iterable[float]) -> None:
        """Label both axes, and draw the dense network."""
        reference(axes, select_dense(self.measurements, self.task)["metric"])
        density_axis(axes, densities)
        metric_axis(axes.yaxis, self.metric, f"test {self.metric.label}")


def tickets(name: str, view: View) -> Drawing:
    """Return the figure of tickets against controls, and against tickets that are found in other ways."""
    controls, ways = view.study.controls, _other_ways(view)

    def draw() -> Figure:
        figure, axes = panels(2 if controls and ways else 1)
        left, right = axes[0, 0], axes[0, -1]
        for panel in axes[0]:
            band(panel, view.curve(), "density", "metric", role="ticket")
        if view.has_medians:
            label = "winning ticket, median episode"
            band(left, view.curve(), "density", "median", role="ticket", label=label, linestyle=":", markers=False)
        for control in controls:
            band(left, view.curve(control), "density", "metric", role=control, label=LABELS.get(control))
        for role, (method, _) in ways.items():
            band(right, view.curve(method=method), "density", "metric", role=role)
        for panel in axes[0]:
            panel.sharey(left) if panel is not left else None
            view.finish(panel, view.curve()["density"])
        legend(figure, interval_note(view.seeds))
        return figure

    compared = [listing([NOUNS.get(control, f"'{control}'") for control in controls])] if controls else []
    compared += [listing([words for _, words in ways.values()])] if ways else []
    sides = f" against {compared[0]}" if compared else ""
    sides += f" (left), and against {compared[1]} (right)" if len(compared) > 1 else ""
    medians = "; dotted: the median instead of the mean over episodes" if view.has_medians else ""
    tested = f"Test {view.metric.label} at the end of training, by density"
    caption = f"{tested}: winning tickets ({_found(view)}){sides}{medians}."
    return Drawing(name, f"{with_direction(caption, view.metric)} {view.note}", draw)


def _other_ways(view: View) -> dict[str, tuple[str, str]]:
    """By role, the methods that find tickets in other ways, and what captions call their tickets."""
    method, ways = view.config.methods[view.method], {}
    if view.study.has_resetting(method):
        ways["reset"] = (rewound(view.config, view.method, 0)[0], "tickets that are reset to step 0")
    if view.study.has_one_shot(method):
        ways["one-shot"] = (one_shot(view.method), "tickets of one-shot pruning")
    return ways


def _found(view: View) -> str:
    """How the tickets are found, in captions."""
    method = view.config.methods[view.method]
    kind = "iterative" if method.iterative else "one-shot"
    late = method.rewind.policy == "rewind" and method.rewind.step
    return f"{kind} pruning, rewound to step {method.rewind.step}" if late else f"{kind} pruning"


def embeddings(name: str, view: View) -> Drawing:
    """Return the figure of tickets with and without their embeddings pruned, at equal numbers of weights in all."""

    def draw() -> Figure:
        figure, axes = panels(1, width=4.6)
        band(axes[0, 0], view.curve(), "remaining", "metric", role="ticket", label="embeddings kept")
        pruned = view.curve(task=with_embeddings(view.task))
        band(axes[0, 0], pruned, "remaining", "metric", role="other", label="embeddings pruned")
        view.finish(axes[0, 0], min(view.curve()["remaining"], pruned["remaining"], key=min))  # what reaches further
        axes[0, 0].set_xlabel("all weights remaining, embeddings included (%)")
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
        lines = zip(study.tasks, series(len(study.tasks)), cycle(("-", "--", "-.")), strict=False)
        for task, colour, linestyle in lines:
            about = TaskClaims(study, config, tables, task)
            by_level = level_densities(about.rows())
            shares = relative_advantage(about, highest=1.0)[gain_of_training(about) > 0]
            long = shares.melt(ignore_index=False, value_name="advantage").reset_index()
            long["density"] = long["level"].map(by_level)
            densities.append(by_level)
            band(panel, long, "density", "advantage", label=task, colour=colour, linestyle=linestyle)
        panel.axhline(0, color=THRESHOLD, linestyle=":", linewidth=1.1, zorder=1)
        density_axis(panel, min(densities, key=min))  # of the task that is pruned most
        panel.set_ylabel("ahead of random tickets\n(% of what dense training gains)")
        legend(figure, "mean over seeds; band: 95% t interval")
        return figure

    caption = (
        "How far tickets are ahead of random tickets, against density: the difference at the end of training, in "
        f"percent of what the dense network gains by training, for {listing(list(study.tasks))}. Seeds whose dense "
        "network gains nothing are left out. Bands: 95% t interval over seeds."
    )
    return Drawing(name, caption, draw)
