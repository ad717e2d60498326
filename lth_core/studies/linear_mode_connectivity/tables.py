"""The tables of Frankle et al. 2020 (arXiv 1912.05671): made of the lines between the ends of all pairs, and read."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from lth_core.analysis.barriers import barriers
from lth_core.analysis.measurements import RUN, final_metrics, read_histories, strict_mean
from lth_core.analysis.tables import read_table
from lth_core.analysis.ties import ranks
from lth_core.config import Config
from lth_core.metrics import Metric
from lth_core.storage.runs import DENSE
from lth_core.studies.linear_mode_connectivity.study import TICKET, Design, Pair, focus

PAIR = ["task", "k", "level", "network", "pair", "order"]
"""Columns that name a pair of trainings."""
LINE = ["seed", "draw", "matching", "statistics"]
"""Columns that name one line between the ends of one replicate of a pair."""
COLUMNS = (
    *("task", "k", "level", "density", "network", "pair", "order", *LINE),
    *("barrier_train", "barrier_test", "loss_barrier_train", "loss_barrier_test"),
    *("l2", "angle", "disagreement_train", "disagreement_test", "metric", "validation_metric"),
)
"""Barriers of error are in the metric as it is measured (of accuracy: fractions), disagreements are fractions, losses
in nats, angles in radians."""
PATH_COLUMNS = ("task", "k", "level", "density", "network", "statistics", "split", "alpha", "seed", "error")
"""`error`: the metric, as measured, turned so that more is worse (of accuracy: 1 − accuracy)."""
ORDER = {"pair": "order", "matching": "none", "statistics": "interpolated"}
"""The lines that stability is about: between copies on two data orders, as they are."""
FEWEST = 6
"""Subnetworks (steps x levels x kinds) that a correlation needs: of two it is always 1 or -1."""


def tables(study: Design, config: Config) -> dict[str, pd.DataFrame]:
    """Make both tables of the study, all tasks together.

    instability: one row per line between two trained networks: a pair of trainings (`task` to `order`), a replicate,
    and how the ends are matched and batch statistics made (`matching`, `statistics`); with the metrics of its end on
    data order 0 at the last step (`metric` on test data, `validation_metric`). paths: errors on the lines between
    copies of dense networks and of tickets, at the levels that the figures show, averaged over data orders; `alpha`
    goes from 0 to 1.
    """
    pairs = list(study.pairs(config))
    ends = final_metrics(read_histories(config, dict.fromkeys(pair.run for pair in pairs)))
    instability, paths = [], []
    for pair in pairs:
        path_file, ends_file = pair.files(config.results)
        path = read_table(path_file)
        measured = _by_line(barriers(path)).merge(read_table(ends_file), on=["seed", "draw", "matching"], how="left")
        instability.append(_named(measured, pair))
        if _is_drawn(pair, study.levels_of(config, pair.run.task)):
            paths.append(_named(path[path["matching"] == "none"], pair))
    lines = pd.concat(instability, ignore_index=True).merge(ends, on=[*RUN, "seed", "draw"], how="left")
    densities = ends.drop_duplicates(RUN)[[*RUN, "density"]]
    drawn = pd.concat(paths, ignore_index=True).merge(densities, on=RUN, how="left")
    averaged = drawn.groupby(list(PATH_COLUMNS[:-1]), sort=False, as_index=False)["error"].agg(strict_mean)
    return {"instability": lines[list(COLUMNS)], "paths": averaged}


def _by_line(measured: pd.DataFrame) -> pd.DataFrame:
    """Put barriers of error and loss on training and test split side by side, with one row per line."""
    wide = measured.pivot(index=LINE, columns="split", values=["barrier", "loss_barrier"])
    wide.columns = [f"{quantity}_{split}" for quantity, split in wide.columns]
    return wide.reset_index()


def _named(table: pd.DataFrame, pair: Pair) -> pd.DataFrame:
    """Add the columns PAIR, and the columns RUN of the end on data order 0."""
    run = pair.run
    run_columns = dict(zip(RUN, [run.task, run.cohort, run.method, run.level, pair.network], strict=True))
    return table.assign(**run_columns, k=pair.k, network=pair.network, pair=pair.kind, order=pair.order)


def _is_drawn(pair: Pair, levels: list[int]) -> bool:
    return pair.kind == "order" and pair.network in (DENSE, TICKET) and pair.run.level in (0, *focus(levels))


# ---------------------------------------------------------------- reading the tables


def where(table: pd.DataFrame, values: Mapping[str, object]) -> pd.DataFrame:
    """Return the rows of a table whose columns have these values."""
    for column, value in values.items():
        table = table[table[column] == value]
    return table


def successes(instability: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Return `barrier` and `success`, as measured, per k, level, network (all but the dense one) and seed of a task.

    barrier: of test error; success: how much better the test metric is than that of the same seed's dense network.
    """
    rows = where(instability, ORDER)
    dense = rows[rows["network"] == DENSE].groupby("seed")["metric"].first()
    rows = rows[rows["network"] != DENSE]
    difference = rows["metric"] - rows["seed"].map(dense)
    rows = rows.assign(barrier=rows["barrier_test"], success=difference if metric.higher_is_better else -difference)
    return rows.groupby(["k", "level", "network", "seed"], as_index=False)[["barrier", "success"]].agg(strict_mean)


def rank_correlation(first: pd.Series, second: pd.Series) -> float:
    """Return Spearman's rank correlation; nan if a value is missing or all are equal. Rounding decides no rank."""
    if first.isna().any() or second.isna().any():
        return float("nan")
    return ranks(first).corr(ranks(second))
