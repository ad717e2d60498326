"""The tables of the study of Frankle & Carbin 2019, read from histories and from histograms of weights."""

from __future__ import annotations

import pandas as pd

from lth_core.analysis.measurements import (
    FRACTIONS,
    REPLICATE,
    RUN,
    measure,
    metrics_by_task,
    nearest_level,
    read_histories,
    select,
    select_dense,
)
from lth_core.analysis.tables import read_table
from lth_core.config import Config
from lth_core.studies.frankle2019.study import CURVE_DENSITIES, Design

MEASUREMENTS = (
    *(*REPLICATE, "early_stop_step", "validation_loss"),
    *(f"{split}_metric_{point}" for point in ("early_stop", *FRACTIONS) for split in ("train", "test")),
    *("steps_to_dense", "diverged"),
)
CURVES = (*REPLICATE, "step", "metric")
WEIGHTS = [*RUN, "layer", "quantity", "group", "seed", "left", "right", "count", "total"]
"""`quantity`: the `initial` value, or the `distance` that dense training moves it; `group`: `kept` by the ticket or
`pruned`; the `count` and the sum (`total`) of the values from `left` to `right`."""


def tables(study: Design, config: Config) -> dict[str, pd.DataFrame]:
    """Make the three tables of the study.

    measurements: one row per replicate, with all that is measured of it. curves: the test metric of the dense
    network, of tickets of a few densities and of these reinitialized, one row per replicate and evaluated step.
    weights: histograms of the dense network's weights in and out of tickets, one row per layer, seed and bin.
    """
    histories = read_histories(config, study.runs(config))
    return {
        "measurements": measure(histories, metrics_by_task(config))[list(MEASUREMENTS)],
        "curves": curves(study, config, histories),
        "weights": weights(study, config),
    }


def curves(study: Design, config: Config, histories: pd.DataFrame) -> pd.DataFrame:
    """Return the test metric by step: dense, tickets at the levels nearest CURVE_DENSITIES, and their reinits."""
    tests = histories[histories["split"] == "test"].drop(columns=["split", "loss"])
    parts = []
    for task, method in study.tasks.items():
        tickets = select(tests, task, method)
        levels = {nearest_level(tickets, density) for density in CURVE_DENSITIES} - {None}
        parts.append(select_dense(tests, task))
        for branch in ("ticket", *study.reinits(config)):
            rows = select(tests, task, method, branch)
            parts.append(rows[rows["level"].isin(levels)])
    return pd.concat(parts, ignore_index=True)[list(CURVES)]


def weights(study: Design, config: Config) -> pd.DataFrame:
    """Read the histograms at the chosen levels; no rows where no method reaches one of them."""
    parts = []
    for run, path in study.histograms(config).items():
        run_columns = dict(zip(RUN, [run.task, run.cohort, run.method, run.level, "ticket"], strict=True))
        parts.append(read_table(path).assign(**run_columns)[WEIGHTS])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=WEIGHTS)
