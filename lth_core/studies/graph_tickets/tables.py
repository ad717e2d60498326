"""The table of the study of graph tickets, read from histories and the headers of masks."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lth_core.analysis.measurements import metrics_by_task, read_histories
from lth_core.config import Config
from lth_core.metrics import Metric
from lth_core.storage.paths import initial_file
from lth_core.storage.runs import Run
from lth_core.storage.tensors import read_header
from lth_core.studies.graph_tickets.study import EDGE, Design

COLUMNS = (
    *("task", "pruned", "level", "seed", "edge_density", "weight_density"),
    *("best_step", "metric", "validation_metric"),
)


def tables(study: Design, config: Config) -> dict[str, pd.DataFrame]:
    """Make `tickets`: one row per task, way of pruning (`dense`, `ugs`, ...), level and seed.

    `edge_density` and `weight_density` are the fractions of edges (both directions of an edge together) and of weights
    that are kept. `best_step` is the first evaluated step with the best validation metric; `metric` (test) and
    `validation_metric` are those at this step. They are nan where training diverged.
    """
    metrics, parts = metrics_by_task(config), []
    for task in study.tasks:
        for pruned, run in study.tickets(config, task):
            rows = at_best(read_histories(config, [run]), metrics[task])
            parts.append(rows.assign(task=task, pruned=pruned, level=run.level, **_densities(config, run)))
    return {"tickets": pd.concat(parts, ignore_index=True)[list(COLUMNS)]}


def at_best(history: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Return a row per seed of one run's history: the step that is best on the validation split, and its metrics."""
    wide = history.pivot(index=["seed", "step"], columns="split", values="metric").reset_index()
    known = history.groupby("seed")["loss"].agg(lambda losses: bool(np.isfinite(losses).all()))
    wide["error"] = metric.errors(wide["validation"]).fillna(np.inf)
    best = wide.loc[wide.groupby("seed")["error"].idxmin()].set_index("seed")
    rows = best.rename(columns={"step": "best_step", "test": "metric", "validation": "validation_metric"})
    rows = rows[["best_step", "metric", "validation_metric"]].astype(float)
    return rows.where(known.reindex(rows.index)).reset_index()


def _densities(config: Config, run: Run) -> dict[str, float]:
    """The fractions of edges and weights that a run's masks keep, the same in all replicates."""
    if not run.level:
        return {"edge_density": 1.0, "weight_density": 1.0}
    kinds = read_header(initial_file(config.results, run.task, run.cohort))["layers"]
    header = read_header(run.mask(config.results))
    kept, total = ({True: 0.0, False: 0.0} for _ in range(2))
    for name, counts in header["kept"].items():
        kept[kinds[name] == EDGE] += float(np.mean(counts))
        total[kinds[name] == EDGE] += header["total"][name]
    density = {is_edge: kept[is_edge] / count if count else 1.0 for is_edge, count in total.items()}
    return {"edge_density": density[True], "weight_density": density[False]}
