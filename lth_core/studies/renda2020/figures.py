"""The figures of Renda et al. 2020 (arXiv 2003.02389), drawn from the table of measurements, and their captions."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lth_core.config import Config
from lth_core.drawing.axes import density_axis, follow_means, label_vertical, positive_axis, step_axis
from lth_core.drawing.colours import role_style
from lth_core.drawing.figures import interval_note, legend, panels
from lth_core.drawing.lines import band, reference
from lth_core.drawing.multiples import GREY, multiples
from lth_core.metrics import Metric, percent_text
from lth_core.studies.base import Drawing
from lth_core.studies.captions import data_note, listing, with_direction
from lth_core.studies.renda2020.study import (
    FINE_TUNING,
    ITERATIVE,
    LOW_RATE_REWINDING,
    ONE_SHOT,
    PRUNED,
    RATE_REWINDING,
    REINIT,
    WEIGHT_REWINDING,
    Design,
)
from lth_core.studies.renda2020.view import View

LINES = {
    FINE_TUNING: ("fine-tune", "fine-tuning"),
    WEIGHT_REWINDING: ("ticket", "weight rewinding"),
    RATE_REWINDING: ("continued", "learning-rate rewinding"),
    LOW_RATE_REWINDING: ("rewind-low-rate", "weight rewinding at the last rate"),
}
"""Technique -> its role and its label."""
PROPOSED = "proposed algorithm"


def drawings(study: Design, config: Config, task: str, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
    """Draw the figures of one task."""
    view = View.of(study, config, task, tables["measurements"])
    data, metric = data_note(config.tasks[task], view.table["seed"].nunique()), view.metric
    where = listing([f"{percent_text(view.density(level))}%" for level in view.levels])
    pruned = [view.rows(ONE_SHOT, PRUNED, level)["gain"].mean() for level in view.levels]
    digits = metric.decimals
    lost = listing([f"{round(-gain, digits) + 0:.{digits}f}" for gain in pruned])  # + 0: no minus before 0.0
    floor = f"{lost} {metric.points} {metric.directed('below', 'above')} dense"
    epochs = f" (an epoch of the training data has {view.epoch:.4g})" if view.epoch else ""
    below = f"Test {metric.label} at the end of retraining, minus that of the same seed's dense network{_unit(metric)}"
    against_density = (
        f"{below}, against the weights that remain (compression), each technique with the retraining budget t that is "
        "best on the validation split at that level. Solid: iterative pruning. Dashed: one-shot pruning, straight from "
        "the dense network; the reinitialized masks are trained for all T steps. The proposed algorithm is iterative "
        f"learning-rate rewinding with the full budget, t = T = {view.full} steps."
    )
    against_budget = (
        f"{below}, against the retraining budget t in steps, with {where} of the weights (columns). Top: one-shot "
        "pruning. Bottom: iterative pruning, where every round is retrained for t steps. The dense network was trained "
        f"for T = {view.full} steps{epochs}; weight rewinding with t = T goes back to the initialization. Before any "
        f"retraining, one-shot pruned networks are {floor}.{_no_drops(view)}"
    )
    frontier = (
        "What a retraining cost buys: the largest compression (prunable weights of the dense network over those kept) "
        f"whose validation {metric.label} is at most {metric.tolerance} {metric.directed('below', 'above')} that of "
        "the same seed's dense network, among all runs of a technique that cost no more. Cost: retraining steps of all "
        f"rounds together{epochs}. Compression 1 is the dense network: no pruned network was lossless."
    )
    return [
        Drawing(f"{kind}-{view.task}", f"{caption} {data}", lambda draw=draw: draw(view))
        for kind, caption, draw in (
            ("delta-density", with_direction(against_density, metric), _against_density),
            ("delta-budget", with_direction(against_budget, metric), _against_budget),
            ("frontier", frontier, _frontier),
        )
    ]


def _no_drops(view: View) -> str:
    """Note the budgets at which rewinding the learning rate changes nothing."""
    if not any(budget <= view.constant for budget in view.budgets(ONE_SHOT) + view.budgets(ITERATIVE)):
        return ""
    return (
        f" The last {view.constant} steps have no drop of the learning rate: with budgets up to that, rewinding it is "
        "fine-tuning, and rewinding weights is rewinding them at the last rate."
    )


def _against_density(view: View) -> Figure:
    """Draw one panel per technique, at its best budgets, against density: by the kind of pruning."""
    kinds = {
        ONE_SHOT: {"label": f"{ONE_SHOT} pruning", "role": "one-shot", "linestyle": "--"},
        ITERATIVE: {"label": f"{ITERATIVE} pruning", "role": "ticket"},
        PROPOSED: {"label": PROPOSED, "role": "dense", "linestyle": ":", "markers": False},
    }
    lines = {(one, pruning): view.at_best(pruning, one) for one in LINES for pruning in view.prunings()}
    if view.budgets(ITERATIVE):
        lines[RATE_REWINDING, PROPOSED] = view.rows(ITERATIVE, RATE_REWINDING, budget=view.full)
    if view.budgets(ONE_SHOT):
        lines[REINIT, ONE_SHOT] = view.rows(ONE_SHOT, REINIT)
    named = {f"{technique}, {kind}": (rows, kinds[kind]) for (technique, kind), rows in lines.items()}
    titles = {technique: label for technique, (_, label) in LINES.items()} | {REINIT: role_style("reinit").label}
    groups: dict[str, list[str]] = {}
    for name, (technique, _) in zip(named, lines, strict=True):
        groups.setdefault(titles[technique], []).append(name)

    def line(panel: Axes, name: str) -> None:
        rows, style = named[name]
        band(panel, rows, "density", "difference", **style)

    figure, row = multiples(groups, line, lambda name: named[name][0].groupby("density")["difference"].mean())
    for panel in row:
        reference(panel, pd.Series([0.0]))
        density_axis(panel, view.table.loc[view.table["technique"].isin(LINES), "density"])
        _difference_axis(panel, view.metric)
    legend(figure, f"{interval_note(view.table['seed'].nunique())}; {GREY}")
    return figure


def _against_budget(view: View) -> Figure:
    """Draw one row per kind of pruning and one column per level: techniques against the budget."""
    prunings = view.prunings()
    figure, axes = panels(len(view.levels), len(prunings), width=2.7, height=2.3)
    for row, pruning in zip(axes, prunings, strict=True):
        for panel, level in zip(row, view.levels, strict=True):
            reference(panel, pd.Series([0.0]))
            for technique, (role, label) in LINES.items():
                band(panel, view.rows(pruning, technique, level), "budget", "difference", role=role, label=label)
            if pruning == ONE_SHOT:
                reference(panel, view.rows(pruning, REINIT, level)["difference"], "reinit")
            step_axis(panel, view.budgets(pruning))
            panel.set_title(f"{pruning}, {percent_text(view.density(level))}% of weights")
            _difference_axis(panel, view.metric)
    for panel in axes[-1]:
        panel.set_xlabel("retraining budget (steps)")
    legend(figure, interval_note(view.table["seed"].nunique()))
    return figure


def _frontier(view: View) -> Figure:
    """Draw one panel per kind of pruning: lossless compression against cost."""
    prunings = view.prunings()
    figure, axes = panels(len(prunings))
    for panel, pruning in zip(axes[0], prunings, strict=True):
        for technique, (role, label) in LINES.items():
            band(panel, view.frontier(pruning, technique), "cost", "compression", role=role, label=label)
        costs = view.rows(pruning, RATE_REWINDING)["cost"]
        doubled = [view.full * 2**power for power in range(-3, 12)]
        step_axis(panel, [cost for cost in doubled if costs.min() <= cost <= costs.max()])
        panel.set_title(f"{pruning} pruning")
        panel.set_xlabel("total retraining cost (steps)")
        positive_axis(panel, "lossless compression (times)")
    legend(figure, interval_note(view.table["seed"].nunique()))
    return figure


def _unit(metric: Metric) -> str:
    """Name the unit of differences where the metric's name does not."""
    return "" if metric.label in metric.unit else f", in {metric.unit}"


def _difference_axis(panel: Axes, metric: Metric) -> None:
    """Label the vertical axis. Call it after drawing."""
    follow_means(panel)
    unit = f"\ndense ({metric.points})" if _unit(metric) else " dense"
    label_vertical(panel, f"test {metric.label} minus{unit}")
