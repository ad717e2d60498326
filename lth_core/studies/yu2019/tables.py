"""The tables of the study of Yu et al. 2020, read from histories and from the headers of masks and weights."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from lth_core.analysis.measurements import REPLICATE, RUN, final_metrics, measure, metrics_by_task, read_histories
from lth_core.analysis.tables import read_table
from lth_core.config import Config, seeds_of
from lth_core.storage.paths import initial_file
from lth_core.storage.runs import DENSE, Run
from lth_core.storage.tensors import read_header, read_shapes
from lth_core.studies.yu2019.study import Design
from lth_core.tasks.metrics import metric_of, metrics_of

COLUMNS = (*REPLICATE, "remaining", "metric", "validation_metric", "untrained", "median", "diverged")

LAYERS = ("task", "method", "level", "seed", "layer", "kind", "kept")


def tables(study: Design, config: Config) -> dict[str, pd.DataFrame]:
    """Make the tables.

    `measurements`: one row per run and replicate: the task's metric at the end of training (`metric` on test data,
    `validation_metric`) and, of dense networks, before it (`untrained`); `median`: where the metric is a mean over
    episodes, their median; `remaining`: the fraction of all matrices' weights that is left, including those that are
    never pruned; `diverged`: whether training did. `layers`: the fraction that is `kept` of every pruned layer of every
    ticket, with its kind; nan where a chain has ended.
    """
    runs = study.runs(config)
    histories = read_histories(config, runs)
    measured = measure(histories, metrics_by_task(config))[[*REPLICATE, "diverged"]]
    wide = final_metrics(histories).merge(measured, on=REPLICATE)
    begins = histories[(histories["branch"] == DENSE) & (histories["step"] == 0) & (histories["split"] == "test")]
    untrained = begins[[*REPLICATE, "metric"]].rename(columns={"metric": "untrained"})
    wide = wide.merge(untrained, on=REPLICATE, how="left")
    wide = wide.merge(_medians(config, runs), on=[*RUN, "seed", "draw"], how="left")
    lost = wide["diverged"].astype(bool)
    for column in ("metric", "validation_metric", "median"):
        wide[column] = wide[column].mask(lost)
    never = {(run.task, run.cohort, run.method): _never_pruned(config, run) for run in runs if run.level}
    chains = zip(wide["task"], wide["cohort"], wide["method"], strict=True)
    fixed = pd.Series([never.get(chain, 0.0) for chain in chains], index=wide.index)
    wide["remaining"] = wide["density"] * (1 - fixed) + fixed
    layers = pd.DataFrame(_layers(config, runs), columns=list(LAYERS))
    return {"measurements": wide[list(COLUMNS)], "layers": layers}


def _medians(config: Config, runs: list[Run]) -> pd.DataFrame:
    """The median over test episodes at the end of every training that has one."""
    tables = [pd.DataFrame(columns=[*RUN, "seed", "draw", "median"])]
    for run in runs:
        column = f"median_{metric_of(config.tasks[run.task]).name}"
        if column in {metric.name for metric in metrics_of(config.tasks[run.task])}:
            history = read_table(run.history(config.results))
            ends = history[(history["step"] == history["step"].max()) & (history["split"] == "test")]
            named = [run.task, run.cohort, run.method, run.level, run.branch or ("ticket" if run.level else DENSE)]
            ends = ends.rename(columns={column: "median"}).assign(**dict(zip(RUN, named, strict=True)))
            tables.append(ends[[*RUN, "seed", "draw", "median"]])
    return pd.concat(tables[1:] or tables, ignore_index=True)


def _never_pruned(config: Config, run: Run) -> float:
    """The fraction of all matrices' weights that a run's method does not prune."""
    pruned = sum(read_header(run.mask(config.results))["total"].values())
    initial = initial_file(config.results, run.task, run.cohort)
    shapes, layers = read_shapes(initial), read_header(initial)["layers"]
    dense = read_header(Run(run.task, run.cohort).trained(config.results))
    everything = sum(math.prod(shapes[name][1:]) for name in layers) + sum(dense["unpruned"].values())
    return 1 - pruned / everything


def _layers(config: Config, runs: list[Run]) -> Iterator[tuple]:
    """What is kept of every layer of every ticket and seed."""
    for run in runs:
        if run.branch or not run.level:
            continue
        header = read_header(run.mask(config.results))
        kinds = read_header(initial_file(config.results, run.task, run.cohort))["layers"]
        for layer, kept in header["kept"].items():
            for seed, count, ended in zip(seeds_of(run.cohort), kept, header["diverged"], strict=True):
                fraction = math.nan if ended else count / header["total"][layer]
                yield run.task, run.method, run.level, seed, layer, kinds[layer], fraction
