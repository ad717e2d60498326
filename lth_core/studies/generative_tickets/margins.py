"""Margins in proportion: how much of what networks gain still matches, for captions and remarks of claims."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from lth_core.analysis.claims import Claim, remarked
from lth_core.analysis.measurements import seed_means, select_dense
from lth_core.config import Config
from lth_core.studies.generative_tickets.study import Design
from lth_core.studies.judges import FLOOR, FRECHET, frechet_metric
from lth_core.studies.proportions import in_proportion
from lth_core.studies.task_tables import TaskTables


def of_metric(about: TaskTables) -> str:
    """Say how much of what a task's dense network gains still matches; empty where that is unknown."""
    dense = select_dense(about.tables["measurements"], about.task)["metric"].mean()
    other = select_dense(about.tables["samples"], about.task)["simplest"].iloc[0]
    return in_proportion(about.config, about.task, about.metric, dense, other)


def of_spread(about: TaskTables) -> str:
    """Say how large the spread of a GAN's dense networks is, within which distances match; empty where unknown."""
    dense = select_dense(about.tables["judged"], about.task)
    distances, floor = seed_means(dense, FRECHET.name), dense[FLOOR].mean()
    what = "The spread of dense networks over seeds, "
    return in_proportion(about.config, about.task, frechet_metric(distances), distances.mean(), floor, what)


MARGINS = {"measurements": of_metric, "judged": of_spread}
"""Table -> what says in proportion the margins of claims that are read from it."""


def in_proportions(
    study: Design, config: Config, tables: dict[str, pd.DataFrame], claims: Sequence[Claim]
) -> list[Claim]:
    """Let the claims of the study that have a margin remark how much it is."""
    return [
        remarked(one, MARGINS[one.table](TaskTables(study, config, tables, one.task)))
        if one.margin and not math.isnan(one.margin)
        else one
        for one in claims
    ]
