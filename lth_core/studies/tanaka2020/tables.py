"""The tables of the study of Tanaka et al. 2020, read from histories and from analyses of theta_0."""

from __future__ import annotations

import pandas as pd

from lth_core.analysis.measurements import REPLICATE, final_metrics, measure, metrics_by_task, read_histories
from lth_core.analysis.tables import read_table
from lth_core.config import Config
from lth_core.storage.paths import collapse_file, saliency_file
from lth_core.storage.runs import Run
from lth_core.studies.tanaka2020.study import INVERTED, UNCHANGED, Design, inverted, one_shot

DENSE, ITERATIVE, AFTER = "dense", "imp", "magnitude-after"
"""Prunings besides those of theta_0: not at all, iteratively after training, in one shot after training."""

MEASUREMENTS = ("task", "pruning", "check", "level", "density", "seed", "draw", "metric", "validation_metric")
COLLAPSE = (
    "task",
    "pruning",
    "criterion",
    "iterations",
    "spacing",
    "seed",
    "compression",
    "layer",
    "kind",
    "kept",
    "total",
)
CRITICAL = ("task", "pruning", "criterion", "iterations", "spacing", "seed", "critical", "maximal")
CONSERVATION = ("task", "score", "seed", "layer", "size", "total", "mean", "layer_difference", "unit_difference")


def tables(study: Design, config: Config) -> dict[str, pd.DataFrame]:
    """Make the tables.

    `measurements`: one row per training and replicate: the task's metric at the end of training, by how the mask was
    made (`pruning`), what was done to it (`check`) and the level of the task's method that has its density. `collapse`:
    weights kept of every layer by masks of theta_0 at rising compressions. `critical`: the largest of these
    compressions up to which no layer is empty, and that with one weight per layer. `conservation`: of every score and
    layer the sum of synaptic saliency, its mean, the difference of the sum from the mean over layers as a part of that
    (`layer_difference`), and the largest difference between what comes into a unit and goes out.
    """
    collapse = _collapse(study, config)
    return {
        "measurements": _measurements(study, config),
        "collapse": collapse,
        "critical": critical_compressions(collapse),
        "conservation": _conservation(study, config),
    }


def _measurements(study: Design, config: Config) -> pd.DataFrame:
    histories = read_histories(config, study.runs(config))
    measured = measure(histories, metrics_by_task(config))[[*REPLICATE, "diverged"]]
    ends = final_metrics(histories).merge(measured, on=REPLICATE)
    lost = ends["diverged"].astype(bool)
    for column in ("metric", "validation_metric"):
        ends[column] = ends[column].mask(lost)
    names = {run: name for task in study.tasks for run, name in _named(study, config, task).items()}
    runs = [
        names[Run(task, "", method, level, None if branch in ("ticket", DENSE) else branch)]
        for task, method, level, branch in zip(ends["task"], ends["method"], ends["level"], ends["branch"], strict=True)
    ]
    ends[["pruning", "check", "level"]] = pd.DataFrame(runs, index=ends.index)
    return ends[list(MEASUREMENTS)]


def _named(study: Design, config: Config, task: str) -> dict[Run, tuple[str, str, int]]:
    """Run of a task, without its cohort -> how its mask was made, what was done to it, level of the task's method."""
    base, named = study.tasks[task], {Run(task, ""): (DENSE, UNCHANGED, 0)}
    chains = {
        base: (ITERATIVE, UNCHANGED),
        one_shot(base): (AFTER, UNCHANGED),
        inverted(one_shot(base)): (AFTER, INVERTED),
    }
    derived = {}
    for pruning in study.trained(config, task):
        derived[pruning.method] = (pruning.name, UNCHANGED)
        derived[inverted(pruning.method)] = (pruning.name, INVERTED)
    for run in study.runs(config):
        if run.task == task and run.level:
            pruning, check = (chains | derived)[run.method]
            level = study.levels[run.level - 1] if run.method in derived else run.level
            named[Run(task, "", run.method, run.level, run.branch)] = (pruning, run.branch or check, level)
    return named


def _collapse(study: Design, config: Config) -> pd.DataFrame:
    parts = []
    for task in study.tasks:
        for pruning in study.prunings(config, task):
            how = {"criterion": pruning.criterion, "iterations": pruning.iterations, "spacing": pruning.spacing}
            for cohort in config.tasks[task].cohorts:
                counted = read_table(collapse_file(config.results, task, cohort, pruning.method, study.rungs))
                parts.append(counted.assign(task=task, pruning=pruning.name, **how))
    return pd.concat(parts, ignore_index=True)[list(COLLAPSE)]


def critical_compressions(collapse: pd.DataFrame) -> pd.DataFrame:
    """Find the largest compression of every mask below the first that leaves a layer empty; 1 where there is none."""
    replicate = list(CRITICAL[:6])
    smallest = collapse.groupby([*replicate, "compression"], sort=False)["kept"].min().reset_index()
    sizes = collapse[collapse["compression"] == collapse["compression"].min()]
    of_network = sizes.groupby(replicate)["total"].agg(lambda total: total.sum() / len(total)).rename("maximal")
    first = smallest[smallest["kept"] == 0].groupby(replicate)["compression"].min().rename("first")
    rows = smallest.merge(first.reset_index(), on=replicate, how="left")
    below = rows[rows["first"].isna() | (rows["compression"] < rows["first"])]
    critical = below.groupby(replicate)["compression"].max().rename("critical")
    return pd.concat([critical, of_network], axis=1).fillna({"critical": 1.0}).reset_index()[list(CRITICAL)]


def _conservation(study: Design, config: Config) -> pd.DataFrame:
    parts = []
    for task in study.tasks:
        for cohort in config.tasks[task].cohorts:
            sums = read_table(saliency_file(config.results, task, cohort)).assign(task=task)
            between = sums.groupby(["score", "seed"])["total"].transform("mean")
            sums["layer_difference"] = (sums["total"] - between).abs() / between.abs()
            parts.append(sums.assign(mean=sums["total"] / sums["size"]))
    return pd.concat(parts, ignore_index=True)[list(CONSERVATION)]
