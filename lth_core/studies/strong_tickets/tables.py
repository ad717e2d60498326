"""The tables of the study of strong tickets, read from tickets, searches and a criterion's masks."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from lth_core.analysis.measurements import final_metrics, read_histories, read_history
from lth_core.analysis.tables import read_table
from lth_core.config import Config
from lth_core.metrics import ACCURACY
from lth_core.storage.runs import Run
from lth_core.storage.tensors import read_header
from lth_core.studies.strong_tickets.study import DENSE, EDGE_POPUP, ONE_SHOT, RANDOM, UNTRAINED, Design

COLUMNS = (
    *("task", "kind", "weights", "method", "level", "density", "seed"),
    *("metric", "validation_metric"),
)
"""`weights` below the mask: initial, constant, or trained."""

WIDTH_COLUMNS = ("task", "width", "kind", "density", "seed", "metric", "validation_metric")


def tables(study: Design, config: Config) -> dict[str, pd.DataFrame]:
    """Make the tables.

    `subnetworks`: one row per task, kind, weights, method, level and seed: subnetworks that are searched for, random
    masks of as many weights in each layer (the first step of edge-popup's search), masks by a criterion, and the whole
    network, untrained and trained. `widths`: one row per task, width, kind (edge-popup, dense) and seed.

    `metric` (test) and `validation_metric` are nan where a search or a training diverged.
    """
    ends = final_metrics(read_histories(config, study.runs(config)))
    parts = [*_searched(study, config, ends), *_random(study, config), *_by_criterion(study, config)]
    parts += [*_whole(study, config, ends)]
    subnetworks = pd.concat(parts, ignore_index=True)[list(COLUMNS)]
    return {"subnetworks": subnetworks, "widths": _widths(study, ends)}


def _rows_of(ends: pd.DataFrame, run: Run) -> pd.DataFrame:
    """The last rows of a run."""
    same = (ends["task"] == run.task) & (ends["cohort"] == run.cohort) & (ends["method"] == run.method)
    return ends[same & (ends["level"] == run.level)]


def _searched(study: Design, config: Config, ends: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for task in study.tasks:
        for cohort in config.tasks[task].cohorts:
            for kind, weights, run in study.searches(config, task, cohort):
                yield _rows_of(ends, run).assign(kind=kind, weights=weights)


def _random(study: Design, config: Config) -> Iterator[pd.DataFrame]:
    """What masks of random scores come to, which edge-popup starts from."""
    for (task, weights, run), path in study.search_files(config).items():
        density = read_header(run.mask(config.results))["density"]
        first = _at_step_0(read_history(config, task, path))
        yield first.assign(task=task, kind=RANDOM, weights=weights, method=run.method, level=run.level, density=density)


def _at_step_0(history: pd.DataFrame) -> pd.DataFrame:
    """The test and the validation metric before the first step, by seed."""
    wide = history[history["step"] == 0].pivot(index="seed", columns="split", values="metric").reset_index()
    return wide.rename(columns={"test": "metric", "validation": "validation_metric"})


def _by_criterion(study: Design, config: Config) -> Iterator[pd.DataFrame]:
    names = {"values": "weights", f"test_{ACCURACY.name}": "metric", f"validation_{ACCURACY.name}": "validation_metric"}
    for (task, _), path in study.supermask_files(config).items():
        rows = read_table(path).rename(columns=names)
        rows = rows[rows["level"] > 0]  # level 0 is the whole network
        yield rows.assign(task=task, kind=ONE_SHOT, method=f"{study.tasks[task]}-{ONE_SHOT}")


def _whole(study: Design, config: Config, ends: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The whole network before and after training."""
    for task in study.tasks:
        for cohort in config.tasks[task].cohorts:
            dense = Run(task, cohort)
            yield _rows_of(ends, dense).assign(kind=DENSE, weights="trained")
            first = _at_step_0(read_history(config, task, dense.history(config.results)))
            about = {"method": DENSE, "level": 0, "density": 1.0}
            yield first.assign(task=task, kind=UNTRAINED, weights="initial", **about)


def _widths(study: Design, ends: pd.DataFrame) -> pd.DataFrame:
    parts = [pd.DataFrame(columns=list(WIDTH_COLUMNS))]
    for task, base in study.tasks.items():
        for width in study.widths:
            of_task = ends[ends["task"] == study.at_width(task, width)]
            dense, searched = of_task[of_task["level"] == 0], of_task[of_task["method"] == base]
            searched = searched[searched["level"] == study.width_level]
            parts += [
                rows.assign(task=task, width=width, kind=kind)[list(WIDTH_COLUMNS)]
                for kind, rows in ((DENSE, dense), (EDGE_POPUP, searched))
            ]
    return pd.concat(parts[1:] or parts, ignore_index=True)
