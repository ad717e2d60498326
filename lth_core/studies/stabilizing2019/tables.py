"""The table of the study of Frankle et al. 2019 (arXiv 1903.01611), read from histories and distances."""

from __future__ import annotations

import pandas as pd

from lth_core.analysis.measurements import RUN, final_metrics, read_histories
from lth_core.analysis.tables import read_table
from lth_core.config import Config
from lth_core.studies.stabilizing2019.study import RANDOM, TICKET, Design

COLUMNS = (
    *("task", "k", "level", "density", "network", "seed", "draw", "metric", "validation_metric"),
    *("order_l2", "order_angle", "pruning_l2", "pruning_angle"),
)
"""Distances between copies on two data orders (`order_`), and of a ticket from the dense network (`pruning_`): L2
norms, and angles in radians."""


def tables(study: Design, config: Config) -> dict[str, pd.DataFrame]:
    """Make `measurements`: one row per task, rewind step k, level, network (dense, ticket, random-mask) and replicate.

    `metric` (test) and `validation_metric` are those of the last step. Distances are empty where they are not measured.
    """
    runs = [run for run in study.runs(config) if run.branch in (None, RANDOM)]
    table = final_metrics(read_histories(config, runs))
    distances: dict[str, list[pd.DataFrame]] = {"order": [], "pruning": []}
    for (run, kind), path in study.distance_files(config).items():
        run_columns = dict(zip(RUN, [run.task, run.cohort, run.method, run.level, run.branch or TICKET], strict=True))
        distance = read_table(path).rename(columns={"l2": f"{kind}_l2", "angle": f"{kind}_angle"})
        distances[kind].append(distance.assign(**run_columns))
    for parts in distances.values():
        table = table.merge(pd.concat(parts), on=[*RUN, "seed", "draw"], how="left")
    steps = {(task, method): step for task, _, step, method in study.chains(config)}
    table["k"] = [steps.get(chain, 0) for chain in zip(table["task"], table["method"], strict=True)]
    return {"measurements": table.rename(columns={"branch": "network"})[list(COLUMNS)]}
