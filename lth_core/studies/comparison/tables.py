"""The tables of the comparison, read from histories, and from headers and changes of masks."""

from __future__ import annotations

import pandas as pd

from lth_core.analysis.measurements import (
    REPLICATE,
    RUN,
    final_metrics,
    measure,
    metrics_by_task,
    read_histories,
)
from lth_core.config import Config
from lth_core.storage.runs import DENSE, Run
from lth_core.studies.comparison.measured import Meter
from lth_core.studies.comparison.study import TOTAL, TRAINING, Design, Entry
from lth_core.studies.comparison.view import View
from lth_core.studies.contenders import label_of

ENTRY = ["task", "budget", "method", "density", "seed"]

COLUMNS = (*ENTRY, "draw", "steps", "kept", "metric", "validation_metric", "diverged")
"""`steps` of the ticket's training; `kept`: the fraction of the weights in its mask at the end."""

COSTS = (*ENTRY, "steps", "search_flops", "training_flops", "total_flops", "search", "training", "total")
"""`search`, `training` and `total`: as multiples of one training of the dense network; `steps` of the ticket's
training."""

METHODS = ("task", "method", "label", "group", "left_out")
"""`left_out`: why a method is not compared; empty where it is. `group`: the kind of method, which figures show by
colour."""

RANKS = ("task", "budget", "density", "method", "gain", "rank", "best", "worst", "seeds")


def tables(study: Design, config: Config) -> dict[str, pd.DataFrame]:
    """Make the tables.

    measurements: one row per task, budget, method, density and replicate, at the last step (nan where it diverged).
    costs: what search and training cost each of these. ranks: the methods of each task, budget and density by the
    metric on test data: the mean difference from the dense network in its unit (`gain`), the `rank`, and the ends of
    its simultaneous 95% interval (`best`, `worst`). methods: what is compared and what is left out.

    `budget`: `training`, every ticket is trained as the recipe says, or `total`, search and training cost the same;
    empty of dense networks. `method`: as the study's option `compare` names it, or `dense`.
    """
    entries = list(study.entries(config))
    measurements = measured(study, config, entries)
    return {
        "measurements": measurements,
        "costs": costs(config, entries),
        "ranks": ranks(study, config, measurements),
        "methods": pd.DataFrame(_methods(study, config), columns=list(METHODS)),
    }


def measured(study: Design, config: Config, entries: list[Entry]) -> pd.DataFrame:
    """Read the metrics at the end of every compared training, and of dense networks."""
    histories = read_histories(config, study.runs(config))
    diverged = measure(histories, metrics_by_task(config))[[*REPLICATE, "diverged"]]
    ends = final_metrics(histories).merge(diverged, on=REPLICATE)
    for column in ("metric", "validation_metric"):
        ends[column] = ends[column].mask(ends["diverged"].astype(bool))
    by_run = dict(iter(ends.groupby(RUN)))
    parts = []
    for task in study.tasks:
        for cohort in config.tasks[task].cohorts:
            rows, steps = by_run[_key(Run(task, cohort))], config.tasks[task].train.steps
            parts.append(rows.assign(budget="", method=DENSE, kept=1.0, density=1.0, steps=steps))
    for entry in entries:
        steps = entry.contender.training_steps(config.tasks[entry.run.task].train.steps)
        named = {"task": entry.task, "budget": entry.budget, "method": entry.contender.name, "steps": steps}
        rows = by_run[_key(entry.run)]
        parts.append(rows.assign(**named, kept=rows["density"], density=entry.density))
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def _key(run: Run) -> tuple:
    return run.task, run.cohort, run.method, run.level, run.branch or ("ticket" if run.level else DENSE)


def costs(config: Config, entries: list[Entry]) -> pd.DataFrame:
    """Measure what every compared training costs."""
    meters: dict[tuple[str, str], Meter] = {}
    rows = []
    for entry in entries:
        where = (entry.task, entry.run.cohort)
        meter = meters.setdefault(where, Meter(config, *where))
        steps = entry.contender.training_steps(config.tasks[entry.run.task].train.steps)
        for seed, cost in meter.costs(entry):
            parts = (cost.search, cost.training, cost.search + cost.training)
            multiples = [part / cost.dense for part in parts]
            rows.append(
                (entry.task, entry.budget, entry.contender.name, entry.density, seed, steps, *parts, *multiples)
            )
    return pd.DataFrame(rows, columns=list(COSTS))


def ranks(study: Design, config: Config, measurements: pd.DataFrame) -> pd.DataFrame:
    """Rank the methods of every task, budget and density."""
    parts = []
    for task in study.tasks:
        view = View(study, config, {"measurements": measurements}, task)
        for budget, densities in ((TRAINING, study.densities), (TOTAL, study.total_densities)):
            for density in densities:
                named = {"task": task, "budget": budget, "density": density, "seeds": view.seeds}
                parts.append(view.ranks(density, budget).assign(**named))
    return pd.concat(parts, ignore_index=True)[list(RANKS)]


def _methods(study: Design, config: Config) -> list[tuple]:
    rows = []
    for task in study.tasks:
        compared = [(task, one.name, one.label, one.group, "") for one in study.contenders(config, task)]
        left_out = study.left_out(config, task)
        rows += [*compared, *((task, name, label_of(name), "", why) for name, why in left_out.items())]
    return rows
