"""The figures of the transfer study (Morcos et al. 2019), drawn from its tables, and their captions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lth_core.analysis.measurements import nearest_level
from lth_core.config import Config
from lth_core.drawing.axes import density_axis, percent_axis, percent_text
from lth_core.drawing.colours import series
from lth_core.drawing.figures import interval_note, legend, panels
from lth_core.drawing.heatmaps import heatmaps
from lth_core.drawing.lines import band, reference
from lth_core.drawing.overlap import layerwise_figure, overlap_figure
from lth_core.studies.base import Drawing
from lth_core.studies.captions import listing
from lth_core.studies.transfer.groups import channels_may_differ

if TYPE_CHECKING:
    from lth_core.studies.transfer.study import Transfer

CONTROLS = {
    "random-ticket": "random ticket",
    "random-mask-reinit": "random ticket, densities of layers kept",
    "reinit": "own mask, reinitialized",
}
"""Network -> how legends call it."""
DENSITIES = (0.5, 0.2, 0.1, 0.05)
"""At these, or the levels next to them, a figure that cannot show every level does."""
MOST_LEVELS = 4


def drawings(study: Transfer, config: Config, group: str, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
    """The figures of one group."""
    members = study.groups[group]
    accuracy = tables["accuracy"][tables["accuracy"]["group"] == group]
    pairs = study.pairs(members)
    overlap = tables["overlap"]
    overlap = overlap[[pair in pairs for pair in zip(overlap["task"], overlap["other"], strict=True)]]
    levels = _shown_levels(accuracy)
    differences = _differences(accuracy, members, levels)
    seeds = accuracy["seed"].nunique()
    tasks = f"Tasks: {listing([_task_note(config, task) for task in members])}."
    what = f"{tasks} {interval_note(seeds).capitalize()}."
    kernels = (
        ", and kernels on one channel are spread over several, or the other way round"
        if channels_may_differ(config, members)
        else ""
    )
    drawn = [
        Drawing(
            f"accuracy-{group}",
            "Test accuracy at the end of training against density, on each target: tickets found on the target itself "
            "and on the other tasks of the group (mask and starting weights; the output layer is the target's own "
            f"where the numbers of classes differ{kernels}), the target's own mask on a fresh initialization, and "
            "random tickets on a fresh initialization. "
            "The random ticket permutes the mask over all layers together; the other one keeps the density of every "
            f"layer. {what}",
            lambda: _accuracies(accuracy, members),
        ),
        Drawing(
            f"heatmap-{group}",
            "Test accuracy at the end of training minus that of the target's own ticket, in percentage points, mean "
            f"over {seeds} seed{'s' * (seeds > 1)}, by where the ticket comes from (rows) and what it is trained on "
            f"(columns). {tasks}{_diverged_note(differences)}",
            lambda: heatmaps(differences, "target", "accuracy minus own ticket (points)"),
        ),
        Drawing(
            f"overlap-{group}",
            "Overlap of the masks of two tasks' tickets, at the same level and seed, over the layers that both "
            "networks have in the same shape. Left: weights that both keep, divided by those that either keeps. "
            "Right: fraction of positions in which the masks differ. Dashed: what two random masks give that keep as "
            "many weights in every layer. Networks of equal shapes start from the same initialization, which is a "
            f"part of what their masks share. {what}",
            lambda: overlap_figure(overlap, {pair: f"{pair[0]} and {pair[1]}" for pair in pairs}),
        ),
        Drawing(
            f"layers-{group}",
            "Density of each layer, from input to output, in the tickets of the group's tasks (layers that all their "
            "networks have in the same shape). Dashed: density of the whole network, which a random ticket has in "
            f"every layer. {what}",
            lambda: layerwise_figure(_masks(overlap, pairs), {task: task for task in members}, levels),
        ),
    ]
    return [drawing for drawing in drawn if drawing.name in study.group_figures(config, group)]


def _task_note(config: Config, name: str) -> str:
    """What a task is, in words for captions."""
    task = config.tasks[name]
    return f"{name} (data: {task.dataset}, network: {task.model.name}, optimizer: {task.train.optimizer.name})"


def _shown_levels(accuracy: pd.DataFrame) -> list[int]:
    """All levels if they are few, otherwise those next to DENSITIES."""
    tickets = accuracy[accuracy["network"] == "ticket"]
    levels = sorted(tickets["level"].unique())
    if len(levels) <= MOST_LEVELS:
        return levels
    found = {nearest_level(tickets, density) for density in DENSITIES} - {None}
    return sorted(found) or levels[-1:]


def _select(accuracy: pd.DataFrame, target: str, network: str, source: str) -> pd.DataFrame:
    chosen = (accuracy["target"] == target) & (accuracy["network"] == network) & (accuracy["source"] == source)
    return accuracy[chosen]


def _accuracies(accuracy: pd.DataFrame, members: Sequence[str]) -> Figure:
    """One panel per target; own ticket, tickets of the others, controls."""
    columns = min(len(members), 3)
    figure, axes = panels(columns, -(-len(members) // columns))
    colours = dict(zip(members, series(len(members), besides=["ticket", *CONTROLS]), strict=True))
    for panel, target in zip(axes.flat, members, strict=False):
        own = _select(accuracy, target, "ticket", target)
        reference(panel, _select(accuracy, target, "dense", target)["accuracy"])
        band(panel, own, "density", "accuracy", role="ticket", label="own ticket")
        for source in members:
            if source != target:
                rows = _select(accuracy, target, "ticket", source)
                look = {"role": "transferred", "colour": colours[source]}
                band(panel, rows, "density", "accuracy", label=f"ticket of {source}", **look)
        for control, label in CONTROLS.items():
            rows = _select(accuracy, target, control, target)
            band(panel, rows, "density", "accuracy", role=control, label=label)
        panel.set_title(f"target: {target}")
        density_axis(panel, own["density"])
        percent_axis(panel.yaxis, "test accuracy")
    for panel in list(axes.flat)[len(members) :]:
        panel.remove()
    legend(figure, interval_note(accuracy["seed"].nunique()))
    return figure


def _differences(accuracy: pd.DataFrame, members: Sequence[str], levels: Sequence[int]) -> dict[str, pd.DataFrame]:
    """Level, as titles call it -> sources and controls x targets: points above the target's own ticket, per seed.

    A seed has a nan where it diverged, there or with the own ticket.
    """
    rows = {f"ticket of {task}": ("ticket", task) for task in members}
    rows |= {label: (control, None) for control, label in CONTROLS.items()}
    found = {}
    for level in levels:
        here = accuracy[accuracy["level"] == level]
        columns = {}
        for target in members:
            own = _per_seed(_select(here, target, "ticket", target))
            columns[target] = {
                label: (100 * (_per_seed(_select(here, target, network, source or target)) - own)).tolist()
                for label, (network, source) in rows.items()
            }
        density = here.loc[here["network"] == "ticket", "density"].mean()
        found[f"{percent_text(density)}% of weights"] = pd.DataFrame(columns)
    return found


def _per_seed(rows: pd.DataFrame) -> pd.Series:
    """Seed -> the mean over its draws; nan where one diverged."""
    return rows.groupby("seed")["accuracy"].agg(lambda draws: draws.mean(skipna=False))


def _diverged_note(differences: dict[str, pd.DataFrame]) -> str:
    """In how many fields of heat maps seeds diverged, in words for captions; nothing if in none."""
    fields = [field for table in differences.values() for field in table.to_numpy().flat]
    lacking = sum(bool(np.isnan(field).any()) for field in fields)
    if not lacking:
        return ""
    return (
        f" In {lacking} of {len(fields)} fields seeds diverged, there or with the target's own ticket: × says "
        "how many, and the field is the mean of the others; where all did it says diverged."
    )


def _masks(overlap: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """The density of each layer of each task's mask, once, for layers that are compared in every pair."""
    compared = overlap.groupby("layer")[["task", "other"]].apply(lambda rows: len(rows.drop_duplicates()))
    everywhere = overlap[overlap["layer"].map(compared) == len(pairs)]
    parts = [
        everywhere.assign(mask=everywhere[name], layer_density=everywhere[kept] / everywhere["weights"])
        for name, kept in (("task", "kept"), ("other", "kept_other"))
    ]
    columns = ["mask", "level", "density", "seed", "layer", "layer_density"]
    return pd.concat(parts)[columns].drop_duplicates(["mask", "level", "seed", "layer"])
