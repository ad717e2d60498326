"""Measurements: what a study reads from the history of a training, one row per replicate.

`metric` is what a task is measured by; tasks of one table may have different metrics. Early stopping is determined
afterwards, in the history of the full run: the step of minimum validation loss (Frankle & Carbin 2019, appendix C), or
that of the best validation metric where the metric says so. The test split is only reported, at steps that the
validation split chose.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

import numpy as np
import pandas as pd

from lth_core.analysis.tables import read_table
from lth_core.config import Config
from lth_core.metrics import Metric
from lth_core.storage.errors import ArtifactError
from lth_core.storage.runs import DENSE, Run
from lth_core.storage.tensors import read_header
from lth_core.tasks.metrics import metric_of

RUN = ["task", "cohort", "method", "level", "branch"]
"""Columns that name a run; `branch` is `dense` at level 0 and `ticket` where the ticket itself is trained."""

REPLICATE = [*RUN, "density", "seed", "draw"]
"""Columns that name one replicate of a run, with the density it is trained at."""

FRACTIONS = {"one_third": 1 / 3, "two_thirds": 2 / 3, "end": 1.0}
"""Points in training, besides early stopping, where the metric is measured."""


def metrics_by_task(config: Config) -> dict[str, Metric]:
    """Return what each task is measured by."""
    return {name: metric_of(task) for name, task in config.tasks.items()}


def read_histories(config: Config, runs: Iterable[Run]) -> pd.DataFrame:
    """Read the histories of all runs into one tidy table: RUN, density, seed, draw, step, split, loss, metric.

    `metric` is that of `read_history`. Raises ArtifactError when a history or a mask cannot be read.
    """
    tables = []
    for run in runs:
        history = read_history(config, run.task, run.history(config.results))
        branch = run.branch or ("ticket" if run.level else DENSE)
        density = read_header(run.mask(config.results))["density"] if run.level else 1.0
        values = [run.task, run.cohort, run.method, run.level, branch, density]
        tables.append(history.assign(**dict(zip([*RUN, "density"], values, strict=True))))
    columns = [*REPLICATE, "step", "split", "loss", "metric"]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def read_history(config: Config, task: str, path: str) -> pd.DataFrame:
    """Read a history of a task, with the further column `metric`: what the task is measured by.

    On test data it is without `config.fold_left_out`, where the task has folds. Raises ArtifactError when the history
    cannot be read, or lacks this metric.
    """
    history, metric, fold = read_table(path), metric_of(config.tasks[task]), config.fold_left_out
    tested = metric.name
    if fold is not None and config.tasks[task].train.test_folds:
        tested = metric.without(fold)
    for column in (metric.name, tested):
        if column not in history:
            raise ArtifactError.unusable(path, f"has no column '{column}'")
    return history.assign(metric=history[tested].where(history["split"] == "test", history[metric.name]))


def measure(histories: pd.DataFrame, metrics: Mapping[str, Metric]) -> pd.DataFrame:
    """Measure every replicate: one row each, with the columns REPLICATE and those below.

    `early_stop_step`: step of minimum validation loss, or of the best validation metric for tasks whose metric selects
    (the first one of several); `validation_loss`: the loss there; `{train,test}_metric_early_stop`: the metric at
    that step; `{train,test}_metric_{end,one_third,two_thirds}`: the metric at these parts of training (at the evaluated
    step next to them); `steps_to_dense`: the first evaluated step whose validation metric matches that of the same
    seed's dense network at the end of training, nan if there is none; `diverged`: some loss or validation metric is not
    finite, which makes every measurement nan.

    Args:
        histories: the table of `read_histories`.
        metrics: what each task is measured by (`metrics_by_task`).
    """
    long = histories.set_index([*REPLICATE, "step", "split"])[["loss", "metric"]]
    steps = cast("pd.DataFrame", long.unstack("split")).sort_index()  # a series only without further indices
    steps.columns = [f"{split}_{quantity}" for quantity, split in steps.columns]
    steps = steps.reset_index()
    known = steps.filter(regex="_loss$|^validation_metric$")
    finite = cast("pd.DataFrame", np.isfinite(known)).all(axis=1)
    finite = finite.groupby([steps[name] for name in REPLICATE]).transform("all")
    measured = steps[REPLICATE].drop_duplicates(ignore_index=True)
    sound = steps[finite]

    early = _rows_of_minimum(sound, _selection(sound, metrics))
    names = {"step": "early_stop_step"}
    names |= {f"{split}_metric": f"{split}_metric_early_stop" for split in ("train", "test")}
    stopped = early.rename(columns=names)
    stopped = stopped[[*REPLICATE, "early_stop_step", "validation_loss", *list(names.values())[1:]]]
    last = sound.groupby(REPLICATE)["step"].transform("max")
    for name, fraction in FRACTIONS.items():
        nearest = _rows_of_minimum(sound, (sound["step"] - fraction * last).abs())
        names = {f"{split}_metric": f"{split}_metric_{name}" for split in ("train", "test")}
        stopped = stopped.merge(nearest[[*REPLICATE, *names]].rename(columns=names), on=REPLICATE)
    stopped = stopped.merge(_steps_to_dense(sound[sound["step"] == last], sound, metrics), on=REPLICATE, how="left")
    measured = measured.merge(stopped, on=REPLICATE, how="left")
    return measured.assign(diverged=measured["early_stop_step"].isna())


def final_metrics(histories: pd.DataFrame) -> pd.DataFrame:
    """Return the test `metric` and the `validation_metric` at the last step: one row per replicate, with REPLICATE.

    They are nan where training diverged.
    """
    ends = histories[histories["step"] == histories.groupby(REPLICATE)["step"].transform("max")]
    ends = ends.assign(metric=ends["metric"].where(np.isfinite(ends["loss"])))
    wide = ends.pivot(index=REPLICATE, columns="split", values="metric").reset_index()
    return wide.rename(columns={"test": "metric", "validation": "validation_metric"})


def first_metrics(histories: pd.DataFrame) -> pd.DataFrame:
    """Return, in the columns of `final_metrics`, what was measured before the first step of every training."""
    return final_metrics(histories[histories["step"] == histories.groupby(REPLICATE)["step"].transform("min")])


def _selection(steps: pd.DataFrame, metrics: Mapping[str, Metric]) -> pd.Series:
    """Return what is smallest where training would stop: validation loss, or the validation metric's error."""
    selected = steps["validation_loss"].copy()
    for task, rows in steps.groupby("task"):
        metric = metrics[str(task)]
        if metric.selects:
            selected[rows.index] = metric.errors(rows["validation_metric"])
    return selected


