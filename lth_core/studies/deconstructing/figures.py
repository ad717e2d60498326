"""The figures of Zhou et al. 2019 (arXiv 1905.01067), drawn from the study's tables, and their captions."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lth_core.config import Config
from lth_core.drawing.axes import density_axis, percent_axis
from lth_core.drawing.colours import SERIES
from lth_core.drawing.figures import interval_note, legend
from lth_core.drawing.lines import band, reference
from lth_core.drawing.multiples import GREY, multiples
from lth_core.studies.base import Drawing
from lth_core.studies.captions import data_note
from lth_core.studies.deconstructing import captions
from lth_core.studies.deconstructing.study import KEPT_ACTIONS, PRUNED_ACTIONS, REWIND, ZERO, Design

CRITERION_STYLES = {
    "large-final": (SERIES[0], "-"),
    "small-final": (SERIES[0], "--"),
    "large-init": (SERIES[1], "-"),
    "small-init": (SERIES[1], "--"),
    "large-init-large-final": (SERIES[2], "-"),
    "small-init-small-final": (SERIES[2], "--"),
    "magnitude-increase": (SERIES[3], "-"),
    "movement": (SERIES[4], "-"),
    "random": (SERIES[7], "-"),
    "large-final-same-sign": (SERIES[0], "-."),
    "large-final-diff-sign": (SERIES[0], ":"),
    "magnitude-increase-same-sign": (SERIES[3], "-."),
    "magnitude-increase-diff-sign": (SERIES[3], ":"),
}
"""Criterion -> colour and line style; unlisted ones have OTHER_STYLE."""
OTHER_STYLE = (SERIES[6], "-")
FAMILIES = {
    "final weights": ("large-final", "small-final"),
    "initial weights": ("large-init", "small-init"),
    "both": ("large-init-large-final", "small-init-small-final"),
    "changes of weights": ("magnitude-increase", "movement"),
    "large final, by sign": ("large-final", "large-final-same-sign", "large-final-diff-sign"),
    "magnitude increase, by sign": (
        "magnitude-increase",
        "magnitude-increase-same-sign",
        "magnitude-increase-diff-sign",
    ),
}
"""Title of a panel -> its criteria, where they are used."""

ACTION_LABELS = {
    ZERO: "set to 0",
    "freeze-init": "frozen at start",
    "freeze-init-zero-mask": "0 if moved toward 0, else frozen",
    "freeze-init-zero-all": "0 if moved toward 0 (kept ones, too), else frozen",
    "freeze-init-zero-reverse": "0 if moved away from 0, else frozen",
    "freeze-init-zero-reshuffle": "random ones 0, else frozen",
    REWIND: "own starting values",
    **{name: name.replace("-signed", ", signs kept") for name in KEPT_ACTIONS},
}
ACTION_TITLES = {
    "freeze-init": "frozen",
    "freeze-init-zero-mask": "0 if moved toward 0",
    "freeze-init-zero-all": "kept ones 0, too",
    "freeze-init-zero-reverse": "0 if moved away from 0",
    "freeze-init-zero-reshuffle": "random ones 0",
    "redraw": "redrawn",
    "reshuffle": "reshuffled",
}
ACTION_COLOURS = dict(zip([ZERO, *PRUNED_ACTIONS], SERIES, strict=False)) | {
    REWIND: SERIES[0],
    "redraw": SERIES[1],
    "reshuffle": SERIES[2],
    "constant": SERIES[3],
}


def drawings(study: Design, config: Config, task: str, accuracies: pd.DataFrame) -> list[Drawing]:
    """Draw the figures of one task."""
    table = accuracies[accuracies["task"] == task]
    chains = study.chains(config, study.tasks[task])
    criteria, kept, pruned = (chains[part] for part in ("criteria", "kept", "pruned"))
    draw = {
        "criteria": (captions.criteria(criteria), lambda: _criteria(table, criteria)),
        "kept-weights": (captions.kept_weights(kept), lambda: _kept(table, kept)),
        "pruned-weights": (captions.pruned_weights(pruned), lambda: _pruned(table, pruned)),
    }
    data = data_note(config.tasks[task], table["seed"].nunique())
    return [Drawing(f"{kind}-{task}", f"{caption} {data}", drawn) for kind, (caption, drawn) in draw.items()]


def _criteria(table: pd.DataFrame, chains: dict[str, str]) -> Figure:
    """Draw a panel for each family of criteria."""

    def line(axes: Axes, name: str) -> None:
        colour, dash = CRITERION_STYLES.get(name, OTHER_STYLE)
        _line(axes, table, chains[name], criterion_label(name), colour, dash)

    figure, row = multiples(criterion_families(list(chains)), line, lambda name: _means(table, chains[name]))
    return _finish(figure, row, table)


def criterion_families(criteria: Sequence[str]) -> dict[str, list[str]]:
    """Group criteria for panels, each with random masks to compare them with."""
    random = ["random"] if "random" in criteria else []
    families: dict[str, list[str]] = {}
    listed = {*random}
    for title, members in FAMILIES.items():
        inside = [name for name in members if name in criteria]
        if not listed.issuperset(inside):
            families[title] = [*inside, *random]
            listed |= {*inside}
    if others := [name for name in criteria if name not in listed]:
        families["other criteria"] = [*others, *random]
    return families or {"random masks": random}


def criterion_label(name: str) -> str:
    """Return the name of a criterion in legends."""
    return name.replace("-same-sign", ", same sign").replace("-diff-sign", ", other sign").replace("-", " ")


def _kept(table: pd.DataFrame, chains: dict[str, str]) -> Figure:
    """Draw a panel for each new value of kept weights, beside their own: dashed where they lose their signs."""
    actions = dict.fromkeys(name.removesuffix("-signed") for name in chains if name != REWIND)
    unchanged = [REWIND] if REWIND in chains else []
    groups = {
        ACTION_TITLES.get(action, action): [
            *unchanged,
            *(name for name in chains if name.removesuffix("-signed") == action),
        ]
        for action in actions
    }
    return _actions(table, chains, groups or {"": unchanged})


def _pruned(table: pd.DataFrame, chains: dict[str, str]) -> Figure:
    """Draw a panel for each fate of pruned weights, beside setting them to 0."""
    zero = [ZERO] if ZERO in chains else []
    groups = {ACTION_TITLES.get(name, name): [*zero, name] for name in chains if name != ZERO}
    return _actions(table, chains, groups or {"": zero})


def _actions(table: pd.DataFrame, chains: dict[str, str], groups: dict[str, list[str]]) -> Figure:
    """Draw one curve per action: solid, but dashed where kept weights lose their signs."""

    def line(axes: Axes, name: str) -> None:
        loses_signs = name in KEPT_ACTIONS and not name.endswith("-signed")
        colour = ACTION_COLOURS[name.removesuffix("-signed")]
        _line(axes, table, chains[name], ACTION_LABELS[name], colour, "--" if loses_signs else "-")

    figure, row = multiples(groups, line, lambda name: _means(table, chains[name]))
    return _finish(figure, row, table)


def _means(table: pd.DataFrame, method: str) -> pd.Series:
    return table[table["method"] == method].groupby("density")["accuracy"].mean()


def _line(axes: Axes, table: pd.DataFrame, method: str, label: str, colour: str, line: str) -> None:
    rows = table[table["method"] == method]
    band(axes, rows, "density", "accuracy", label=label, colour=colour, linestyle=line, markers=False)


def _finish(figure: Figure, row: Sequence[Axes], table: pd.DataFrame) -> Figure:
    """Add the dense network's accuracy, axes and legend."""
    levels = table[table["level"] > 0]
    for panel in row:
        reference(panel, table.loc[table["level"] == 0, "accuracy"])
        density_axis(panel, levels.groupby("level")["density"].mean())
        percent_axis(panel.yaxis, "test accuracy")
    legend(figure, f"{interval_note(table['seed'].nunique())}; {GREY}")
    return figure
