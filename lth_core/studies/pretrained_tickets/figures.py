"""The figures of the study of Chen et al. 2020, drawn from its table, and their captions."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from lth_core.analysis.measurements import nearest_level, seed_means
from lth_core.config import Config
from lth_core.drawing.axes import density_axis, metric_axis
from lth_core.drawing.figures import interval_note, legend, panels
from lth_core.drawing.heatmaps import heatmaps
from lth_core.drawing.lines import band, reference
from lth_core.metrics import counted, percent_text
from lth_core.studies.base import Drawing
from lth_core.studies.captions import listing, seeds_note, with_direction
from lth_core.studies.pretrained_tickets.claims import MaskClaims
from lth_core.studies.pretrained_tickets.study import FRESH, PERMUTED, RANDOM, Design, again

LABELS = {
    "ticket": "ticket",
    RANDOM: "random mask, pre-trained weights",
    FRESH: "same mask, fresh weights",
    PERMUTED: "same mask, permuted pre-trained weights",
}
AGAINST = {
    RANDOM: "random masks with as many weights in each layer, on the pre-trained weights",
    FRESH: "the tickets' masks on fresh weights (at 100%: the dense network without pre-training)",
    PERMUTED: "the tickets' masks on the pre-trained weights permuted within each pruned layer (not trained unpruned)",
}
ROLES = {PERMUTED: "shuffle"}
"""Controls that look like another role of the same kind."""
DENSITIES = (0.5, 0.3, 0.1)
"""A figure without room for every level shows those nearest to these densities."""


def drawings(study: Design, config: Config, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
    """Return the figures of the study."""
    views = [MaskClaims(study, config, tables, member) for member in study.members(config)]
    made = {"tickets": _tickets, "masks": _masks}
    return [made[name](study, config, views) for name in study.figure_names(config)]


def _tickets(study: Design, config: Config, views: list[MaskClaims]) -> Drawing:
    """Return the figure of tickets against their controls, a panel for each task."""
    shown = [view for view in views if view.task in study.tasks]
    metric = shown[0].metric
    caption = with_direction(
        f"Test {metric.label} at the end of training, by density, of tickets that start from pre-trained weights. "
        f"Against them: {listing([AGAINST.get(name, f'branch {name}') for name in study.controls])}. "
        f"{_start(study, config)} {_excluded(study, config)}",
        metric,
    )
    return Drawing(
        "tickets", f"{caption} {seeds_note(_seeds(shown)).capitalize()}.", lambda: _draw_tickets(study, shown)
    )


def _draw_tickets(study: Design, views: list[MaskClaims]) -> Figure:
    columns = min(len(views), 3)
    figure, axes = panels(columns, -(-len(views) // columns))
    for panel, view in zip(axes.flat, views, strict=False):
        reference(panel, view.dense()["metric"], label="dense, pre-trained")
        for role in ("ticket", *study.controls):
            rows, looks = pd.concat([_unpruned(view, role), view.rows(role)]), ROLES.get(role, role)
            band(panel, rows, "density", "metric", role=looks, label=LABELS.get(role))
        panel.set_title(view.task)
        density_axis(panel, [1.0, *view.rows()["density"]])
        metric_axis(panel.yaxis, view.metric, f"test {view.metric.label}")
    for panel in list(axes.flat)[len(views) :]:
        panel.remove()
    legend(figure, interval_note(_seeds(views)))
    return figure


def _unpruned(view: MaskClaims, role: str) -> pd.DataFrame:
    """Return the rows that a curve begins with at 100%: none where no such network was trained unpruned."""
    if role == FRESH:
        return view.dense_control(FRESH)
    return view.dense() if role in ("ticket", RANDOM) else view.rows(role).iloc[:0]


def _masks(study: Design, config: Config, views: list[MaskClaims]) -> Drawing:
    """Return the figure of the mask of every task on every task."""
    metric, seeds = views[0].metric, _seeds(views)
    compared = (
        f"Test {metric.label} at the end of training minus that of the target's own ticket, in {metric.unit}"
        if metric.higher_is_better
        else f"How far test {metric.label} at the end of training lies below that of the target's own ticket"
    )
    source = study.pretraining(config)
    pretraining = f" {again(source)}: the mask of the pre-training, and its objective as a target." if source else ""
    caption = (
        f"{compared} (positive is better), mean over {counted(seeds, 'seeds')}: masks of one task (rows) on the "
        "pre-trained weights, trained on another (columns). Random masks have as many weights in each layer as the "
        f"target's own.{pretraining} {_excluded(study, config)}"
    )
    unit = "" if metric.label in metric.unit else f" ({metric.points})"
    scale = f"{metric.label} {metric.directed('minus', 'below')} own ticket{unit}"
    return Drawing("masks", caption, lambda: heatmaps(_by_level(study, views), "task", scale, metric.decimals))


def _by_level(study: Design, views: list[MaskClaims]) -> dict[str, pd.DataFrame]:
    """Return title of a level -> masks x tasks: by seed, how much better than the task's own ticket."""
    tables = {}
    first = views[0].rows()
    for level in _shown(first[first["level"].isin(study.levels(views[0].config))]):
        columns = {}
        for view in views:
            rows = {f"mask of {other.task}": view.at(level, mask_of=other.task) for other in views}
            rows |= {"random mask": view.at(level, RANDOM)} if RANDOM in study.controls else {}
            tickets = seed_means(view.at(level), "metric")
            gains = {name: view.metric.gain(seed_means(one, "metric"), tickets).tolist() for name, one in rows.items()}
            columns[view.task] = gains
        density = first.loc[first["level"] == level, "density"].mean()
        tables[f"{percent_text(density)}% of weights"] = pd.DataFrame(columns)
    return tables


def _shown(tickets: pd.DataFrame) -> list[int]:
    """Return all levels if they are few, otherwise those nearest to DENSITIES."""
    levels = sorted(set(tickets["level"]))
    if len(levels) <= len(DENSITIES):
        return levels
    nearest = (nearest_level(tickets, density) for density in DENSITIES)
    return sorted({level for level in nearest if level is not None}) or levels[-1:]


def _start(study: Design, config: Config) -> str:
    """Say in captions what was pre-trained, on what, and that it is not the paper's network."""
    source, first = study.pretraining(config), config.tasks[next(iter(study.tasks))]
    if source is None:
        return f"Network: {first.model.name}, built with pre-trained weights."
    settings = config.tasks[source]
    data = listing([f"{task} (data: {config.tasks[task].dataset})" for task in study.tasks])
    return (
        f"Pre-training: {settings.train.steps:,} steps on {settings.dataset}; network: {settings.model.name}, which is "
        f"not the paper's BERT. Tasks: {data}, {first.train.steps:,} steps each."
    )


def _excluded(study: Design, config: Config) -> str:
    """Say in captions which weights are pruned, and which never are."""
    excluded = config.methods[study.method()].exclude
    never = f" Never pruned: {listing(excluded)}, and" if excluded else " Never pruned:"
    return f"Only weight matrices are pruned.{never} what the network does not declare prunable."


def _seeds(views: list[MaskClaims]) -> int:
    return views[0].dense()["seed"].nunique()