def _steps_to_dense(ends: pd.DataFrame, steps: pd.DataFrame, metrics: Mapping[str, Metric]) -> pd.DataFrame:
    seed = ["task", "cohort", "seed"]
    dense = ends.loc[ends["branch"] == DENSE, [*seed, "validation_metric"]]
    pairs = steps.merge(dense, on=seed, suffixes=("", "_of_dense"))
    matching = pd.Series(False, pairs.index)
    for task, rows in pairs.groupby("task"):
        matching[rows.index] = metrics[str(task)].matches(rows["validation_metric"], rows["validation_metric_of_dense"])
    first = pairs[matching].groupby(REPLICATE)["step"].min()
    return first.rename("steps_to_dense").reset_index()


def _rows_of_minimum(steps: pd.DataFrame, values: pd.Series) -> pd.DataFrame:
    """Return, per replicate, the row where `values` is smallest; among equals the earliest step."""
    return steps.loc[values.groupby([steps[name] for name in REPLICATE]).idxmin()]


# ---------------------------------------------------------------- selecting


def select(table: pd.DataFrame, task: str, method: str, branch: str = "ticket") -> pd.DataFrame:
    """Return the rows of one curve over levels, without the dense network."""
    return table[(table["task"] == task) & (table["method"] == method) & (table["branch"] == branch)]


def select_dense(table: pd.DataFrame, task: str) -> pd.DataFrame:
    """Return the rows of a task's dense network."""
    return select(table, task, DENSE, DENSE)


def per_seed(rows: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Return a quantity with one row per seed and one column per level; draws are averaged within their seed."""
    return rows.groupby(["seed", "level"])[quantity].agg(strict_mean).unstack("level")


def seed_means(rows: pd.DataFrame, quantity: str) -> pd.Series:
    """Return a quantity with one value per seed, averaged over draws; nan where one of them diverged."""
    return rows.groupby("seed")[quantity].agg(strict_mean)


def strict_mean(values: pd.Series) -> float:
    """Return the mean of values, nan where one is missing: what diverged is never left out silently."""
    return values.mean(skipna=False)


def level_densities(rows: pd.DataFrame) -> pd.Series:
    """Return the density by level, with rising levels."""
    return rows.groupby("level")["density"].mean()


def at_densities(values: pd.DataFrame, densities: pd.Series, wanted: pd.Series) -> pd.DataFrame:
    """Interpolate a quantity (seeds x levels) at other densities (by level): linearly in the logarithm of density.

    `densities` are those that it was measured at; wanted densities outside their range are left out.
    """
    inside = wanted[(wanted >= densities.min() * (1 - 1e-9)) & (wanted <= densities.max() * (1 + 1e-9))]
    levels = densities.sort_values().index
    points, known = np.log(inside.to_numpy()), np.log(densities[levels].to_numpy())
    rows = [np.interp(points, known, row) for row in values[levels].to_numpy(float)]
    return pd.DataFrame(np.reshape(rows, (len(values), len(inside))), index=values.index, columns=inside.index)


def nearest_level(rows: pd.DataFrame, density: float, within: float = 1.25) -> int | None:
    """Return the level whose density is nearest in the logarithm; None if it is off by more than a factor `within`."""
    levels = rows.drop_duplicates("level")
    off = np.abs(np.log(levels["density"].to_numpy(float) / density))
    if not len(off) or off.min() > np.log(within) + 1e-9:
        return None
    return int(levels["level"].iloc[off.argmin()])
