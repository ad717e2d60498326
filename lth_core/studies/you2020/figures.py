"""The figures of You et al. 2020 (arXiv 1909.11957), drawn from the study's tables, and their captions."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from lth_core.config import Config
from lth_core.drawing.axes import metric_axis, positive_axis, whole_axis
from lth_core.drawing.colours import NEUTRAL, ramp
from lth_core.drawing.figures import interval_note, legend, panels
from lth_core.drawing.heatmaps import fields
from lth_core.drawing.lines import band, reference, threshold
from lth_core.metrics import Metric, counted, percent_text
from lth_core.storage.runs import DENSE
from lth_core.studies.base import Drawing
from lth_core.studies.captions import data_note
from lth_core.studies.you2020.study import (
    AS_CONFIGURED,
    CONTINUED,
    ITERATIVE,
    LOW_PRECISION,
    LOW_PRECISION_SEARCH,
    RANDOM,
    REINIT,
    RETRAINED,
    SEARCHES,
    Design,
)
from lth_core.studies.you2020.tables import chance
from lth_core.tasks.metrics import metric_of

DRAWN = {
    RETRAINED: ("ticket", "whole schedule, from the weights at the draw"),
    CONTINUED: ("continued", "trained on in the same schedule"),
    REINIT: ("reinit", "whole schedule, from a fresh initialization"),
    RANDOM: ("random-mask", "random channels, whole schedule"),
}
"""What becomes of a mask that is drawn at an epoch -> role and label."""


def drawings(study: Design, config: Config, task: str, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
    """Return the figures of one task."""
    measured, distances, settling, detections, agreements = (
        tables[name][tables[name]["task"] == task]
        for name in ("measurements", "distances", "settling", "detections", "agreements")
    )
    metric, seeds = metric_of(config.tasks[task]), measured["seed"].nunique()
    data, last = data_note(config.tasks[task], seeds), study.draw_epochs[-1]
    settings = list(study.settings(config, task))
    settled, settled_low = (
        describe(detections[detections["setting"] == setting], study.epsilon)
        for setting in (AS_CONFIGURED, LOW_PRECISION)
    )
    words = SEARCHES.get(study.search_precision, "")
    drawn = [
        Drawing(
            f"draws-{task}",
            f"Test {metric.label} at the end of training against the epoch at which channels were drawn (Figure 1), "
            "by the part of channels that is pruned. From the draw on the smaller network trains on in the same "
            "schedule; or it is trained by the whole schedule, from the weights at the draw or from a fresh "
            "initialization. Random channels are as many in every layer, from the same weights. Dotted: the mean epoch "
            f"of detection. Those drawn at epoch {last} are the late-drawn tickets. {data}",
            lambda: _draws(measured, detections, metric),
        ),
        Drawing(
            f"distances-{task}",
            "Mask distance of all pairs of epochs (Figure 3): the part of channels in which their masks differ, mean "
            f"over seeds. Rows: settings of training; columns: the part of channels that is pruned. {data}",
            lambda: _distances(distances, settings),
        ),
        Drawing(
            f"settling-{task}",
            "Settling of masks, by the part of channels that is pruned, for each setting of training (rows). Left: "
            f"the largest distance of a mask to the {study.queue - 1} before it; masks are drawn where it is at most "
            f"{study.epsilon:g} (dotted). Right: the distance to the last mask. The mask before training is not among "
            f"them. {settled} {data}",
            lambda: _settling(settling, settings, study.epsilon),
        ),
        Drawing(
            f"precision-{task}",
            f"Search {words}. Top: the mask distance between its masks and those of the search as configured, of the "
            "same seed and epoch; dash-dotted: what independent masks that keep as many channels of each layer would "
            "have. Bottom: "
            f"test {metric.label} of tickets of both searches, trained by the whole schedule as configured from the "
            f"weights at the draw. {settled_low} {data}",
            lambda: _precision(agreements, measured, metric, study),
        ),
        Drawing(
            f"costs-{task}",
            f"Test {metric.label} at the end of training against the floating-point operations of search and training "
            "together, in trainings of the dense network: of tickets that are drawn at an epoch and train on, and of "
            f"iterative pruning of channels, which rewinds to the initialization. {data}",
            lambda: _costs(measured, metric),
        ),
    ]
    return [drawing for drawing in drawn if drawing.name in study.figures_of(config, task)]


def describe(detections: pd.DataFrame, epsilon: float) -> str:
    """Say when masks have settled, and of those that never do how close they have come."""
    parts = []
    for pruned, rows in detections.groupby("pruned"):
        known = rows["settled"].dropna()
        words = f"{percent_text(float(pruned))}% pruned: "  # pyright: ignore[reportArgumentType] (a number)
        if len(known):
            words += f"settled at epoch {known.mean():.3g} on average ({len(known)} of {counted(len(rows), 'seeds')})"
        if len(known) < len(rows):
            never = rows[rows["settled"].isna()]["reached"]
            words += f"{', ' * bool(len(known))}never in {counted(len(never), 'seeds')}, {never.min():.2g} at best"
        by_chance = chance(rows, epsilon)
        parts.append(f"{words} ({by_chance})" if by_chance else words)
    return f"Detection at a distance of at most {epsilon:g}: {'; '.join(parts)}."


def _draws(measured: pd.DataFrame, detections: pd.DataFrame, metric: Metric) -> Figure:
    """Draw the metric over the epoch of the draw, one panel per part of channels."""
    levels = by_level(measured)
    figure, axes = panels(len(levels))
    dense = measured.loc[measured["network"] == DENSE, "metric"]
    for panel, (level, pruned) in zip(axes[0], levels.items(), strict=True):
        panel.sharey(axes[0, 0])
        here = measured[measured["level"] == level]
        for network, (role, label) in DRAWN.items():
            band(panel, here[here["network"] == network], "epoch", "metric", role=role, label=label)
        reference(panel, dense)
        epochs = detections[(detections["level"] == level) & (detections["setting"] == AS_CONFIGURED)]["settled"]
        if epochs.notna().any():
            threshold(panel, epochs.mean(), "detection", vertical=True)
        panel.set_title(f"{percent_text(pruned)}% of channels pruned")
        panel.set_xlabel("epoch of the draw")
        panel.set_xticks(sorted(here.loc[here["network"].isin(DRAWN), "epoch"].unique()))
    metric_axis(axes[0, 0].yaxis, metric, f"test {metric.label}")
    legend(figure, interval_note(measured["seed"].nunique()))
    return figure


def _distances(distances: pd.DataFrame, settings: list[str]) -> Figure:
    """Draw the distances of all pairs, with a row per setting and a column per part of channels."""
    grid = {
        (setting, f"{percent_text(pruned)}% of channels pruned"): _square(rows)
        for setting in settings
        for level, pruned in by_level(distances).items()
        if len(rows := distances[(distances["setting"] == setting) & (distances["level"] == level)])
    }
    return fields(grid, "epoch", "mask distance")


def _square(pairs: pd.DataFrame) -> pd.DataFrame:
    """The symmetric table of all pairs, 0 on its diagonal."""
    turned = pairs.rename(columns={"epoch": "before", "before": "epoch"})
    table = pd.concat([pairs, turned]).pivot(index="epoch", columns="before", values="distance")
    return table.where(table.notna(), 0.0)


def _settling(settling: pd.DataFrame, settings: list[str], epsilon: float) -> Figure:
    """Draw both distances (columns) over the epoch, one row per setting."""
    levels = by_level(settling)
    figure, axes = panels(2, len(settings), height=2.0)
    quantities = {"queue": "largest distance\nin the queue", "last": "distance to\nthe last mask"}
    for column, (quantity, label) in zip(axes.T, quantities.items(), strict=True):
        for panel, setting in zip(column, settings, strict=True):
            panel.sharey(column[0])
            for (level, pruned), colour in zip(levels.items(), ramp(len(levels)), strict=True):
                rows = settling[(settling["setting"] == setting) & (settling["level"] == level)]
                label_of = f"{percent_text(pruned)}% of channels pruned"
                band(
                    panel,
                    rows.dropna(subset=[quantity]),
                    "epoch",
                    quantity,
                    label=label_of,
                    colour=colour,
                    markers=False,
                )
            if quantity == "queue":
                threshold(panel, epsilon, "where masks count as settled")
            panel.set_title(setting)
        for panel in column:
            positive_axis(panel, label)
    for panel in axes[-1]:
        panel.set_xlabel("epoch")
    for panel in axes.flat:
        whole_axis(panel.xaxis)
    legend(figure, interval_note(settling["seed"].nunique()))
    return figure


def _precision(agreements: pd.DataFrame, measured: pd.DataFrame, metric: Metric, study: Design) -> Figure:
    """Draw the distance between the masks of both searches, and what their tickets are worth."""
    levels, words = by_level(measured), SEARCHES[study.search_precision]
    figure, axes = panels(len(levels), 2, height=2.3)
    lines = ((RETRAINED, "ticket", "search as configured"), (LOW_PRECISION_SEARCH, "one-shot", f"search {words}"))
    for (level, pruned), top, bottom in zip(levels.items(), *axes, strict=True):
        top.sharey(axes[0, 0])
        bottom.sharey(axes[1, 0])
        band(top, agreements[agreements["level"] == level], "epoch", "distance", colour=NEUTRAL, label="mask distance")
        independent = agreements[agreements["level"] == level].groupby("epoch")["independent"].mean()
        top.plot(independent, color=NEUTRAL, linestyle="-.", linewidth=0.9, label="independent masks")
        threshold(top, study.epsilon, "where masks count as settled")
        top.set_title(f"{percent_text(pruned)}% of channels pruned")
        here = measured[measured["level"] == level]
        for network, role, label in lines:
            band(bottom, here[here["network"] == network], "epoch", "metric", role=role, label=label)
        reference(bottom, measured.loc[measured["network"] == DENSE, "metric"])
        bottom.set_xlabel("epoch")
        whole_axis(top.xaxis)
        whole_axis(bottom.xaxis)
    positive_axis(axes[0, 0], "distance between\nthe searches' masks")
    metric_axis(axes[1, 0].yaxis, metric, f"test {metric.label}")
    legend(figure, interval_note(measured["seed"].nunique()))
    return figure


def _costs(measured: pd.DataFrame, metric: Metric) -> Figure:
    """Draw the metric over what it costs, one panel per part of channels; costs are means over seeds."""
    levels = by_level(measured)
    figure, axes = panels(len(levels))
    measured = measured.assign(mean=measured.groupby(["network", "level", "epoch"])["cost"].transform("mean"))
    for panel, (level, pruned) in zip(axes[0], levels.items(), strict=True):
        panel.sharey(axes[0, 0])
        here = measured[measured["level"] == level]
        band(panel, measured[measured["network"] == DENSE], "mean", "metric", role=DENSE)
        for network, role, label in (
            (CONTINUED, "continued", "drawn at an epoch, trained on"),
            (ITERATIVE, "ticket", "iterative pruning of channels"),
        ):
            band(panel, here[here["network"] == network], "mean", "metric", role=role, label=label)
        panel.set_title(f"{percent_text(pruned)}% of channels pruned")
        panel.set_xlabel("operations\n(dense trainings)")
        panel.set_xlim(left=0)
    metric_axis(axes[0, 0].yaxis, metric, f"test {metric.label}")
    legend(figure, interval_note(measured["seed"].nunique()))
    return figure


def by_level(table: pd.DataFrame) -> dict[int, float]:
    """Map the levels of a table to the parts of channels that they prune, but for the dense network."""
    known = table[table["level"] > 0].drop_duplicates("level").sort_values("level")
    return dict(zip(known["level"].astype(int), known["pruned"].astype(float), strict=True))
