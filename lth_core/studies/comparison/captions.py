"""The captions of the comparison's figures: what is drawn, how it was made comparable, and what was left out."""

from __future__ import annotations

from lth_core.metrics import counted, percent_text
from lth_core.studies.captions import data_note, listing, with_direction
from lth_core.studies.comparison.view import View
from lth_core.studies.contenders import LEARNED, label_of, untrained_note

CONVENTION = (
    "Costs are counted, not timed: a training step as three forward passes with the weights that are kept (Gale et al. "
    "2019, Evci et al. 2020), as hardware would do it that skips all others"
)


def captions(view: View) -> dict[str, str]:
    """Write the caption of every figure of a task, by kind."""
    untrained = f" {untrained_note(view.contenders.values())}".rstrip()
    tested = f"Test {view.metric.label} at the end of training"
    kinds = {
        "densities": f"{tested} against density, a panel for each way of making masks; grey: the methods of the "
        f"other panels. Every ticket is trained as the recipe says, after its mask is found.{untrained}"
        f"{_left_out(view)}",
        "flops": f"{tested} against what search and training cost together, in trainings of the dense network; the "
        f"density falls along each line from {percent_text(view.study.densities[0])}%.{_diamonds(view)} {CONVENTION}.",
        "ranks": f"Ranks of the methods by test {view.metric.label}, at every density; the best on average at the top. "
        f"{_intervals(view)}",
        "search": "What it costs to find a mask and to train its ticket, in trainings of the dense network. Where "
        "masks change while training, finding is what the training costs beyond one with the last mask: the way "
        f"down from dense, or gradients by all weights.{_learned(view)} {CONVENTION}.{_control(view)}",
        "equal-cost": f"Search and training at the same cost for all methods: what a method leaves of what the most "
        f"expensive one costs goes into longer training, up to {view.study.longest:g} times the recipe's steps, with a "
        f"stretched schedule.{_capped(view)}{untrained} Steps are planned by density. Left: the cost that was reached; "
        f"middle: test {view.metric.label}; right: ranks. {_intervals(view)}",
    }
    notes = {"densities": data_note(view.config.tasks[view.task], view.seeds)}
    note = data_note(view.config.tasks[view.task])
    return {
        kind: f"{with_direction(text, view.metric)} {notes.get(kind, note)}"
        for kind, text in kinds.items()
        if kind != "equal-cost" or view.study.has_total
    }


def _left_out(view: View) -> str:
    """Name the methods that the task cannot have, and why."""
    left_out = view.study.left_out(view.config, view.task)
    reasons = [f"{label_of(name)} ({why})" for name, why in left_out.items()]
    return f" Left out: {listing(reasons)}." if reasons else ""


def _intervals(view: View) -> str:
    pairs = len(view.contenders) * (len(view.contenders) - 1) // 2
    return (
        "Lines are simultaneous 95% intervals: a rank is between one more than the number of methods that are surely "
        f"better, and that of those that are not surely worse, by paired t intervals of all {pairs} pairs of methods "
        f"at a joint level of 95% (Bonferroni) over {counted(view.seeds, 'seeds')}, for each density."
    )


def _diamonds(view: View) -> str:
    if not view.study.has_total:
        return ""
    shown = listing([f"{percent_text(density)}%" for density in view.study.total_densities])
    return f" Diamonds: with {shown} of the weights, trained so long that all methods cost the same, where they can."


def _capped(view: View) -> str:
    """Name the methods whose trainings are as long as they may be, and cost less all the same, by density."""
    most = round(view.study.longest * view.config.tasks[view.task].train.steps)
    by_density = {}
    for density in view.study.total_densities:
        planned = view.study.longer(view.config, view.task, density)
        labels = [contender.label for name, contender in view.contenders.items() if planned.get(name) == most]
        if labels:
            by_density[f"with {percent_text(density)}% of the weights"] = "; ".join(labels)
    if not by_density:
        return ""
    first, *others = by_density.values()
    if len(by_density) == len(view.study.total_densities) and all(other == first for other in others):
        return f" That is less than the others cost for these: {first}."
    return f" That is less than the others cost {'; '.join(f'{at} for {labels}' for at, labels in by_density.items())}."


def _learned(view: View) -> str:
    """Say what a search for masks costs, where one is compared."""
    if all(contender.group != LEARNED for contender in view.contenders.values()):
        return ""
    return (
        " Where masks are learned, finding is their search. Its steps cost as much as those of training what the level "
        "before left (soft masks) or, where weights stay as they are (edge-popup), two passes with the kept ones and "
        "one with all."
    )


def _control(view: View) -> str:
    """Say what costs leave out where data are made by the network."""
    if not view.metric.selects:
        return ""
    return " Episodes count as if all reached the time limit; acting in them is not counted."
