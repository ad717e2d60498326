"""The figures of Frankle et al. 2020 (arXiv 1912.05671) against density and against success, and those beyond it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from lth_core.analysis.measurements import strict_mean
from lth_core.drawing.axes import density_axis, label_vertical, metric_axis, positive_axis
from lth_core.drawing.colours import ramp, role_style
from lth_core.drawing.figures import interval_note, legend, panels
from lth_core.drawing.lines import band, reference, threshold
from lth_core.metrics import counted
from lth_core.storage.runs import DENSE
from lth_core.studies.captions import listing, with_direction
from lth_core.studies.linear_mode_connectivity.study import RANDOM, TICKET, focus
from lth_core.studies.linear_mode_connectivity.tables import FEWEST, rank_correlation, successes, where
from lth_core.studies.linear_mode_connectivity.view import View

PAIRS = ("order", "level", "seed")
"""Kinds of pairs, in the order of panels."""
ALIGNMENT = {"none": ("as trained", "-"), "aligned": ("hidden units permuted to fit", "--")}


def density_drawings(view: View) -> dict[str, tuple[str, Callable[[View], Figure]]]:
    """Return, by kind of figure, its caption and how it is drawn."""
    return {
        "ranges": (with_direction(_ranges_caption(view), view.metric), _ranges),
        "success": (with_direction(_success_caption(view), view.metric), _success),
        "alignment": (_alignment_caption(view), _alignment),
    }


# ---------------------------------------------------------------- three ranges of density


def _ranges_caption(view: View) -> str:
    ranges = (
        f"I, random subnetworks also match the dense network; II, only {view.subnetworks()} do; III, no subnetworks do"
        if RANDOM in view.study.controls
        else f"I and II, {view.subnetworks()} match the dense network (random ones were not "
        "trained); III, no subnetworks do"
    )
    metric = view.metric
    return (
        f"Barrier between two copies of a subnetwork (top) and its validation {metric.label} at the end of training "
        "(bottom), against density (section 4), for subnetworks that are rewound, and copied, at step k. Ranges of "
        f"density: {ranges}. Each ends at the sparsest level where such a subnetwork matches: its validation "
        f"{metric.label}, averaged over seeds, is at most {metric.tolerance} {metric.directed('lower', 'higher')} than "
        f"that of the dense network (dashed). Networks below {view.stable_below} (dotted) are stable."
    )


def _ranges(view: View) -> Figure:
    """Draw a column per rewind step; barrier above metric."""
    steps = focus(view.study.rewinds())
    figure, axes = panels(len(steps), 2, height=2.3)
    rows = view.lines().assign(barrier=view.metric.scale * view.lines()["barrier_test"])
    for (top, bottom), k in zip(axes.T, steps, strict=True):
        at_step = rows[(rows["k"] == k) & (rows["network"] != DENSE)]
        reference(bottom, where(rows, {"network": DENSE}).drop_duplicates("seed")["validation_metric"])
        for network in view.networks()[1:]:
            lines = at_step[at_step["network"] == network]
            band(top, lines, "density", "barrier", role=network, label=view.label(network))
            band(bottom, lines, "density", "validation_metric", role=network, label=view.label(network))
        threshold(top, view.stable, f"stable below {view.stable_below}")
        top.sharey(axes[0, 0])
        bottom.sharey(axes[1, 0])
        density_axis(top, at_step["density"])
        density_axis(bottom, at_step["density"])
        top.set_xlabel("")
        top.set_title(f"k = {k}", pad=14)
        _shade(top, bottom, view, k, at_step)
    positive_axis(axes[0, 0], view.barrier_label())
    metric_axis(axes[1, 0].yaxis, view.metric, f"validation {view.metric.label}")
    legend(figure, interval_note(view.seeds()))
    return figure


def _shade(top: Axes, bottom: Axes, view: View, k: int, rows: pd.DataFrame) -> None:
    """Shade the three ranges and name them at the top; two ranges if no random subnetworks were trained."""
    densities = rows.groupby("level")["density"].mean()
    high, low = top.get_xlim()
    edges = [high]
    for network in (RANDOM, TICKET):
        edges.append(min(edges[-1], _edge(densities, view.last_matching(network, k), high, low)))
    names = ("I", "II" if RANDOM in view.study.controls else "I, II", "III")
    for name, start, end, shade in zip(names, edges, [*edges[1:], low], (0.0, 0.05, 0.1), strict=True):
        if start <= end:
            continue
        for panel in (top, bottom):
            panel.axvspan(start, end, color="black", alpha=shade, linewidth=0, zorder=0)
        top.text(np.sqrt(start * end), 1.01, name, transform=top.get_xaxis_transform(), ha="center", va="bottom")


def _edge(densities: pd.Series, last: int, high: float, low: float) -> float:
    """Return where a range ends: halfway on the axis between the last level in it and the next one."""
    if not last:
        return high
    sparser = densities[densities.index > last]
    return float(np.sqrt(densities[last] * sparser.iloc[0])) if len(sparser) else low


# ---------------------------------------------------------------- barrier against success


def _success_caption(view: View) -> str:
    kinds = listing([view.label(network) for network in view.networks()[1:]])
    averaged = f"averaged over {view.seeds()} seeds" if view.seeds() > 1 else "of one seed"
    return (
        f"Success of subnetworks against their barrier (section 4): test {view.metric.label} at the end of training, "
        "minus that of the dense network, against the barrier between two copies. One marker per step k, level and "
        f"kind ({kinds}), {averaged}; ρ: rank correlation over the markers, where there are at least {FEWEST} (that of "
        "the claim is computed for each seed). Dotted: the barrier below which networks are stable, and the "
        f"{view.metric.label} {view.metric.directed('above', 'below')} which they match the dense network. The "
        f"barrier's axis is linear up to {view.stable_below}, logarithmic beyond."
    )


def _success(view: View) -> Figure:
    """Draw one marker per step, level and kind of subnetwork."""
    metric = view.metric
    points = successes(view.instability, metric)
    points["success"] *= metric.scale if metric.higher_is_better else -metric.scale  # a difference, no gain
    points["barrier"] *= metric.scale
    points = points.groupby(["k", "level", "network"], as_index=False)[["barrier", "success"]].agg(strict_mean)
    figure, axes = panels(width=4.6, height=3.2)
    panel = axes[0, 0]
    for network in view.networks()[1:]:
        of_network = points[points["network"] == network]
        look = role_style(network)
        panel.plot(
            of_network["barrier"],
            of_network["success"],
            look.marker,
            color=look.colour,
            label=view.label(network),
            alpha=0.8,
        )
    _barrier_axis(panel, view, points["barrier"].max())
    unit = "" if metric.label in metric.unit else f"\n({metric.unit})"
    label_vertical(panel, f"test {metric.label} minus dense{unit}")
    meaning = metric.directed("stable below, matching above", "stable and matching below")
    threshold(panel, view.stable, meaning, vertical=True)
    threshold(panel, -metric.matching if metric.higher_is_better else metric.matching, meaning)
    whole = points.dropna()
    left_out = f", {len(points) - len(whole)} with diverged seeds left out" if len(whole) < len(points) else ""
    rho = rank_correlation(whole["barrier"], whole["success"]) if len(whole) >= FEWEST else math.nan
    correlation = f"ρ = {rho:.2f} " if math.isfinite(rho) else ""  # undefined where all barriers are equal
    subnetworks = counted(len(whole), "subnetworks")
    panel.set_title(f"{correlation.replace('-', '−')}({subnetworks}{left_out})")
    legend(figure)
    return figure


def _barrier_axis(panel: Axes, view: View, highest: float) -> None:
    """Let the horizontal axis be linear as far as networks are stable, and logarithmic beyond."""
    panel.set_xlabel(view.barrier_label().replace("\n", " "))
    if not view.stable:
        return
    panel.set_xscale("symlog", linthresh=view.stable)
    panel.xaxis.set_major_locator(FixedLocator([view.stable * part for part in (0, 0.5, 1, 2.5, 5, 10, 25, 50)]))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(lambda barrier, position: f"{barrier:g}")
    panel.set_xlim(-0.04 * view.stable, max(1.5 * view.stable, 1.15 * highest))


# ---------------------------------------------------------------- beyond the paper


def _alignment_caption(view: View) -> str:
    how = (
        "before and after the hidden units of one end are permuted to fit the other's"
        if view.aligned()
        else "as they are (this network's hidden units could not be matched)"
    )
    share = "; these share seeds, and their intervals are rough" * view.study.pairs_share_seeds(view.config, view.task)
    pairs = {
        "order": "copies of a network that part at step k",
        "level": "subnetworks of successive levels of pruning, on the same data order, rewound to step k (of the first "
        "level: with the dense network)",
        "seed": f"subnetworks of different seeds, at 100% the dense networks ({_pairs_of_seeds(view)} in place of "
        f"seeds{share})",
    }
    return (
        f"Beyond the paper: barrier on the straight line between the two networks of a pair, {how}. "
        f"Pairs: {'; '.join(pairs[kind] for kind in _kinds(view))}. "
        f"Networks below {view.stable:g} {view.metric.unit} (dotted) are connected."
    )


def _alignment(view: View) -> Figure:
    """Draw a column per kind of pair, a row per kind of statistics; one colour per rewind step."""
    kinds, titles = _kinds(view), _titles(view)
    steps = focus(view.study.rewinds())
    figure, axes = panels(len(kinds), len(view.statistics()), height=2.6)
    for row, statistics in zip(axes, view.statistics(), strict=True):
        for panel, kind in zip(row, kinds, strict=True):
            for matching, (words, dash) in ALIGNMENT.items():
                for k, colour in zip(steps, ramp(len(steps)), strict=True):
                    lines = view.lines(pair=kind, matching=matching, statistics=statistics)
                    lines = _chain(lines.assign(barrier=view.metric.scale * lines["barrier_test"]), kind, k)
                    name = f"k = {k}, {words}"
                    band(panel, lines, "density", "barrier", role="ticket", label=name, colour=colour, linestyle=dash)
            density_axis(panel, view.instability["density"])
            threshold(panel, view.stable, f"{view.stable_below}: connected below")
            positive_axis(panel, "")
        label_vertical(row[0], view.barrier_label(middle="\nstatistics re-estimated" * (statistics == "estimated")))
    for panel, kind in zip(axes[0], kinds, strict=True):
        panel.set_title(titles[kind])
    legend(figure, interval_note(view.seeds()))
    return figure


def _kinds(view: View) -> list[str]:
    """Return the kinds of pairs that were connected."""
    return [kind for kind in PAIRS if (view.instability["pair"] == kind).any()]


def _titles(view: View) -> dict[str, str]:
    """Return the titles of panels; the intervals of the last one are over pairs."""
    copies = f"copies on {view.study.copies} data orders"
    return {"order": copies, "level": "successive levels", "seed": f"different seeds ({_pairs_of_seeds(view)})"}


def _pairs_of_seeds(view: View) -> str:
    count = view.lines(pair="seed")["seed"].nunique()
    return counted(count, "pairs of seeds")


def _chain(lines: pd.DataFrame, kind: str, k: int) -> pd.DataFrame:
    """Return the tickets of one chain and the dense network at 100% density, whose seeds differ from the start."""
    dense = where(lines, {"network": DENSE, "k": 0 if kind == "seed" else k})
    return pd.concat([dense, where(lines, {"network": TICKET, "k": k})])
