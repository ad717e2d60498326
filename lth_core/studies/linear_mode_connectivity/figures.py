"""The figures of Frankle et al. 2020 (arXiv 1912.05671), drawn from the study's tables, and their captions.

Here are those against the step k; those against density and success are in the module next to this one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lth_core.config import Config
from lth_core.drawing.axes import metric_axis, percent_axis, positive_axis, step_axis
from lth_core.drawing.colours import ramp
from lth_core.drawing.figures import interval_note, legend, panels
from lth_core.drawing.lines import band, reference, threshold
from lth_core.storage.runs import DENSE
from lth_core.studies.base import Drawing
from lth_core.studies.captions import bars_note, data_note, listing, with_direction
from lth_core.studies.linear_mode_connectivity.density_figures import density_drawings
from lth_core.studies.linear_mode_connectivity.study import TICKET, Design
from lth_core.studies.linear_mode_connectivity.tables import where
from lth_core.studies.linear_mode_connectivity.view import View

SPLITS = {"test": "test", "train": "training"}
ESTIMATED = "\nstatistics re-estimated"
DISTANCES = (("l2", "L2 distance"), ("degrees", "angle (°)"), ("disagreement_test", "test disagreement"))


def drawings(study: Design, config: Config, task: str, tables: dict[str, pd.DataFrame]) -> list[Drawing]:
    """Return the figures of one task, in the order of the page."""
    of_task = {name: table[table["task"] == task] for name, table in tables.items()}
    view = View(study, config, task, **of_task)
    data = data_note(config.tasks[task], view.seeds())
    notes = {"paths": bars_note(data), "success": data_note(config.tasks[task])}  # bars; markers without intervals
    kinds = {
        "paths": (with_direction(_paths_caption(view), view.metric), _paths),
        "instability": (with_direction(_instability_caption(view), view.metric), _instability),
        "distances": (_distances_caption(view), _distances),
    } | density_drawings(view)
    return [
        Drawing(f"{kind}-{task}", f"{kinds[kind][0]} {notes.get(kind, data)}", lambda draw=kinds[kind][1]: draw(view))
        for kind in study.drawn(config, task)
    ]


# ---------------------------------------------------------------- error along the line


def _paths_caption(view: View) -> str:
    error = view.metric.error
    return (
        f"{error[0].upper()}{error[1:]} on the straight line between two copies of a network that part at step k and "
        "are trained on with different data orders, from one end (α = 0) to the other (α = 1). First: dense network "
        f"(section 3); then subnetworks found by {_pruning(view)} and rewound to step k (section 4). The barrier is "
        f"{_barrier(view, 'the line')}: between ends of unequal {error} it is at least half of their difference, even "
        f"on a line that falls or dips; axes span at least the {view.stable_below} that it has to be below on a stable "
        f"one. Each line shows its interval twice. {_statistics(view)}{_undrawn(view)}"
    )


def _splits(view: View) -> list[str]:
    """List the splits that are drawn: a training error that is 0 on all lines shows nothing."""
    training = view.paths.loc[view.paths["split"] == "train", "error"]
    perfect = view.metric.percent and (training == 0).all()
    return [split for split in SPLITS if split == "test" or not perfect]


def _undrawn(view: View) -> str:
    """Say of training errors that are not drawn what they are."""
    return "" if "train" in _splits(view) else f" The training {view.metric.error} is 0 on all lines and not drawn."


def _barrier(view: View, line: str) -> str:
    """Say what the barrier is."""
    metric = view.metric
    if metric.higher_is_better and not metric.percent:
        return f"the mean {metric.label} of the ends minus the lowest on {line}"
    return f"the highest {metric.error} on {line} minus the mean of its ends"


def _pruning(view: View) -> str:
    """Say how the subnetworks are found, with the short name that legends use."""
    method = view.method()
    how = f"{'iterative' if method.iterative else 'one-shot'} {method.criterion.name} pruning"
    return f"{how} (IMP)" if view.subnetworks().startswith("IMP") else how


def _statistics(view: View) -> str:
    """Say which batch-norm statistics the networks on the line have."""
    if "estimated" not in view.statistics():
        return "All weights are interpolated."
    return (
        "All weights are interpolated, batch-norm statistics too; in the rows 're-estimated' these are measured anew "
        "on training examples at each point of the line."
    )


def _paths(view: View) -> Figure:
    """Draw a column for the dense network and one per level, a row per split and statistics; one curve per k."""
    columns = [(DENSE, 0), *((TICKET, level) for level in view.levels())]
    rows = [(split, statistics) for statistics in view.statistics() for split in _splits(view)]
    figure, axes = panels(len(columns), len(rows), height=2.0)
    colours = dict(zip(view.study.steps, ramp(len(view.study.steps)), strict=True))
    for row, (split, statistics) in zip(axes, rows, strict=True):
        for panel, (network, level) in zip(row, columns, strict=True):
            panel.sharey(row[0])
            lines = where(view.paths, {"network": network, "level": level, "split": split, "statistics": statistics})
            lines = lines.assign(error=_as_measured(view, lines["error"]))
            for (k, colour), bars in zip(colours.items(), _bars(lines["alpha"].nunique(), len(colours)), strict=True):
                style = {"label": f"k = {k}", "colour": colour, "markers": False, "bars": bars}
                band(panel, lines[lines["k"] == k], "alpha", "error", **style)
        estimated = ESTIMATED * (statistics == "estimated")
        metric_axis(row[0].yaxis, view.metric, f"{SPLITS[split]} {view.metric.error}{estimated}")
        _include_stability(row, view)
    for panel, (network, level) in zip(axes[0], columns, strict=True):
        panel.set_title(view.label(network) + (f", {view.density(level)}" if level else ""))
    for panel in axes[-1]:
        panel.set_xlabel("α")
    legend(figure, bars_note(interval_note(view.seeds())))
    return figure


def _bars(points: int, lines: int) -> list[slice]:
    """Choose two points of every line that show its interval, next to those of the other lines, which all cross."""
    half = max(points // 2, 1)
    first = [(2 * line + 1) * half // (2 * lines) for line in range(lines)]
    return [slice(start, start + half + 1, half) for start in first]


def _as_measured(view: View, errors: pd.Series) -> pd.Series:
    """Return what is drawn of errors: fractions of error, or the metric itself."""
    return errors if view.metric.percent else view.metric.errors(errors)  # turned back where high values are better


def _include_stability(row: np.ndarray, view: View) -> None:
    """Let the axis show all means, and at least the rise that a stable line may have: stable ones look flat."""
    errors = np.concatenate([line.get_ydata() for panel in row for line in panel.get_lines()])
    errors = errors[np.isfinite(errors)]  # of diverged seeds they are nan
    if not len(errors):
        return
    low, high = errors.min(), max(errors.max(), errors.min() + view.stable / view.metric.scale)
    margin = 0.1 * (high - low)
    row[0].set_ylim(low - margin, min(high + margin, 1.02) if view.metric.percent else high + margin)


# ---------------------------------------------------------------- barriers and distances against k


def _instability_caption(view: View) -> str:
    metric = view.metric
    return (
        "Barrier between two copies against the step k at which they part: "
        f"{_barrier(view, 'the straight line between them')}. Networks below {view.stable:g} {metric.unit} (dotted) "
        f"are stable to their data order. {_networks(view)} Bottom: test {metric.label} at the end of training. "
        f"{_statistics(view)}"
    )


def _networks(view: View) -> str:
    """Say which networks the panels show, and at which densities."""
    densities = listing([view.density(level) for level in view.levels()])
    others = {
        "random-mask": "random subnetworks of the same layerwise counts",
        "reinit": f"{view.subnetworks()} on a new initialization (copied after k steps of their own training)",
    }
    controls = [others[control] for control in view.study.controls]
    kinds = listing([f"{view.subnetworks()} with {densities} of the weights, rewound to step k", *controls])
    return f"Shown are the dense network and {kinds}."


def _instability(view: View) -> Figure:
    """Draw rows for the barrier of test error per kind of statistics, that of training error, and the metric."""
    rows = [
        ("barrier_test", view.barrier_label(middle=ESTIMATED * (kind == "estimated")), kind)
        for kind in view.statistics()
    ]
    rows.append(("barrier_train", view.barrier_label("training"), "interpolated"))
    rows.append(("metric", f"test {view.metric.label}", "interpolated"))
    return _against_k(view, rows)


def _distances_caption(view: View) -> str:
    angles = (
        "Middle: angle between the vectors of their weights. Bottom: the fraction of test data that they predict "
        "differently."
        if _have_predictions(view)
        else "Bottom: angle between the vectors of their weights."
    )
    return (
        "How far two copies end from each other, against the step k at which they part (appendix). Top: L2 distance "
        f"between their weights. {angles} {_networks(view)}"
    )


def _distances(view: View) -> Figure:
    """Draw rows for L2 distance, angle and, where networks have predictions to compare, disagreement."""
    quantities = DISTANCES if _have_predictions(view) else DISTANCES[:-1]
    return _against_k(view, [(column, label, "interpolated") for column, label in quantities])


def _have_predictions(view: View) -> bool:
    """Return whether predictions were compared; an objective may have none."""
    return bool(view.instability["disagreement_test"].notna().any())


def _against_k(view: View, rows: Sequence[tuple[str, str, str]]) -> Figure:
    """Draw a row per quantity (column, label, statistics) and a column per level; one curve per kind of network."""
    levels = view.levels()
    figure, axes = panels(len(levels), len(rows), height=2.1)
    for row, (column, label, statistics) in zip(axes, rows, strict=True):
        lines = view.lines(statistics=statistics)
        lines = lines.assign(degrees=np.degrees(lines["angle"]))
        for panel, level in zip(row, levels, strict=True):
            panel.sharey(row[0])
            panel.sharex(axes[0, 0])
            _curves(panel, view, lines[lines["level"].isin([0, level])], column)
            step_axis(panel, view.study.steps)
        _quantity_axis(row, view, column, label)
    for panel, level in zip(axes[0], levels, strict=True):
        panel.set_title(f"{view.density(level)} of weights")
    for panel in axes[-1]:
        panel.set_xlabel("step k")
    legend(figure, interval_note(view.seeds()))
    return figure


def _curves(panel: Axes, view: View, lines: pd.DataFrame, column: str) -> None:
    """Draw one curve per kind of network; the dense network's metric does not depend on k."""
    scale = view.metric.scale if column.startswith("barrier") else 1
    lines = lines.assign(**{column: scale * lines[column]})
    for network in view.networks():
        of_network = lines[lines["network"] == network]
        if network == DENSE and column == "metric":
            reference(panel, of_network.drop_duplicates("seed")[column])
        else:
            band(panel, of_network, "k", column, role=network, label=view.label(network))


def _quantity_axis(row: np.ndarray, view: View, column: str, label: str) -> None:
    """Set the vertical axis that the panels of a row share."""
    if column.startswith("barrier"):
        for panel in row:
            threshold(panel, view.stable, f"stable below {view.stable_below}")
        positive_axis(row[0], label)
    elif column == "metric":
        metric_axis(row[0].yaxis, view.metric, label)
    elif column == "disagreement_test":
        percent_axis(row[0].yaxis, label)
    else:
        positive_axis(row[0], label)
