"""The tables of the study of the early phase, read from histories, headers of masks and telemetry."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from lth_core.analysis.measurements import RUN, final_metrics, read_histories, strict_mean
from lth_core.analysis.tables import read_table
from lth_core.analysis.ties import all_equal
from lth_core.config import Config, seeds_of
from lth_core.storage.runs import DENSE, Run
from lth_core.storage.tensors import read_header
from lth_core.studies.early_phase.study import REFERENCES, Design

MEASUREMENT_COLUMNS = (
    *("task", "k", "level", "density", "family", "network", "seed", "draw"),
    *("metric", "validation_metric", "effective_std"),
)
"""`family`: treatment of a perturbation, or `reference`."""
PRETRAINING_COLUMNS = (
    *("task", "k", "level", "density", "pretraining", "network", "steps", "seed", "draw"),
    *("metric", "validation_metric"),
)
"""`pretraining`: its kind; `network`: what was pretrained, dense or sparse; `steps`: how long."""
TELEMETRY_COLUMNS = ("task", "seed", "step", "quantity", "value")

CORRELATION_DENSITY = 0.262
"""The density at which the paper compares effective standard deviation and accuracy."""


def tables(study: Design, config: Config) -> dict[str, pd.DataFrame]:
    """Make the three tables of the study.

    measurements: one row per task, rewind step k, level, network and replicate, dense networks at level 0. pretraining:
    one row per task, k, level, kind of pretraining, pretrained network, its steps and replicate. telemetry: what is
    measured in the first steps of dense training, one row per task, seed, step and quantity.

    `metric` (test accuracy) and `validation_metric` are those of the last step, nan where training diverged.
    `effective_std` is the standard deviation of what was added to the ticket's kept weights.
    """
    runs = study.runs(config)
    accuracies = final_metrics(read_histories(config, runs))
    rewind_steps = {(task, method): k for task, _, k, method in study.chains(config)}
    chains = zip(accuracies["task"], accuracies["method"], strict=True)
    accuracies["k"] = [rewind_steps.get(chain, 0) for chain in chains]
    return {
        "measurements": measurements(study, config, runs, accuracies),
        "pretraining": pretraining(study, accuracies),
        "telemetry": telemetry(study.telemetry_files(config)),
    }


def measurements(study: Design, config: Config, runs: Iterable[Run], accuracies: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracies of the references and perturbed tickets, with their effective standard deviations."""
    families = dict.fromkeys([DENSE, *REFERENCES], "reference")
    families |= {name: treatment.name for name, treatment in study.perturbations().items()}
    perturbed = accuracies[accuracies["branch"].isin(families)].merge(
        _effective_std(config.results, [run for run in runs if run.branch in families]),
        on=[*RUN, "seed", "draw"],
        how="left",
    )
    perturbed = perturbed.assign(family=perturbed["branch"].map(families)).rename(columns={"branch": "network"})
    return perturbed[list(MEASUREMENT_COLUMNS)]


def pretraining(study: Design, accuracies: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracies of the pretrained tickets, with what was pretrained, how and how long."""
    by_branch = {branch: source for task in study.tasks for branch, source in study.pretrainings(task).items()}
    pretrained = accuracies[accuracies["branch"].isin(by_branch)]
    sources = [by_branch[branch] for branch in pretrained["branch"]]
    pretrained = pretrained.assign(
        pretraining=[source.kind for source in sources],
        network=[source.network for source in sources],
        steps=[source.steps for source in sources],
    )
    return pretrained[list(PRETRAINING_COLUMNS)]


def _effective_std(results: str, runs: Iterable[Run]) -> pd.DataFrame:
    """Return RUN, seed, draw, effective_std, from the headers of the branches' masks."""
    rows = []
    for run in runs:
        deviations, seeds = read_header(run.mask(results))["effective_std"], seeds_of(run.cohort)
        draws = len(deviations) // len(seeds)
        replicates = [(seed, draw) for seed in seeds for draw in range(draws)]
        named = (run.task, run.cohort, run.method, run.level, run.branch)
        rows += [(*named, *replicate, value) for replicate, value in zip(replicates, deviations, strict=True)]
    return pd.DataFrame(rows, columns=[*RUN, "seed", "draw", "effective_std"])


def telemetry(files: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """Read the telemetry of all cohorts, given as pairs of task and file."""
    parts = [read_table(path).assign(task=task) for task, path in files]
    return pd.concat(parts, ignore_index=True)[list(TELEMETRY_COLUMNS)]


# ---------------------------------------------------------------- what claims and figures look up


def correlation(perturbed: pd.DataFrame) -> pd.Series:
    """Return Pearson's correlation of effective std and accuracy by seed, over the perturbations of one k and level.

    It is nan for a seed if one of its perturbations diverged, or if all are equally accurate.
    """
    rows = perturbed[perturbed["family"] != "reference"]
    means = rows.groupby(["seed", "network"])[["effective_std", "metric"]].agg(strict_mean)

    def of_seed(seed: pd.DataFrame) -> float:
        undefined = seed["metric"].isna().any() or all_equal(seed["metric"])
        return np.nan if undefined else seed["effective_std"].corr(seed["metric"])

    return means.groupby("seed").apply(of_seed)


def correlation_level(rows: pd.DataFrame) -> int:
    """Return the level whose density is nearest to CORRELATION_DENSITY."""
    densities = rows[rows["level"] > 0].groupby("level")["density"].mean()
    off = pd.Series(np.log(densities / CORRELATION_DENSITY)).abs()
    return int(off.index[int(off.argmin())])
